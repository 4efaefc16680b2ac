//! Opening the store.

use kernel::Cause;
use sea_orm::SqlxMySqlConnector;
use store_sql::SqlStore;

use crate::detour::Detour;
use crate::dialect::Mysql;
use crate::options::Options;
use crate::own::Owned;
use crate::prepare::{Schema, prepare};
use crate::session::{Trust, connect_options, pool};

/// For so many connections that read, one read at a time may use several.
const READERS_A_WIDE_READ: u32 = 4;

/// Why the store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL is not one of this store.
    #[error("database URL: {0}")]
    Url(&'static str),
    /// The server does not answer, or cannot serve at the moment.
    #[error("database server cannot be reached")]
    Unreachable(#[source] Cause),
    /// A wrong password, a missing permission, a database that does not exist, or no TLS where it
    /// is needed.
    #[error("database server refuses access")]
    Denied(#[source] Cause),
    /// The schema lacks these steps, and nobody asked for them.
    #[error("database lacks steps of its schema: {0}")]
    PendingSchema(String),
    /// A newer program changed the schema by steps that this one does not know.
    #[error("database has a newer schema, with {0}")]
    NewerSchema(String),
    /// The server is too old, or set up so that leads do not fit.
    #[error("database server is not supported: {0}")]
    Unsupported(String),
    /// The schema could not be brought up to date.
    #[error("database cannot be migrated")]
    Migration(#[source] Cause),
}

/// The store, without a connection yet. Calls connect as they need to, from within a runtime of
/// tokio.
///
/// # Errors
///
/// [`OpenError::Url`].
pub fn connect_lazily(options: &Options) -> Result<SqlStore, OpenError> {
    let connect = connect_options(options)?;
    let trust = Trust::new();
    let pool_of = |connections| {
        pool(
            connect.clone(),
            connections,
            options.acquire_timeout,
            &trust,
        )
    };
    let (writers, readers) = (pool_of(options.writers), pool_of(options.readers));
    let dialect = Mysql {
        owned: Owned::new(connect.clone(), trust.clone()),
        writers: writers.clone(),
        time_limit: options.acquire_timeout + options.statement_timeout,
        trust,
        detour: Detour::default(),
    };
    let [writers, readers] = [writers, readers].map(SqlxMySqlConnector::from_sqlx_mysql_pool);
    let wide_reads = options.readers / READERS_A_WIDE_READ;
    Ok(SqlStore::new(
        writers,
        readers,
        wide_reads as usize,
        Box::new(dialect),
    ))
}

/// The store with its schema up to date. Several processes may do so at once.
///
/// # Errors
///
/// See [`OpenError`].
pub async fn open(options: &Options) -> Result<SqlStore, OpenError> {
    prepare(options, Schema::Migrate).await?;
    connect_lazily(options)
}

/// The store as it is.
///
/// # Errors
///
/// See [`OpenError`]; [`OpenError::PendingSchema`] where [`open`] would migrate.
pub async fn open_current(options: &Options) -> Result<SqlStore, OpenError> {
    prepare(options, Schema::MustBeCurrent).await?;
    connect_lazily(options)
}
