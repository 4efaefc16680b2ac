//! `SQLite`'s own way.

use async_trait::async_trait;
use sea_orm::{DatabaseTransaction, DbErr, SqliteTransactionMode, TransactionOptions};
use store_sql::{Dialect, Failure, LeadRow, Placement};

use crate::{errors, place};

pub(crate) struct Sqlite;

#[async_trait]
impl Dialect for Sqlite {
    fn write_options(&self) -> TransactionOptions {
        TransactionOptions {
            isolation_level: None,
            access_mode: None,
            // A transaction that reads first and then finds another writer could not go on.
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        }
    }

    fn read_options(&self) -> TransactionOptions {
        TransactionOptions {
            isolation_level: None,
            access_mode: None,
            // What it sees is the moment of its first statement.
            sqlite_transaction_mode: Some(SqliteTransactionMode::Deferred),
        }
    }

    fn has_one_writer(&self) -> bool {
        true
    }

    fn judge(&self, error: DbErr) -> Failure {
        errors::judge(error)
    }

    async fn place(
        &self,
        tx: &DatabaseTransaction,
        rows: &[&LeadRow<'_>],
        _rivals: bool,
    ) -> Result<Placement, DbErr> {
        place::place(tx, rows).await
    }
}
