//! Why backends do not open.

use std::fmt;
use std::io;

use auth::ports::AccountStoreError;
use kernel::Cause;

/// One of the backends, by what it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Where leads live.
    Store,
    /// Where leads wait.
    Queue,
    /// Where answers are kept.
    Cache,
}

impl Part {
    /// The setting that names it.
    pub fn setting(self) -> &'static str {
        match self {
            Self::Store => "SKYNET_DATABASE_URL",
            Self::Queue => "SKYNET_QUEUE_URL",
            Self::Cache => "SKYNET_CACHE_URL",
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Store => "store",
            Self::Queue => "queue",
            Self::Cache => "cache",
        })
    }
}

/// Why the backends could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A folder or file cannot be made, read or written.
    #[error("the folder cannot be used: {0}")]
    Folder(#[source] io::Error),
    /// Nothing can be signed with the key.
    #[error("{fault}")]
    SigningKey {
        /// The setting that names it.
        setting: &'static str,
        /// What is wrong with it; the key is no part of it.
        fault: String,
    },
    /// The cost of passwords is none that the hasher has.
    #[error("not a cost that can be used")]
    BcryptCost,
    /// A URL is not one of its backend.
    #[error("{fault}")]
    Url {
        /// Whose.
        part: Part,
        /// What is wrong with it; the URL is no part of it.
        fault: &'static str,
    },
    /// A server does not answer, or cannot serve at the moment.
    #[error("the {part}'s server cannot be reached: {cause}")]
    Unreachable {
        /// Whose.
        part: Part,
        /// Why, without addresses and secrets.
        cause: Cause,
    },
    /// A server refuses the credentials, or they may not do what is needed.
    #[error("the {part}'s server refuses access: {cause}")]
    Denied {
        /// Whose.
        part: Part,
        /// Why, without addresses and secrets.
        cause: Cause,
    },
    /// The store's server is too old, or set up so that leads do not fit.
    #[error("the store's server is not supported: {0}")]
    Unsupported(String),
    /// A queue is there that was declared otherwise.
    #[error("{0}")]
    Topology(String),
    /// The store's schema is not that of this version.
    #[error("the store's schema is not that of this version; run `skynet migrate`")]
    SchemaPending,
    /// The store's schema is that of a newer version.
    #[error("the store's schema is that of a newer version, which `skynet migrate` cannot undo")]
    SchemaNewer,
    /// The store's schema could not be brought up to date.
    #[error("the store cannot be migrated: {0}")]
    Migration(#[source] Cause),
    /// A file of the embedded family does not open.
    #[error("the {part} cannot be opened: {cause}")]
    File {
        /// Whose.
        part: Part,
        /// Why.
        cause: Cause,
    },
    /// The accounts of a first start could not be made.
    #[error("the accounts cannot be read or written")]
    Accounts(#[source] AccountStoreError),
}

impl OpenError {
    /// The setting to look at.
    pub fn setting(&self) -> &'static str {
        match self {
            Self::Folder(_) => "SKYNET_DATA_DIR",
            Self::SigningKey { setting, .. } => setting,
            Self::BcryptCost => "SKYNET_BCRYPT_COST",
            Self::Url { part, .. }
            | Self::Unreachable { part, .. }
            | Self::Denied { part, .. }
            | Self::File { part, .. } => part.setting(),
            Self::Topology(_) => Part::Queue.setting(),
            Self::Unsupported(_)
            | Self::SchemaPending
            | Self::SchemaNewer
            | Self::Migration(_)
            | Self::Accounts(_) => Part::Store.setting(),
        }
    }

    /// The configuration is to blame, not the moment.
    pub fn is_configuration(&self) -> bool {
        !matches!(
            self,
            Self::Unreachable { .. } | Self::Migration(_) | Self::File { .. } | Self::Accounts(_)
        )
    }
}

impl From<store_sqlite::OpenError> for OpenError {
    fn from(error: store_sqlite::OpenError) -> Self {
        let part = Part::Store;
        match error {
            store_sqlite::OpenError::PendingSchema(_) => Self::SchemaPending,
            store_sqlite::OpenError::NewerSchema(_) => Self::SchemaNewer,
            store_sqlite::OpenError::Unavailable(cause)
            | store_sqlite::OpenError::Migration(cause) => Self::File { part, cause },
        }
    }
}

impl From<store_mysql::OpenError> for OpenError {
    fn from(error: store_mysql::OpenError) -> Self {
        let part = Part::Store;
        match error {
            store_mysql::OpenError::Url(fault) => Self::Url { part, fault },
            store_mysql::OpenError::Unreachable(cause) => Self::Unreachable { part, cause },
            store_mysql::OpenError::Denied(cause) => Self::Denied { part, cause },
            store_mysql::OpenError::PendingSchema(_) => Self::SchemaPending,
            store_mysql::OpenError::NewerSchema(_) => Self::SchemaNewer,
            store_mysql::OpenError::Unsupported(what) => Self::Unsupported(what),
            store_mysql::OpenError::Migration(cause) => Self::Migration(cause),
        }
    }
}

impl From<queue_rabbitmq::OpenError> for OpenError {
    fn from(error: queue_rabbitmq::OpenError) -> Self {
        let part = Part::Queue;
        match error {
            queue_rabbitmq::OpenError::Url(fault) => Self::Url { part, fault },
            queue_rabbitmq::OpenError::Unreachable(cause) => Self::Unreachable { part, cause },
            queue_rabbitmq::OpenError::Denied(cause) => Self::Denied { part, cause },
            error @ queue_rabbitmq::OpenError::Topology { .. } => Self::Topology(error.to_string()),
        }
    }
}

impl From<cache_redis::OpenError> for OpenError {
    fn from(error: cache_redis::OpenError) -> Self {
        let part = Part::Cache;
        match error {
            cache_redis::OpenError::Url(fault) => Self::Url { part, fault },
            cache_redis::OpenError::Unreachable(cause) => Self::Unreachable { part, cause },
            cache_redis::OpenError::Denied(cause) => Self::Denied { part, cause },
        }
    }
}
