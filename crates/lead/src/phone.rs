//! Phone numbers.

use kernel::{is_longer, trimmed};

/// A phone number as a person writes it: ASCII digits, space and `+ - ( ) .`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Phone(Box<str>);

impl Phone {
    /// The longest number, in characters.
    pub const MAX_CHARS: usize = 20;

    /// Reads a number, trimming white space around it.
    ///
    /// # Errors
    ///
    /// See [`PhoneError`]; the text is never part of the error.
    pub fn parse(raw: &str) -> Result<Self, PhoneError> {
        let phone = trimmed(raw);
        if is_longer(phone, Self::MAX_CHARS) {
            return Err(PhoneError::TooLong);
        }
        let allowed = |byte: u8| {
            byte.is_ascii_digit() || matches!(byte, b' ' | b'+' | b'-' | b'(' | b')' | b'.')
        };
        if !phone.is_empty() && phone.bytes().all(allowed) {
            Ok(Self(phone.into()))
        } else {
            Err(PhoneError::Malformed)
        }
    }

    /// The number as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text is no phone number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PhoneError {
    /// More than [`Phone::MAX_CHARS`] characters.
    #[error("phone number is too long")]
    TooLong,
    /// Empty, or with a character that phone numbers do not have.
    #[error("phone number is malformed")]
    Malformed,
}
