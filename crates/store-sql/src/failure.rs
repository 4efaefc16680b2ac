//! What went wrong, before it is said in the words of a port.

use std::fmt;

use auth::ports::AccountStoreError;
use eav::RegistryError;
use kernel::Cause;
use lead::ports::{ClaimsError, StoreError};
use sea_orm::DbErr;

/// What an error of the database means.
#[derive(Debug)]
pub enum Failure {
    /// The database is away, full, or cannot be written; the data is not to blame.
    Unavailable(Cause),
    /// Another transaction was in the way: the same transaction may be run again at once.
    Conflict(Cause),
    /// Something in the call cannot be stored.
    Refused {
        /// It never will be.
        lasting: bool,
        /// Why.
        cause: Cause,
    },
    /// A stored row cannot be read.
    Corrupt(Cause),
}

/// What stops a piece of work within a transaction.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The database's error, still to be judged.
    Database(DbErr),
    /// A row breaks a rule of the domain.
    Corrupt(Unreadable),
}

impl From<DbErr> for Trouble {
    fn from(error: DbErr) -> Self {
        Self::Database(error)
    }
}

impl From<Unreadable> for Trouble {
    fn from(error: Unreadable) -> Self {
        Self::Corrupt(error)
    }
}

/// The column whose content breaks a rule of the domain; the content is no part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable(pub(crate) &'static str);

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unreadable column {}", self.0)
    }
}

impl std::error::Error for Unreadable {}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unavailable(cause) | Failure::Conflict(cause) => Self::Unavailable(cause),
            Failure::Refused { lasting, cause } => Self::Refused { lasting, cause },
            Failure::Corrupt(cause) => Self::Corrupt(cause),
        }
    }
}

impl From<Failure> for AccountStoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Corrupt(cause) => Self::Corrupt(cause),
            other => Self::Unavailable(other.into_cause()),
        }
    }
}

impl From<Failure> for ClaimsError {
    fn from(failure: Failure) -> Self {
        Self(failure.into_cause())
    }
}

impl From<Failure> for RegistryError {
    fn from(failure: Failure) -> Self {
        Self(failure.into_cause())
    }
}

impl Failure {
    fn into_cause(self) -> Cause {
        match self {
            Self::Unavailable(cause)
            | Self::Conflict(cause)
            | Self::Refused { cause, .. }
            | Self::Corrupt(cause) => cause,
        }
    }
}
