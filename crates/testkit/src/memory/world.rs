//! Time, chance and health.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use kernel::{Cause, Clock, Entropy, Probe, Timestamp};

use super::{Away, lock};

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct ManualClock(Mutex<Timestamp>);

impl ManualClock {
    /// A clock that shows `at`.
    pub fn at(at: Timestamp) -> Self {
        Self(Mutex::new(at))
    }

    /// Moves the clock on.
    pub fn advance(&self, by: Duration) {
        let mut now = lock(&self.0);
        *now = now.plus(by);
    }

    /// Sets the clock, back as well.
    pub fn set(&self, at: Timestamp) {
        *lock(&self.0) = at;
    }
}

/// Shows the moment it is made, so that ids and tokens are of today.
impl Default for ManualClock {
    fn default() -> Self {
        Self::at(TickingClock.now())
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *lock(&self.0)
    }
}

/// The host's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct TickingClock;

impl Clock for TickingClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::from_unix_ms(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

/// Bits that are the same for the same seed (`SplitMix64`).
#[derive(Debug)]
pub struct SeededEntropy(AtomicU64);

impl SeededEntropy {
    /// The sequence of that seed.
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }
}

const SPLIT_MIX_STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl Entropy for SeededEntropy {
    fn random_u64(&self) -> u64 {
        let state = self.0.fetch_add(SPLIT_MIX_STEP, Ordering::Relaxed);
        let mixed = state.wrapping_add(SPLIT_MIX_STEP);
        let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// A probe that answers until it is told not to.
#[derive(Debug, Default)]
pub struct AlwaysWell(AtomicBool);

impl AlwaysWell {
    /// From now on the dependency is away, or back.
    pub fn set_away(&self, away: bool) {
        self.0.store(away, Ordering::SeqCst);
    }
}

#[async_trait]
impl Probe for AlwaysWell {
    async fn probe(&self) -> Result<(), Cause> {
        if self.0.load(Ordering::SeqCst) {
            Err(Cause::new(Away))
        } else {
            Ok(())
        }
    }
}
