//! Time-ordered ids (UUID version 7, RFC 9562).

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use uuid::Uuid;

use crate::{Clock, Timestamp};

/// Who has an account; also who sent a lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(pub Uuid);

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A source of random bits that nobody can foresee.
pub trait Entropy: Send + Sync + 'static {
    /// 64 random bits.
    fn random_u64(&self) -> u64;
}

/// The 74 bits of a version 7 UUID that are neither time nor version nor variant.
const RANDOM_BITS: u32 = 74;
const RANDOM_MASK: u128 = (1 << RANDOM_BITS) - 1;
/// Room that is left for counting up within one millisecond.
const START_MASK: u128 = RANDOM_MASK >> 1;

/// A version 7 UUID of the moment `at`, with the low 74 bits of `random`.
pub fn uuid_at(at: Timestamp, random: u128) -> Uuid {
    let random = random & RANDOM_MASK;
    let high = random >> 62;
    let low = random & ((1 << 62) - 1);
    let bits = (u128::from(at.unix_ms()) << 80) | (0x7 << 76) | (high << 64) | (0b10 << 62) | low;
    Uuid::from_u128(bits)
}

/// The moment in a version 7 UUID.
///
/// # Errors
///
/// [`IdError`] when the id is of another version.
pub fn time_of_uuid(id: Uuid) -> Result<Timestamp, IdError> {
    if id.get_version_num() != 7 {
        return Err(IdError);
    }
    let ms = u64::try_from(id.as_u128() >> 80).unwrap_or(u64::MAX);
    Ok(Timestamp::from_unix_ms(ms))
}

/// The id carries no time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a version 7 id")]
pub struct IdError;

/// Makes ids that only ever go up within a process, also when the clock is set back.
pub struct IdSource {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    last: Mutex<(u64, u128)>,
}

impl IdSource {
    /// A source on this clock and entropy.
    pub fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self {
            clock,
            entropy,
            last: Mutex::new((0, 0)),
        }
    }

    /// The next id: later than every one before it, and hard to guess.
    pub fn next(&self) -> Uuid {
        let now_ms = self.clock.now().unix_ms();
        let fresh =
            (u128::from(self.entropy.random_u64()) << 64) | u128::from(self.entropy.random_u64());
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (last_ms, last_random) = *last;
        *last = if now_ms > last_ms {
            (now_ms, fresh & START_MASK)
        } else {
            let step = (fresh & u128::from(u32::MAX)) + 1;
            match last_random + step {
                random if random <= RANDOM_MASK => (last_ms, random),
                _ => (last_ms + 1, fresh & START_MASK),
            }
        };
        uuid_at(Timestamp::from_unix_ms(last.0), last.1)
    }
}
