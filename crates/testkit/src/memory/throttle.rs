//! Limits on how often.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use auth::ports::Throttle;
use auth::{Allowance, Quota, ThrottleKey};
use kernel::Clock;

use super::lock;

/// The generic cell rate algorithm: a key is known by the moment its quota is whole again.
pub struct MemoryThrottle {
    clock: Arc<dyn Clock>,
    /// In microseconds since the epoch.
    whole_at_us: Mutex<HashMap<ThrottleKey, u64>>,
}

impl MemoryThrottle {
    /// Nothing is counted yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            whole_at_us: Mutex::default(),
        }
    }
}

#[async_trait]
impl Throttle for MemoryThrottle {
    async fn take(&self, key: &ThrottleKey, quota: Quota) -> Allowance {
        let now = self.clock.now().unix_ms() * 1_000;
        let window = u64::try_from(quota.window.as_micros()).unwrap_or(u64::MAX);
        let limit = u64::from(quota.limit.max(1));
        let step = (window / limit).max(1);

        let mut all = lock(&self.whole_at_us);
        let whole_at = all.entry(key.clone()).or_insert(now);
        let after_this = (*whole_at).max(now) + step;
        let allowed = after_this - now <= step * limit;
        if allowed {
            *whole_at = after_this;
        }
        let debt = (*whole_at).saturating_sub(now);
        let remaining = (step * limit).saturating_sub(debt) / step;
        let wait_for_next = (debt + step).saturating_sub(step * limit);
        Allowance {
            allowed,
            remaining: u32::try_from(remaining).unwrap_or(u32::MAX),
            reset_after: Duration::from_micros(debt),
            retry_after: if allowed {
                Duration::ZERO
            } else {
                Duration::from_micros(wait_for_next)
            },
        }
    }
}
