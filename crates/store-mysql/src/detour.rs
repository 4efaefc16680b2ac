//! When many leads go the long way at once, because others of late were not all new.

use std::sync::atomic::{AtomicU32, Ordering};

/// Batches that go the long way after one that turned out not to be all new: where duplicates are
/// common, one batch in so many is written in vain.
const BATCHES: u32 = 32;

/// How many batches are still to go the long way.
#[derive(Default)]
pub(crate) struct Detour(AtomicU32);

impl Detour {
    /// A batch was not all new.
    pub(crate) fn begin(&self) {
        self.0.store(BATCHES, Ordering::Relaxed);
    }

    /// Whether a batch may go the short way; counts one that may not.
    pub(crate) fn is_over(&self) -> bool {
        let one_less = |left: u32| left.checked_sub(1);
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less)
            .is_err()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_detour_is_over_after_some_batches() {
        let detour = Detour::default();
        assert!(detour.is_over());
        detour.begin();
        for _ in 0..BATCHES {
            assert!(!detour.is_over());
        }
        assert!(detour.is_over());
    }
}
