//! Changes of a token that Redis has not taken yet.

use std::sync::atomic::{AtomicU64, Ordering};

/// How often a token had to change, and up to which of these times it did.
#[derive(Default)]
pub(crate) struct Debt {
    owed: AtomicU64,
    paid: AtomicU64,
}

impl Debt {
    /// The token has to change.
    pub(crate) fn owe(&self) {
        self.owed.fetch_add(1, Ordering::SeqCst);
    }

    /// How often the token had to change so far.
    pub(crate) fn epoch(&self) -> u64 {
        self.owed.load(Ordering::SeqCst)
    }

    /// What is to be told to [`Debt::pay`] once the token has changed; none when nothing is owed.
    pub(crate) fn due(&self) -> Option<u64> {
        let owed = self.epoch();
        (self.paid.load(Ordering::SeqCst) < owed).then_some(owed)
    }

    /// The token changed after [`Debt::due`] said this.
    pub(crate) fn pay(&self, due: u64) {
        self.paid.fetch_max(due, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_owed_after_a_payment_began_stays_owed() {
        let debt = Debt::default();
        assert_eq!(debt.due(), None);
        debt.owe();
        let due = debt.due();
        debt.owe();

        debt.pay(due.unwrap_or_default());
        assert_eq!(debt.due(), Some(2));
        debt.pay(2);
        assert_eq!(debt.due(), None);
    }
}
