//! What a failure of a port or a verb is to the one who called: the only place that says so, and
//! the place where it is logged. A cause is never sent.

use std::time::Duration;

use auth::ports::{AccountStoreError, HashError};
use auth::{AuthenticateError, SignInError};
use lead::ReplayError;
use lead::ports::{ClaimsError, QueueError, StoreError};

use crate::problem::{Problem, ProblemKind};

/// What a client is told to wait when a backend is away or the system sheds load.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(2);

/// A refusal of kind `kind`, which has status 503.
pub(crate) fn unavailable(kind: ProblemKind) -> Problem {
    Problem::new(kind).retry_after(RETRY_AFTER)
}

fn internal() -> Problem {
    Problem::new(ProblemKind::Internal)
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(cause) => {
                tracing::warn!(%cause, "lead store unavailable");
                unavailable(ProblemKind::StoreUnavailable)
            }
            StoreError::Refused { lasting, cause } => {
                tracing::error!(%cause, lasting, "lead store refuses the data");
                internal()
            }
            StoreError::Corrupt(cause) => {
                tracing::error!(%cause, "lead store holds an unreadable row");
                internal()
            }
        }
    }
}

impl From<QueueError> for Problem {
    fn from(error: QueueError) -> Self {
        match error {
            QueueError::Unavailable(cause) => {
                tracing::warn!(%cause, "lead queue unavailable");
                unavailable(ProblemKind::QueueUnavailable)
            }
            QueueError::TooLarge => {
                tracing::error!("a message was too large for the lead queue");
                internal()
            }
        }
    }
}

impl From<ClaimsError> for Problem {
    fn from(ClaimsError(cause): ClaimsError) -> Self {
        tracing::warn!(%cause, "idempotency keys unavailable");
        unavailable(ProblemKind::ClaimsUnavailable)
    }
}

impl From<AccountStoreError> for Problem {
    fn from(error: AccountStoreError) -> Self {
        match error {
            AccountStoreError::Unavailable(cause) => {
                tracing::warn!(%cause, "account store unavailable");
                unavailable(ProblemKind::StoreUnavailable)
            }
            AccountStoreError::Corrupt(cause) => {
                tracing::error!(%cause, "account store holds an unreadable row");
                internal()
            }
        }
    }
}

impl From<HashError> for Problem {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => unavailable(ProblemKind::Overloaded),
            HashError::Failed(cause) => {
                tracing::error!(%cause, "password hashing failed");
                internal()
            }
        }
    }
}

impl From<AuthenticateError> for Problem {
    fn from(error: AuthenticateError) -> Self {
        match error {
            AuthenticateError::Invalid => ProblemKind::InvalidToken.into(),
            AuthenticateError::Expired => ProblemKind::ExpiredToken.into(),
            AuthenticateError::Revoked => ProblemKind::RevokedToken.into(),
            AuthenticateError::Failed(cause) => {
                tracing::error!(%cause, "authentication failed");
                internal()
            }
        }
    }
}

impl From<SignInError> for Problem {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::Refused => ProblemKind::BadCredentials.into(),
            SignInError::Busy => unavailable(ProblemKind::Overloaded),
            SignInError::Accounts(error) => error.into(),
            SignInError::Failed(cause) => {
                tracing::error!(%cause, "sign-in failed");
                internal()
            }
        }
    }
}

impl From<ReplayError> for Problem {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::Store(error) => error.into(),
            ReplayError::Queue(error) => error.into(),
        }
    }
}
