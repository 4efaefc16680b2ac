//! From a configuration to ports.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use auth::ports::{AccountStore, AccountStoreError, TokenCodec, TokenError};
use auth::{Account, Claims, Role, TokenId};
use cache_memory::{MemoryLeadCache, MemoryThrottle, MemoryWaitingLeads};
use kernel::{Cause, Clock, Entropy, IdSource, Secret};
use password_bcrypt::BcryptHasher;
use queue_sqlite::SqliteQueue;
use store_sqlite::SqliteStore;

use crate::accounts::create_for_development;
use crate::signing::tokens;
use crate::{Config, Environment, Family, OsEntropy, Ports, SystemClock};

/// Why the backends could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// This version opens the embedded family only.
    #[error("this version opens sqlite://, sqlite:// and memory:// only")]
    FamilyNotAvailable,
    /// A folder or file of the embedded family cannot be made, read or written.
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
    /// The store's schema is not that of this version.
    #[error("the store's schema is not that of this version; run `skynet migrate`")]
    SchemaPending,
    /// The store's schema is that of a newer version.
    #[error("the store's schema is that of a newer version, which `skynet migrate` cannot undo")]
    SchemaNewer,
    /// The store does not open.
    #[error("the store cannot be opened: {0}")]
    Store(#[source] Cause),
    /// The queue does not open.
    #[error("the queue cannot be opened: {0}")]
    Queue(#[source] Cause),
    /// The cost of passwords is none that the hasher has.
    #[error("not a cost that can be used")]
    BcryptCost,
    /// The accounts of a first start could not be made.
    #[error("the accounts cannot be read or written")]
    Accounts(#[source] AccountStoreError),
}

impl OpenError {
    /// The setting to look at.
    pub fn setting(&self) -> &'static str {
        match self {
            Self::FamilyNotAvailable
            | Self::SchemaPending
            | Self::SchemaNewer
            | Self::Store(_)
            | Self::Accounts(_) => "SKYNET_DATABASE_URL",
            Self::Folder(_) => "SKYNET_DATA_DIR",
            Self::SigningKey { setting, .. } => setting,
            Self::Queue(_) => "SKYNET_QUEUE_URL",
            Self::BcryptCost => "SKYNET_BCRYPT_COST",
        }
    }

    /// The configuration is to blame, not the moment.
    pub fn is_configuration(&self) -> bool {
        !matches!(self, Self::Store(_) | Self::Queue(_) | Self::Accounts(_))
    }
}

/// Opens every backend of the chosen family, or none. The caller holds the
/// [`DataLock`](crate::DataLock).
///
/// In development the store is migrated first, and a store without accounts gets those of a first
/// start. In production a schema of another version is refused and no account is made.
///
/// # Errors
///
/// [`OpenError`] names the first setting that cannot be used.
pub async fn open(config: &Config) -> Result<Ports, OpenError> {
    let (store_file, queue_file) = embedded(config)?;
    let store = Arc::new(match config.environment {
        Environment::Development => store_sqlite::open(store_file).await?,
        Environment::Production => open_existing(store_file).await?,
    });
    let role = queue_sqlite::Role::Consumer;
    let queue = queue_sqlite::open(queue_file, config.retry.clone(), role)
        .await
        .map_err(|error| OpenError::Queue(Cause::new(error)))?;
    let ports = assemble(config, store, Arc::new(queue))?;
    if config.environment == Environment::Development {
        create_for_development(&ports, config.bcrypt_cost)
            .await
            .map_err(OpenError::Accounts)?;
    }
    Ok(ports)
}

/// Opens the backends beside a process that works on them: everything can be read, accounts and
/// parked messages can be changed and messages be published; no message can be taken. Caches and
/// limits are this process's own. Nothing is migrated or made.
///
/// # Errors
///
/// As [`open`].
pub async fn open_beside(config: &Config) -> Result<Ports, OpenError> {
    let (store_file, queue_file) = embedded(config)?;
    let store = Arc::new(open_existing(store_file).await?);
    let role = queue_sqlite::Role::Publisher;
    let queue = queue_sqlite::open(queue_file, config.retry.clone(), role)
        .await
        .map_err(|error| OpenError::Queue(Cause::new(error)))?;
    assemble(config, store, Arc::new(queue))
}

/// Brings the store's schema to that of this version. The caller holds the
/// [`DataLock`](crate::DataLock).
///
/// # Errors
///
/// As [`open`].
pub async fn migrate(config: &Config) -> Result<(), OpenError> {
    let (store_file, _) = embedded(config)?;
    let store = store_sqlite::open(store_file).await?;
    store.close().await.map_err(OpenError::Store)
}

/// An account that may do everything; none when no active one is there.
///
/// # Errors
///
/// [`AccountStoreError`] when the accounts cannot be read.
pub async fn find_admin(ports: &Ports) -> Result<Option<Account>, AccountStoreError> {
    const PAGE: u16 = 100;
    let mut after = None;
    loop {
        let page = ports.accounts.list(after, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(None);
        };
        after = Some(last.id);
        let admin = page
            .into_iter()
            .find(|it| it.is_active && it.roles.allow(Role::Admin));
        if admin.is_some() {
            return Ok(admin);
        }
    }
}

/// A token for an account, good for `life`.
///
/// # Errors
///
/// [`TokenError::Failed`] when it cannot be signed.
pub fn issue_token(
    ports: &Ports,
    account: &Account,
    life: Duration,
) -> Result<Secret<String>, TokenError> {
    let now = ports.clock.now();
    ports.tokens.issue(&Claims {
        user: account.id,
        username: account.username.clone(),
        roles: account.roles.clone(),
        token: TokenId(ports.ids.next()),
        issued_at: now,
        expires_at: now.plus(life),
    })
}

fn embedded(config: &Config) -> Result<(&Path, &Path), OpenError> {
    match &config.family {
        Family::Embedded { store, queue } => Ok((store, queue)),
        Family::Production { .. } => Err(OpenError::FamilyNotAvailable),
    }
}

async fn open_existing(file: &Path) -> Result<SqliteStore, OpenError> {
    match file.try_exists() {
        Ok(true) => Ok(store_sqlite::open_current(file).await?),
        Ok(false) => Err(OpenError::SchemaPending),
        Err(error) => Err(OpenError::Folder(error)),
    }
}

fn assemble(
    config: &Config,
    store: Arc<SqliteStore>,
    queue: Arc<SqliteQueue>,
) -> Result<Ports, OpenError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy);
    let hasher = BcryptHasher::new(config.bcrypt_cost).map_err(|_| OpenError::BcryptCost)?;
    let tokens: Arc<dyn TokenCodec> = Arc::new(tokens(config)?);
    let cache = Arc::new(MemoryLeadCache::default());
    let accounts: Arc<dyn AccountStore> = Arc::clone(&store) as Arc<dyn AccountStore>;
    Ok(Ports {
        ids: Arc::new(IdSource::new(Arc::clone(&clock), Arc::clone(&entropy))),
        clock,
        entropy,
        publisher: Arc::clone(&queue) as _,
        consumer: Arc::clone(&queue) as _,
        monitor: Arc::clone(&queue) as _,
        store: Arc::clone(&store) as _,
        finder: Arc::clone(&store) as _,
        dead_letters: Arc::clone(&store) as _,
        cache: Arc::clone(&cache) as _,
        waiting: Arc::new(MemoryWaitingLeads::default()),
        store_claims: Arc::clone(&store) as _,
        queue_claims: Arc::clone(&store) as _,
        accounts,
        hasher: Arc::new(hasher),
        tokens,
        throttle: Arc::new(MemoryThrottle::default()),
        store_probe: store,
        queue_probe: queue,
        cache_probe: cache,
    })
}

impl From<store_sqlite::OpenError> for OpenError {
    fn from(error: store_sqlite::OpenError) -> Self {
        match error {
            store_sqlite::OpenError::PendingSchema(_) => Self::SchemaPending,
            store_sqlite::OpenError::NewerSchema(_) => Self::SchemaNewer,
            store_sqlite::OpenError::Unavailable(cause)
            | store_sqlite::OpenError::Migration(cause) => Self::Store(cause),
        }
    }
}
