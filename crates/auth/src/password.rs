//! Passwords.

use kernel::Secret;

/// A password that somebody chooses: 8 to 71 bytes without NUL, which is what bcrypt can tell apart.
#[derive(Clone, Debug)]
pub struct NewPassword(Secret<String>);

impl NewPassword {
    /// The shortest password, in bytes.
    pub const MIN_BYTES: usize = 8;
    /// The longest password, in bytes.
    pub const MAX_BYTES: usize = 71;

    /// Takes a password as it is.
    ///
    /// # Errors
    ///
    /// See [`NewPasswordError`].
    pub fn parse(raw: String) -> Result<Self, NewPasswordError> {
        match raw.len() {
            len if len < Self::MIN_BYTES => Err(NewPasswordError::TooShort),
            len if len > Self::MAX_BYTES => Err(NewPasswordError::TooLong),
            _ if raw.contains('\0') => Err(NewPasswordError::Nul),
            _ => Ok(Self(Secret::new(raw))),
        }
    }

    /// The password, for hashing.
    pub fn secret(&self) -> &Secret<String> {
        &self.0
    }
}

/// Why a password is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NewPasswordError {
    /// Under [`NewPassword::MIN_BYTES`].
    #[error("password is too short")]
    TooShort,
    /// Over [`NewPassword::MAX_BYTES`].
    #[error("password is too long")]
    TooLong,
    /// It has a NUL in it.
    #[error("password has a NUL character")]
    Nul,
}

/// What is kept of a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordHash(Secret<String>);

impl PasswordHash {
    /// A hash as a hasher made it or a store kept it.
    pub fn new(text: String) -> Self {
        Self(Secret::new(text))
    }

    /// The hash, for storing and verifying.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}
