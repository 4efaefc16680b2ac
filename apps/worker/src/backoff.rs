//! Waits that grow, each a little different from everybody else's.

use std::sync::Arc;
use std::time::Duration;

use kernel::Entropy;

/// The shortest wait.
const LEAST: Duration = Duration::from_millis(100);
/// The longest wait.
const MOST: Duration = Duration::from_secs(5);

/// Decorrelated jitter: each wait lies between the least and three times the one before.
pub(crate) struct Backoff {
    entropy: Arc<dyn Entropy>,
    last: Duration,
}

impl Backoff {
    pub(crate) fn new(entropy: Arc<dyn Entropy>) -> Self {
        Self {
            entropy,
            last: LEAST,
        }
    }

    /// The next wait, from [`LEAST`] to [`MOST`].
    pub(crate) fn next_wait(&mut self) -> Duration {
        let most_ms = (self.last * 3).min(MOST).as_millis();
        let least_ms = LEAST.as_millis();
        let span_ms = most_ms.saturating_sub(least_ms) + 1;
        let wait_ms = least_ms + u128::from(self.entropy.random_u64()) % span_ms;
        self.last = Duration::from_millis(u64::try_from(wait_ms).unwrap_or(u64::MAX));
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::memory::SeededEntropy;

    #[test]
    fn waits_stay_within_their_bounds_and_reach_seconds() {
        let mut backoff = Backoff::new(Arc::new(SeededEntropy::new(7)));

        let waits: Vec<Duration> = (0..1_000).map(|_| backoff.next_wait()).collect();

        assert!(waits.iter().all(|it| (LEAST..=MOST).contains(it)));
        assert!(waits.iter().any(|it| *it > Duration::from_secs(2)));
        assert!(waits[0] <= LEAST * 3);
    }
}
