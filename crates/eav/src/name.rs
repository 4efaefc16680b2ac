//! Names of attributes.

use std::fmt;
use std::sync::Arc;

use kernel::{has_control, is_longer, trimmed};

/// The name of an attribute: trimmed, else exactly as sent, and compared byte by byte. Copies of
/// one share its text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttributeName(Arc<str>);

impl AttributeName {
    /// The longest name, in characters.
    pub const MAX_CHARS: usize = 100;

    /// Reads a name.
    ///
    /// # Errors
    ///
    /// See [`AttributeNameError`].
    pub fn parse(raw: &str) -> Result<Self, AttributeNameError> {
        let name = trimmed(raw);
        if name.is_empty() {
            return Err(AttributeNameError::Blank);
        }
        if has_control(name) {
            return Err(AttributeNameError::Control);
        }
        if is_longer(name, Self::MAX_CHARS) {
            return Err(AttributeNameError::TooLong);
        }
        Ok(Self(name.into()))
    }

    /// The name as sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AttributeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is no attribute name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttributeNameError {
    /// Nothing is left after trimming.
    #[error("attribute name is blank")]
    Blank,
    /// More than [`AttributeName::MAX_CHARS`] characters.
    #[error("attribute name is too long")]
    TooLong,
    /// It has a control character in it.
    #[error("attribute name has a control character")]
    Control,
}
