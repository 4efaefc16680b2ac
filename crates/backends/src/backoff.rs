//! Waits that grow, each a little different from everybody else's.

use std::sync::Arc;
use std::time::Duration;

use kernel::Entropy;

/// The shortest wait.
const LEAST: Duration = Duration::from_millis(100);
/// The longest wait.
const MOST: Duration = Duration::from_secs(5);

/// Decorrelated jitter: each wait lies between 100 ms and three times the one before, and none is
/// over 5 s.
pub struct Backoff {
    entropy: Arc<dyn Entropy>,
    last: Duration,
}

impl Backoff {
    /// Begins with short waits.
    pub fn new(entropy: Arc<dyn Entropy>) -> Self {
        Self {
            entropy,
            last: LEAST,
        }
    }

    /// The next wait.
    pub fn next_wait(&mut self) -> Duration {
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
    use crate::OsEntropy;

    #[test]
    fn waits_stay_within_their_bounds_and_reach_seconds() {
        let mut backoff = Backoff::new(Arc::new(OsEntropy));

        let waits: Vec<Duration> = (0..1_000).map(|_| backoff.next_wait()).collect();

        assert!(waits.iter().all(|it| (LEAST..=MOST).contains(it)));
        assert!(waits.iter().any(|it| *it > Duration::from_secs(2)));
        assert!(waits[0] <= LEAST * 3);
    }
}
