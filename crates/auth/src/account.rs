//! Accounts.

use kernel::{Timestamp, UserId, lower_case};

use crate::{PasswordHash, Roles};

/// A user name: 3 to 64 characters without white space or control characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Username {
    text: Box<str>,
    key: Box<str>,
}

impl Username {
    /// The shortest name, in characters.
    pub const MIN_CHARS: usize = 3;
    /// The longest name, in characters.
    pub const MAX_CHARS: usize = 64;

    /// Reads a name, trimming white space around it.
    ///
    /// # Errors
    ///
    /// [`UsernameError`]; the text is never part of it.
    pub fn parse(raw: &str) -> Result<Self, UsernameError> {
        let text = raw.trim();
        let chars = text.chars().count();
        let sound = (Self::MIN_CHARS..=Self::MAX_CHARS).contains(&chars)
            && !text.chars().any(|it| it.is_control() || it.is_whitespace());
        if sound {
            Ok(Self {
                key: lower_case(text).into(),
                text: text.into(),
            })
        } else {
            Err(UsernameError)
        }
    }

    /// The name as given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The form in which names are compared: lower case.
    pub fn key(&self) -> &str {
        &self.key
    }
}

/// The text is no user name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a user name")]
pub struct UsernameError;

/// An account's e-mail address, checked for form only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmailAddress(Box<str>);

impl EmailAddress {
    /// The longest address, in bytes.
    pub const MAX_BYTES: usize = 255;

    /// Reads an address: one `@` with something before it and a dotted domain after it.
    ///
    /// # Errors
    ///
    /// [`EmailAddressError`]; the text is never part of it.
    pub fn parse(raw: &str) -> Result<Self, EmailAddressError> {
        let text = raw.trim();
        let sound = text.len() <= Self::MAX_BYTES
            && !text.chars().any(|it| it.is_control() || it.is_whitespace())
            && text.split_once('@').is_some_and(|(local, domain)| {
                !local.is_empty()
                    && !domain.contains('@')
                    && domain.contains('.')
                    && domain.split('.').all(|label| !label.is_empty())
            });
        if sound {
            Ok(Self(text.into()))
        } else {
            Err(EmailAddressError)
        }
    }

    /// The address as given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text is no e-mail address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an email address")]
pub struct EmailAddressError;

/// An account in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its identity.
    pub id: UserId,
    /// The name to sign in with; unique without regard to case.
    pub username: Username,
    /// Where to write to.
    pub email: EmailAddress,
    /// The hash of its password.
    pub password: PasswordHash,
    /// What it may do.
    pub roles: Roles,
    /// It may sign in, and its tokens are good.
    pub is_active: bool,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it signed in last.
    pub last_login_at: Option<Timestamp>,
}

/// An account to add.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAccount {
    /// Its identity.
    pub id: UserId,
    /// The name to sign in with.
    pub username: Username,
    /// Where to write to.
    pub email: EmailAddress,
    /// The hash of its password.
    pub password: PasswordHash,
    /// What it may do.
    pub roles: Roles,
    /// When it is added.
    pub created_at: Timestamp,
}

/// What to change; `None` leaves as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountChange {
    /// New roles.
    pub roles: Option<Roles>,
    /// A new password.
    pub password: Option<PasswordHash>,
    /// Disabled or enabled.
    pub is_active: Option<bool>,
}
