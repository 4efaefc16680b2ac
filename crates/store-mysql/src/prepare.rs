//! Looking at the server and its schema before work begins.

use std::io::ErrorKind;
use std::time::Duration;

use kernel::Cause;
use migrations::{SchemaState, apply, schema_state};
use sea_orm::sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions};
use sea_orm::sqlx::{ConnectOptions as _, Connection as _, Error as SqlxError, query_as};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, SqlxMySqlConnector,
    Statement, TransactionTrait,
};
use tokio::time::timeout;

use crate::errors::{self, Kind, NEEDS_TLS, NO_TLS};
use crate::open::OpenError;
use crate::options::Options;
use crate::place::ROW_BYTES_MAX;
use crate::session::{self, connect_options};

/// What is to be done about a schema that lacks steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schema {
    /// They are done, by one process while the others wait.
    Migrate,
    /// Nothing; it is an error.
    MustBeCurrent,
}

/// The first `MySQL` that is supported: checks of columns, and row values in the form that is
/// used here.
const MYSQL_MIN: [u32; 3] = [8, 0, 19];
/// The first `MariaDB` that is supported: `JSON_TABLE`.
const MARIADB_MIN: [u32; 3] = [10, 6, 0];
/// What `max_allowed_packet` has to be at least, in bytes.
const PACKET_MIN: u64 = ROW_BYTES_MAX as u64 + 1_024;
/// How long the steps themselves may take.
const STEPS_MAX: Duration = Duration::from_mins(30);

/// Connects, and sees that the server, the credentials and the schema are as they should be. It
/// can be called again and again until the server answers.
///
/// # Errors
///
/// See [`OpenError`]. Only [`OpenError::Unreachable`] may pass by itself.
pub async fn prepare(options: &Options, schema: Schema) -> Result<(), OpenError> {
    let connect = connect_options(options)?;
    let limit = options.acquire_timeout + options.statement_timeout;
    timeout(limit, look(&connect))
        .await
        .map_err(|_| too_slow())??;

    let pool = MySqlPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(options.acquire_timeout)
        .idle_timeout(None)
        .max_lifetime(None)
        .after_connect(|connection, _| Box::pin(session::begin(connection)))
        .connect_lazy_with(connect);
    let db = SqlxMySqlConnector::from_sqlx_mysql_pool(pool);
    let prepared = match timeout(limit, state_of(&db)).await {
        Err(_) => Err(too_slow()),
        Ok(Err(error)) => Err(error),
        Ok(Ok(SchemaState::Current)) => Ok(()),
        Ok(Ok(SchemaState::Newer(steps))) => Err(OpenError::NewerSchema(steps.join(", "))),
        Ok(Ok(SchemaState::Pending(steps))) if schema == Schema::MustBeCurrent => {
            Err(OpenError::PendingSchema(steps.join(", ")))
        }
        Ok(Ok(SchemaState::Pending(_))) => {
            let limit = limit + options.migration_wait + STEPS_MAX;
            let migrated = timeout(limit, migrate(&db, options.migration_wait)).await;
            migrated.unwrap_or_else(|_| Err(too_slow()))
        }
    };
    // What was found says more than a failure to close.
    let _ = timeout(options.acquire_timeout, db.close()).await;
    prepared
}

/// Connects once and asks the server what it is.
async fn look(connect: &MySqlConnectOptions) -> Result<(), OpenError> {
    let mut connection = connect.connect().await.map_err(|it| refused(&it))?;
    session::begin(&mut connection)
        .await
        .map_err(|it| refused(&it))?;
    let asked = query_as("SELECT VERSION(), CAST(@@max_allowed_packet AS UNSIGNED)");
    let (version, packet): (String, u64) = asked
        .fetch_one(&mut connection)
        .await
        .map_err(|it| refused(&it))?;
    // The answers are there; how the connection ends does not matter.
    let _ = connection.close().await;
    if !is_supported(&version) {
        return Err(OpenError::Unsupported(format!(
            "version {version}, MySQL 8.0.19 or MariaDB 10.6 is needed"
        )));
    }
    if packet < PACKET_MIN {
        return Err(OpenError::Unsupported(format!(
            "max_allowed_packet is {packet} bytes, {PACKET_MIN} are needed"
        )));
    }
    Ok(())
}

fn is_supported(version: &str) -> bool {
    let mut numbers = version
        .split(['.', '-'])
        .map_while(|it| it.parse::<u32>().ok());
    let version_numbers = [(); 3].map(|()| numbers.next().unwrap_or(0));
    let is_mariadb = version.to_ascii_lowercase().contains("mariadb");
    version_numbers >= if is_mariadb { MARIADB_MIN } else { MYSQL_MIN }
}

async fn state_of<C: ConnectionTrait>(db: &C) -> Result<SchemaState, OpenError> {
    schema_state(db)
        .await
        .map_err(|error| failed(&error, OpenError::Unreachable))
}

/// Does what the schema lacks, while every other process waits. The lock is the connection's: it
/// ends with it, however that ends. Each statement of DDL commits by itself and can be run again.
async fn migrate(db: &DatabaseConnection, wait: Duration) -> Result<(), OpenError> {
    let migration = |error: DbErr| failed(&error, OpenError::Migration);
    let tx = db.begin().await.map_err(migration)?;
    if !lock(&tx, wait).await.map_err(migration)? {
        let cause = "another process migrates for too long";
        return Err(OpenError::Migration(Cause::new(cause)));
    }
    match state_of(&tx).await? {
        SchemaState::Current => {}
        SchemaState::Newer(steps) => return Err(OpenError::NewerSchema(steps.join(", "))),
        SchemaState::Pending(_) => apply(&tx).await.map_err(migration)?,
    }
    tx.commit().await.map_err(migration)
}

/// Takes the lock that bears the database's name, or says that it was not to be had.
async fn lock(tx: &DatabaseTransaction, wait: Duration) -> Result<bool, DbErr> {
    let statement = Statement::from_sql_and_values(
        DbBackend::MySql,
        "SELECT GET_LOCK(LEFT(CONCAT('skynet migrate ', DATABASE()), 64), ?)",
        [wait.as_secs().into()],
    );
    let row = tx.query_one_raw(statement).await?;
    let taken: Option<i64> = row.map(|it| it.try_get_by_index(0)).transpose()?.flatten();
    Ok(taken == Some(1))
}

fn failed(error: &DbErr, otherwise: fn(Cause) -> OpenError) -> OpenError {
    let is_denied = errors::driver_of(error).and_then(errors::kind_of_error) == Some(Kind::Denied);
    let cause = errors::cause_of(errors::judge(error));
    if is_denied {
        OpenError::Denied(cause)
    } else {
        otherwise(cause)
    }
}

/// Why there is no connection.
fn refused(error: &SqlxError) -> OpenError {
    let cause = errors::cause_of(errors::judge_driver(error));
    match (error, errors::kind_of_error(error)) {
        (SqlxError::Configuration(_), _) => OpenError::Denied(Cause::new(NEEDS_TLS)),
        (SqlxError::Tls(_), _) => OpenError::Denied(Cause::new(NO_TLS)),
        // What a handshake finds wrong with a certificate, and a PEM file that is not there.
        (SqlxError::Io(error), _)
            if matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::NotFound) =>
        {
            OpenError::Denied(Cause::new(NO_TLS))
        }
        (_, Some(Kind::Denied)) => OpenError::Denied(cause),
        _ => OpenError::Unreachable(cause),
    }
}

fn too_slow() -> OpenError {
    OpenError::Unreachable(Cause::new("the database server did not answer in time"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_supported_from_their_first_version_on() {
        for version in [
            "8.0.19",
            "8.4.3-log",
            "9.5.0",
            "10.6.0-MariaDB",
            "10.11.19-MariaDB-0+deb12u1",
            "11.4.2-MariaDB-ubu2404",
        ] {
            assert!(is_supported(version), "{version}");
        }
        for version in ["8.0.18", "5.7.44", "10.5.28-MariaDB", "", "next"] {
            assert!(!is_supported(version), "{version}");
        }
    }
}
