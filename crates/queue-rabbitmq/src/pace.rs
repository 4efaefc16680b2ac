//! When single leads go out: a broker takes several times as long for two small messages as for one
//! of both, so those that come at the same time share one.

use std::time::Duration;

use tokio::time::Instant;

/// Single leads that share a message: few enough that a worker's batch takes several.
pub(crate) const SHARED_MAX_LEADS: usize = 200;
/// How long single leads wait for company at most while others are being confirmed. A lead that comes
/// alone does not wait.
const COMPANY_WAIT: Duration = Duration::from_millis(10);
/// How long single leads wait, once the others are confirmed, for those whose senders have just been
/// answered and come again.
const RETURN_WAIT: Duration = Duration::from_millis(2);

/// What is known of the senders of single leads.
#[derive(Default)]
pub(crate) struct Pace {
    /// Windows of single leads that are being confirmed.
    under_way: usize,
    last: Option<Confirmed>,
}

/// The last time that a window was confirmed, and how many senders of single leads there were then.
#[derive(Clone, Copy)]
struct Confirmed {
    at: Instant,
    senders: usize,
}

impl Pace {
    /// Whether it changes anything for who publishes that now so many wait: it knows when the first
    /// is due.
    pub(crate) fn is_news(&self, waiting: usize) -> bool {
        waiting == 1 || waiting == self.enough()
    }

    /// When those who wait are due, of whom the oldest came then.
    pub(crate) fn due_at(&self, waiting: usize, oldest: Instant, now: Instant) -> Instant {
        if waiting >= self.enough() {
            now
        } else if self.under_way > 0 {
            oldest + COMPANY_WAIT
        } else {
            self.last.map_or(now, |it| it.at + RETURN_WAIT)
        }
    }

    /// A window goes out.
    pub(crate) fn sent(&mut self) {
        self.under_way += 1;
    }

    /// A window is confirmed, or given up, of so many; so many wait.
    pub(crate) fn confirmed(&mut self, at: Instant, answered: usize, waiting: usize) {
        self.under_way -= 1;
        self.last = Some(Confirmed {
            at,
            senders: answered + waiting,
        });
    }

    /// So many need no more company: most of those who were there last, or a message that is full.
    fn enough(&self) -> usize {
        match self.last {
            Some(last) if self.under_way == 0 => (last.senders * 3 / 4).clamp(1, SHARED_MAX_LEADS),
            _ => SHARED_MAX_LEADS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After a window of so many, with so many waiting by then.
    fn after(answered: usize, waiting: usize) -> (Pace, Instant) {
        let (mut pace, at) = (Pace::default(), Instant::now());
        pace.sent();
        pace.confirmed(at, answered, waiting);
        (pace, at)
    }

    #[test]
    fn the_first_lead_goes_out_at_once() {
        let now = Instant::now();
        assert_eq!(Pace::default().due_at(1, now, now), now);
        assert!(Pace::default().is_news(1));
    }

    #[test]
    fn a_sender_alone_never_waits() {
        let (pace, at) = after(1, 0);
        assert_eq!(pace.due_at(1, at, at), at);
    }

    #[test]
    fn while_others_are_confirmed_leads_wait_until_a_message_is_full_and_no_longer_than_said() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        pace.sent();
        let few = SHARED_MAX_LEADS - 1;
        assert_eq!(pace.due_at(few, now, now), now + COMPANY_WAIT);
        assert_eq!(pace.due_at(SHARED_MAX_LEADS, now, now), now);
        assert!(pace.is_news(SHARED_MAX_LEADS) && !pace.is_news(few));
    }

    #[test]
    fn who_was_answered_is_waited_for_until_most_are_back_and_no_longer_than_said() {
        let (pace, at) = after(30, 10);
        assert_eq!(pace.due_at(29, at, at), at + RETURN_WAIT);
        assert_eq!(pace.due_at(30, at, at), at);
        assert!(pace.is_news(30) && !pace.is_news(29));
    }

    #[test]
    fn nobody_is_waited_for_once_all_that_is_past() {
        let (pace, at) = after(40, 0);
        let later = at + 10 * RETURN_WAIT;
        assert!(pace.due_at(1, later, later) <= later);
    }
}
