//! Waits that grow, each a little different from everybody else's.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::time::Duration;

/// The shortest wait.
const LEAST: Duration = Duration::from_millis(100);
/// The longest wait.
const MOST: Duration = Duration::from_secs(1);

/// Decorrelated jitter: each wait lies between the least and three times the one before.
pub(crate) struct Backoff {
    last: Duration,
}

impl Backoff {
    pub(crate) fn new() -> Self {
        Self { last: LEAST }
    }

    pub(crate) fn next_wait(&mut self) -> Duration {
        let most_ms = (self.last * 3).min(MOST).as_millis();
        let least_ms = LEAST.as_millis();
        let span_ms = most_ms.saturating_sub(least_ms) + 1;
        // Every hasher of this kind starts with keys of its own.
        let random = RandomState::new().hash_one(most_ms);
        let wait_ms = least_ms + u128::from(random) % span_ms;
        self.last = Duration::from_millis(u64::try_from(wait_ms).unwrap_or(u64::MAX));
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_stay_within_their_bounds_and_differ() {
        let mut backoff = Backoff::new();

        let waits: Vec<Duration> = (0..1_000).map(|_| backoff.next_wait()).collect();

        assert!(waits.iter().all(|it| (LEAST..=MOST).contains(it)));
        assert!(waits[0] <= LEAST * 3);
        assert!(waits.iter().any(|it| *it > MOST / 2));
        assert!(waits.windows(2).any(|pair| pair[0] != pair[1]));
    }
}
