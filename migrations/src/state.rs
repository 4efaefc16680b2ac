//! Which steps a database has.

use std::collections::HashSet;

use sea_orm_migration::MigratorTrait;
use sea_orm_migration::sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, Statement,
};

use crate::Migrator;

/// How a database's schema stands to this program's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SchemaState {
    /// It is this program's.
    Current,
    /// These steps, oldest first, are not done.
    Pending(Vec<String>),
    /// A newer program did these steps, which this one does not know.
    Newer(Vec<String>),
}

/// Compares the schema with this program's, changing nothing.
///
/// # Errors
///
/// [`DbErr`] when the database cannot be read.
pub async fn schema_state<C: ConnectionTrait>(db: &C) -> Result<SchemaState, DbErr> {
    let known: Vec<String> = Migrator::migrations()
        .iter()
        .map(|it| it.name().to_owned())
        .collect();
    let applied = applied(db).await?;
    let newer: Vec<String> = applied
        .iter()
        .filter(|it| !known.contains(it))
        .cloned()
        .collect();
    if !newer.is_empty() {
        return Ok(SchemaState::Newer(newer));
    }
    let applied: HashSet<String> = applied.into_iter().collect();
    let pending: Vec<String> = known
        .into_iter()
        .filter(|it| !applied.contains(it))
        .collect();
    Ok(if pending.is_empty() {
        SchemaState::Current
    } else {
        SchemaState::Pending(pending)
    })
}

/// Does every step that is not done, within a transaction of the caller.
///
/// # Errors
///
/// [`DbErr`] of the statement that failed; on a database with transactional DDL nothing is done.
pub async fn apply(tx: &DatabaseTransaction) -> Result<(), DbErr> {
    Migrator::up(tx, None).await
}

async fn applied<C: ConnectionTrait>(db: &C) -> Result<Vec<String>, DbErr> {
    let backend = db.get_database_backend();
    let table = Migrator::migration_table_name().to_string();
    let probe = match backend {
        DbBackend::Sqlite => "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?",
        _ => {
            "SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?"
        }
    };
    let probe = Statement::from_sql_and_values(backend, probe, [table.as_str().into()]);
    if db.query_one_raw(probe).await?.is_none() {
        return Ok(Vec::new());
    }
    let list = format!("SELECT version FROM {table} ORDER BY version");
    let rows = db
        .query_all_raw(Statement::from_string(backend, list))
        .await?;
    rows.iter().map(|row| row.try_get("", "version")).collect()
}
