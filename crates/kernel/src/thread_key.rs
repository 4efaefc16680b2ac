//! The key that ties everything one request caused together.

use std::fmt;

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
        let mut text = String::with_capacity(Self::MAX_BYTES);
        push_digits::<10>(
            &mut text,
            seconds,
            seconds.checked_ilog10().unwrap_or(0) + 1,
        );
        text.push('-');
        push_digits::<10>(&mut text, digits, 6);
        text.push('-');
        push_digits::<16>(&mut text, hex, 10);
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

/// Appends the last `width` digits of a number to a base of up to 16.
fn push_digits<const BASE: u64>(text: &mut String, mut number: u64, width: u32) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut room = [0; ThreadKey::MAX_BYTES];
    let room = &mut room[..width as usize];
    for digit in room.iter_mut().rev() {
        let [value, ..] = (number % BASE).to_le_bytes();
        *digit = DIGITS[usize::from(value)];
        number /= BASE;
    }
    text.push_str(std::str::from_utf8(room).unwrap_or_default());
}

/// The text is no thread key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a thread key")]
pub struct ThreadKeyError;
