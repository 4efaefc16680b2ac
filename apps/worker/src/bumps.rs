//! Bumps of a cache that others share, not too many.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use lead::ports::{LeadCache, Load, ReadKey, StoreError};
use tokio::sync::{Mutex, Notify};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// A cache for those who write and do not read. A bump that follows another one too soon is
/// postponed, together with all that come until then: lists may be as old as that. A lone bump is
/// passed on at once.
pub struct SpacedBumps {
    inner: Arc<dyn LeadCache>,
    every: Duration,
    next_at: Mutex<Instant>,
    is_postponed: AtomicBool,
    postponed: Notify,
}

impl SpacedBumps {
    /// Spaces bumps of `inner`, `every` apart at least.
    pub fn new(inner: Arc<dyn LeadCache>, every: Duration) -> Self {
        Self {
            inner,
            every,
            next_at: Mutex::new(Instant::now()),
            is_postponed: AtomicBool::new(false),
            postponed: Notify::new(),
        }
    }

    /// Passes on what was postponed, until `stop` is cancelled and nothing is.
    pub async fn pass_on(&self, stop: &CancellationToken) {
        loop {
            let wait = async {
                self.postponed.notified().await;
                let next_at = *self.next_at.lock().await;
                sleep_until(next_at).await;
            };
            let is_over = stop.run_until_cancelled(wait).await.is_none();
            // Unless one that came when it was due has been passed on for it.
            if self.is_postponed.load(Ordering::Acquire) && (self.is_due().await || is_over) {
                self.inner.bump().await;
            }
            if is_over {
                return;
            }
        }
    }

    /// Whether a bump may be passed on now, for those as well that were postponed; then the next one
    /// has to wait.
    async fn is_due(&self) -> bool {
        let mut next_at = self.next_at.lock().await;
        let now = Instant::now();
        let is_due = *next_at <= now;
        if is_due {
            *next_at = now + self.every;
            self.is_postponed.store(false, Ordering::Release);
        }
        is_due
    }
}

#[async_trait]
impl LeadCache for SpacedBumps {
    async fn read(&self, key: &ReadKey, load: Load<'_>) -> Result<Option<Arc<[u8]>>, StoreError> {
        self.inner.read(key, load).await
    }

    async fn bump(&self) {
        if self.is_due().await {
            self.inner.bump().await;
        } else {
            self.is_postponed.store(true, Ordering::Release);
            self.postponed.notify_one();
        }
    }

    async fn clear(&self) {
        self.inner.clear().await;
    }
}
