//! The key that ties everything one request caused together.

use std::fmt;
use std::fmt::Write as _;

use crate::{Entropy, Timestamp};

/// `{unix seconds}-{6 digits}-{10 hex}`, one for each request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ThreadKey(String);

impl ThreadKey {
    /// The longest key that is read back, in bytes: 20 digits of seconds and the two random parts.
    pub const MAX_BYTES: usize = 40;

    /// A new key for a request that came in at `now`.
    pub fn new(now: Timestamp, entropy: &dyn Entropy) -> Self {
        let random = entropy.random_u64();
        let digits = random % 1_000_000;
        let hex = (random / 1_000_000) & 0xff_ffff_ffff;
        let mut text = String::with_capacity(Self::MAX_BYTES);
        // Writing to a `String` cannot fail.
        let _ = write!(text, "{}-{digits:06}-{hex:010x}", now.unix_seconds());
        Self(text)
    }

    /// Reads a key back, from a message or a store.
    ///
    /// # Errors
    ///
    /// [`ThreadKeyError`] when the text has another form.
    pub fn parse(text: &str) -> Result<Self, ThreadKeyError> {
        let mut parts = text.split('-');
        let well_formed = text.len() <= Self::MAX_BYTES
            && parts
                .next()
                .is_some_and(|s| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit()))
            && parts
                .next()
                .is_some_and(|s| s.len() == 6 && s.bytes().all(|b| b.is_ascii_digit()))
            && parts
                .next()
                .is_some_and(|s| s.len() == 10 && s.bytes().all(|b| b.is_ascii_hexdigit()))
            && parts.next().is_none();
        if well_formed {
            Ok(Self(text.to_owned()))
        } else {
            Err(ThreadKeyError)
        }
    }

    /// The key as it is sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ThreadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is no thread key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a thread key")]
pub struct ThreadKeyError;
