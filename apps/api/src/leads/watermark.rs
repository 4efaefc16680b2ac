//! How much may wait in the queue before new work is refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lead::ports::QueueMonitor;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::failure::unavailable;
use crate::problem::{Problem, ProblemKind};
use crate::settings::Watermarks;

/// How old a look at the queue may be.
const LOOK_AGE: Duration = Duration::from_secs(1);
/// How long a look may take; what was seen before counts on.
const LOOK_TIME: Duration = Duration::from_millis(250);

/// The depth of the queue, looked at no more often than each second.
pub(crate) struct Watermark {
    monitor: Arc<dyn QueueMonitor>,
    marks: Watermarks,
    ready: AtomicU64,
    looked_at: Mutex<Option<Instant>>,
}

impl Watermark {
    pub(crate) fn new(monitor: Arc<dyn QueueMonitor>, marks: Watermarks) -> Self {
        Self {
            monitor,
            marks,
            ready: AtomicU64::new(0),
            looked_at: Mutex::new(None),
        }
    }

    /// Lets a bulk submission in.
    ///
    /// # Errors
    ///
    /// 503 when too much waits.
    pub(crate) async fn admit_bulk(&self) -> Result<(), Problem> {
        self.admit(self.marks.bulk).await
    }

    /// Lets a single lead in; there is room for these when there is none for bulk any more.
    ///
    /// # Errors
    ///
    /// 503 when too much waits.
    pub(crate) async fn admit_single(&self) -> Result<(), Problem> {
        self.admit(self.marks.single).await
    }

    async fn admit(&self, mark: u64) -> Result<(), Problem> {
        self.look().await;
        if self.ready.load(Ordering::Relaxed) >= mark {
            return Err(unavailable(ProblemKind::Overloaded)
                .detail("too many leads wait to be stored")
                .closing());
        }
        Ok(())
    }

    /// One request a second looks; the others go by what it saw.
    async fn look(&self) {
        let Ok(mut looked_at) = self.looked_at.try_lock() else {
            return;
        };
        if looked_at.is_some_and(|it| it.elapsed() < LOOK_AGE) {
            return;
        }
        *looked_at = Some(Instant::now());
        match timeout(LOOK_TIME, self.monitor.depths()).await {
            Ok(Ok(depths)) => {
                let ready = depths.iter().map(|it| it.ready).sum();
                self.ready.store(ready, Ordering::Relaxed);
            }
            // Publishing itself tells when the queue is away.
            Ok(Err(error)) => tracing::debug!(%error, "queue depth is not known"),
            Err(_) => tracing::debug!("queue depth is not known in time"),
        }
    }
}
