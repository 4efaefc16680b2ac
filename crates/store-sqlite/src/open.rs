//! Opening the file.

use std::path::Path;
use std::time::{Duration, Instant};

use kernel::Cause;
use migrations::{SchemaState, apply, schema_state};
use sea_orm::sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use sea_orm::sqlx::{ConnectOptions as _, Error as SqlxError, SqlitePool};
use sea_orm::{
    DatabaseConnection, DbErr, RuntimeErr, SqliteTransactionMode, SqlxSqliteConnector,
    TransactionOptions, TransactionTrait,
};
use store_sql::{Failure, SqlStore};

use crate::dialect::Sqlite;
use crate::errors;

/// Connections that only read.
const READERS: u32 = 4;
/// Reads at a time that may use several of them.
const WIDE_READS: usize = 1;
/// How long a statement waits for another process's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a call waits for a connection of its kind.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long opening goes on while other processes open the same file.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);
/// Memory for pages, in KiB: of the writer, and of each reader.
const WRITER_CACHE_KIB: u32 = 16 * 1024;
const READER_CACHE_KIB: u32 = 2 * 1024;
/// Pages of 4 KiB in the log before they are moved into the file.
const CHECKPOINT_PAGES: u32 = 4_000;

/// Why the store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file, or its folder, cannot be opened, read or written.
    #[error("store cannot be opened")]
    Unavailable(#[source] Cause),
    /// The schema lacks these steps, and nobody asked for them.
    #[error("store lacks steps of its schema: {0}")]
    PendingSchema(String),
    /// A newer program changed the schema by steps that this one does not know.
    #[error("store has a newer schema, with {0}")]
    NewerSchema(String),
    /// The schema could not be brought up to date.
    #[error("store cannot be migrated")]
    Migration(#[source] Cause),
}

/// Opens the store in this file, making the file and its schema where they are missing. Several
/// processes may do so at once.
///
/// # Errors
///
/// See [`OpenError`].
pub async fn open(path: &Path) -> Result<SqlStore, OpenError> {
    let writer = writer_pool(path, true).await?;
    let writer = SqlxSqliteConnector::from_sqlx_sqlite_pool(writer);
    let prepared = migrate(&writer).await;
    finish(path, writer, prepared).await
}

/// Opens the store in this file as it is, beside other processes or alone.
///
/// # Errors
///
/// See [`OpenError`]; [`OpenError::PendingSchema`] where [`open`] would migrate.
pub async fn open_current(path: &Path) -> Result<SqlStore, OpenError> {
    let writer = writer_pool(path, false).await?;
    let writer = SqlxSqliteConnector::from_sqlx_sqlite_pool(writer);
    let prepared = match state_of(&writer).await {
        Ok(SchemaState::Pending(steps)) => Err(OpenError::PendingSchema(steps.join(", "))),
        other => other.map(drop),
    };
    finish(path, writer, prepared).await
}

async fn finish(
    path: &Path,
    writer: DatabaseConnection,
    prepared: Result<(), OpenError>,
) -> Result<SqlStore, OpenError> {
    if let Err(error) = prepared {
        // The first failure says more than one while closing.
        let _ = writer.close().await;
        return Err(error);
    }
    let reader = pool(READERS)
        .connect_with(reader_options(path))
        .await
        .map_err(|error| OpenError::Unavailable(cause_of(driver(error))))?;
    let reader = SqlxSqliteConnector::from_sqlx_sqlite_pool(reader);
    Ok(SqlStore::new(writer, reader, WIDE_READS, Box::new(Sqlite)))
}

/// Opens the connection that writes. The step into WAL mode does not wait for other processes that
/// take it at the same time, so it is tried again.
async fn writer_pool(path: &Path, create: bool) -> Result<SqlitePool, OpenError> {
    let began = Instant::now();
    loop {
        match pool(1).connect_with(writer_options(path, create)).await {
            Ok(pool) => return Ok(pool),
            Err(error) if is_busy(&error) && began.elapsed() < OPEN_TIMEOUT => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(error) => return Err(OpenError::Unavailable(cause_of(driver(error)))),
        }
    }
}

async fn migrate(writer: &DatabaseConnection) -> Result<(), OpenError> {
    if state_of(writer).await? == SchemaState::Current {
        return Ok(());
    }
    let failed = |error| OpenError::Migration(cause_of(error));
    let options = TransactionOptions {
        isolation_level: None,
        access_mode: None,
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
    };
    let tx = writer.begin_with_options(options).await.map_err(failed)?;
    apply(&tx).await.map_err(failed)?;
    tx.commit().await.map_err(failed)
}

async fn state_of(writer: &DatabaseConnection) -> Result<SchemaState, OpenError> {
    let read = schema_state(writer)
        .await
        .map_err(|error| OpenError::Unavailable(cause_of(error)))?;
    match read {
        SchemaState::Newer(steps) => Err(OpenError::NewerSchema(steps.join(", "))),
        read => Ok(read),
    }
}

fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .disable_statement_logging()
}

fn writer_options(path: &Path, create: bool) -> SqliteConnectOptions {
    options(path)
        .create_if_missing(create)
        .pragma("cache_size", format!("-{WRITER_CACHE_KIB}"))
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES.to_string())
}

fn reader_options(path: &Path) -> SqliteConnectOptions {
    options(path)
        .create_if_missing(false)
        .pragma("cache_size", format!("-{READER_CACHE_KIB}"))
        .pragma("query_only", "ON")
}

fn is_busy(error: &SqlxError) -> bool {
    let code = match error {
        SqlxError::Database(error) => error.code(),
        _ => None,
    };
    code.and_then(|it| it.parse::<u32>().ok())
        .is_some_and(|code| matches!(code & 0xff, 5 | 6))
}

fn driver(error: SqlxError) -> DbErr {
    DbErr::Conn(RuntimeErr::SqlxError(error.into()))
}

fn cause_of(error: DbErr) -> Cause {
    match errors::judge(error) {
        Failure::Unavailable(cause)
        | Failure::Conflict(cause)
        | Failure::Refused { cause, .. }
        | Failure::Corrupt(cause) => cause,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use sea_orm::sqlx::{Row, query};

    async fn pragmas(pool: &SqlitePool, name: &str) -> Vec<String> {
        let mut connections = Vec::new();
        for _ in 0..pool.options().get_max_connections() {
            connections.push(pool.acquire().await.unwrap());
        }
        let mut read = Vec::new();
        for connection in &mut connections {
            let sql = sea_orm::sqlx::AssertSqlSafe(format!("PRAGMA {name}"));
            let row = query(sql).fetch_one(&mut **connection).await.unwrap();
            let text = row.try_get::<String, _>(0);
            read.push(text.unwrap_or_else(|_| row.get::<i64, _>(0).to_string()));
        }
        read
    }

    #[tokio::test]
    async fn every_connection_syncs_the_log_and_keeps_foreign_keys() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("leads.db");
        let writer = writer_pool(&path, true).await.unwrap();
        let reader = pool(READERS)
            .connect_with(reader_options(&path))
            .await
            .unwrap();

        for (pool, connections) in [(&writer, 1), (&reader, READERS as usize)] {
            for (name, value) in [
                ("journal_mode", "wal"),
                ("synchronous", "2"),
                ("foreign_keys", "1"),
                ("busy_timeout", "5000"),
            ] {
                let read = pragmas(pool, name).await;
                assert_eq!(read, vec![value; connections], "{name}");
            }
        }
        assert_eq!(pragmas(&writer, "query_only").await, ["0"]);
        assert_eq!(
            pragmas(&reader, "query_only").await,
            vec!["1"; READERS as usize]
        );
    }
}
