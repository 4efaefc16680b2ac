//! The key that ties everything one request caused together.

use std::fmt;

use crate::digits::put_digits;
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
        let seconds = now.unix_seconds();
        let width = seconds.checked_ilog10().map_or(1, |it| it as usize + 1);
        let mut text = [b'-'; Self::MAX_BYTES];
        put_digits::<10>(&mut text[..width], seconds);
        put_digits::<10>(&mut text[width + 1..width + 7], digits);
        put_digits::<16>(&mut text[width + 8..width + 18], hex);
        let text = str::from_utf8(&text[..width + 18]).unwrap_or_default();
        Self(text.to_owned())
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
