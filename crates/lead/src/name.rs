//! Names of persons.

use kernel::{has_control, is_longer, trimmed};

/// A first or last name: trimmed, not blank, without control characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PersonName(Box<str>);

impl PersonName {
    /// The longest name, in characters.
    pub const MAX_CHARS: usize = 100;

    /// Reads a name, trimming Unicode white space around it.
    ///
    /// # Errors
    ///
    /// See [`PersonNameError`]; the text is never part of the error.
    pub fn parse(raw: &str) -> Result<Self, PersonNameError> {
        let name = trimmed(raw);
        if name.is_empty() {
            return Err(PersonNameError::Blank);
        }
        if has_control(name) {
            return Err(PersonNameError::Control);
        }
        if is_longer(name, Self::MAX_CHARS) {
            return Err(PersonNameError::TooLong);
        }
        Ok(Self(name.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PersonNameError {
    /// Nothing is left after trimming.
    #[error("name is blank")]
    Blank,
    /// More than [`PersonName::MAX_CHARS`] characters.
    #[error("name is too long")]
    TooLong,
    /// It has a control character in it.
    #[error("name has a control character")]
    Control,
}
