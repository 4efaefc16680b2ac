//! What the host gives: the time and random bits.

use std::time::{SystemTime, UNIX_EPOCH};

use kernel::{Clock, Entropy, Timestamp};

/// The host's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::from_unix_ms(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
    }
}

/// The operating system's random bits.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    /// # Panics
    ///
    /// When the operating system has no random bits, since nothing that is made without them
    /// would be safe.
    fn random_u64(&self) -> u64 {
        match getrandom::u64() {
            Ok(bits) => bits,
            Err(error) => panic!("the operating system gives no random bits: {error}"),
        }
    }
}
