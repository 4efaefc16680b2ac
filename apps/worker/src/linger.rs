//! How long a part-full batch waits for more.

use std::time::Duration;

/// Waits only while messages keep coming, so that a lone lead is stored at once and a stream of
/// single leads shares its transactions.
pub(crate) struct Linger {
    most: Duration,
    they_keep_coming: bool,
}

impl Linger {
    pub(crate) fn new(most: Duration) -> Self {
        Self {
            most,
            they_keep_coming: false,
        }
    }

    /// For the next call.
    pub(crate) fn next_wait(&self) -> Duration {
        if self.they_keep_coming {
            self.most
        } else {
            Duration::ZERO
        }
    }

    /// Takes note of what a call that took `took` brought.
    pub(crate) fn seen(&mut self, messages: usize, took: Duration) {
        let at_once = took < self.most.max(Duration::from_millis(1));
        self.they_keep_coming = messages > 1 || (messages == 1 && at_once);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: Duration = Duration::from_millis(20);

    #[test]
    fn a_lone_lead_does_not_wait() {
        let mut linger = Linger::new(MOST);
        assert_eq!(linger.next_wait(), Duration::ZERO);

        linger.seen(1, Duration::from_secs(1));

        assert_eq!(linger.next_wait(), Duration::ZERO);
    }

    #[test]
    fn while_messages_keep_coming_a_batch_waits_for_more() {
        let mut linger = Linger::new(MOST);

        linger.seen(1, Duration::from_millis(2));
        assert_eq!(linger.next_wait(), MOST);
        linger.seen(3, Duration::from_millis(25));
        assert_eq!(linger.next_wait(), MOST);

        linger.seen(1, Duration::from_millis(25));
        assert_eq!(linger.next_wait(), Duration::ZERO);
    }
}
