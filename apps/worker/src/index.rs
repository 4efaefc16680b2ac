//! Keeping the store's index of texts close behind its leads.

use std::sync::Arc;
use std::time::Duration;

use lead::ports::{LeadStore, StoreError};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// Between two looks for something to do.
const EVERY: Duration = Duration::from_millis(500);
/// After an error, so that a store that is away is not asked all the time.
const AFTER_ERROR: Duration = Duration::from_secs(5);

/// Indexes what was stored.
pub(crate) struct Index {
    pub(crate) store: Arc<dyn LeadStore>,
}

impl Index {
    /// Takes steps until `stop` is cancelled.
    pub(crate) async fn keep_up(self, stop: CancellationToken) {
        stop.run_until_cancelled(async {
            loop {
                let pause = match self.store.index().await {
                    Ok(indexed) if indexed.more => continue,
                    Ok(_) => EVERY,
                    Err(error) => {
                        warn(&error);
                        AFTER_ERROR
                    }
                };
                sleep(pause).await;
            }
        })
        .await;
    }
}

fn warn(error: &StoreError) {
    tracing::warn!(%error, "indexing put off");
}
