//! Keeping house: forgetting what is old, counting anew.

use std::sync::Arc;
use std::time::Duration;

use kernel::Clock;
use lead::ports::{LeadStore, StoreError};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

/// How often.
const EVERY: Duration = Duration::from_hours(1);
/// How long after the start for the first time, so that a start has other things to do.
const FIRST_AFTER: Duration = Duration::from_mins(1);
/// Between two small batches, so that leads pass in between.
const PAUSE: Duration = Duration::from_millis(50);

/// Forgets old results and recounts the totals.
pub(crate) struct House {
    pub(crate) store: Arc<dyn LeadStore>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) results_age: Duration,
}

impl House {
    /// Keeps house until `stop` is cancelled.
    pub(crate) async fn keep(self, stop: CancellationToken) {
        stop.run_until_cancelled(async {
            let mut next = Instant::now() + FIRST_AFTER;
            loop {
                sleep_until(next).await;
                next += EVERY;
                if let Err(error) = self.once().await {
                    tracing::warn!(%error, "housekeeping put off");
                }
            }
        })
        .await;
    }

    async fn once(&self) -> Result<(), StoreError> {
        self.store.recount().await?;
        let before = self.clock.now().minus(self.results_age);
        let mut forgotten = 0;
        loop {
            match self.store.forget(before).await? {
                0 => break,
                some => forgotten += some,
            }
            sleep(PAUSE).await;
        }
        if forgotten > 0 {
            tracing::info!(rows = forgotten, "forgot old results");
        }
        Ok(())
    }
}
