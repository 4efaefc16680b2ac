//! `MySQL`'s own way.

use std::time::Duration;

use async_trait::async_trait;
use sea_orm::prelude::Uuid;
use sea_orm::sqlx::MySqlPool;
use sea_orm::{
    AccessMode, Condition, DatabaseConnection, DatabaseTransaction, DbErr, IsolationLevel,
    TransactionOptions,
};
use store_sql::{Dialect, Failure, LeadRow, NewLeads, Placement};

use crate::detour::Detour;
use crate::own::Owned;
use crate::session::Trust;
use crate::{at_once, candidates, errors, place};

pub(crate) struct Mysql {
    pub(crate) writers: MySqlPool,
    pub(crate) owned: Owned,
    pub(crate) time_limit: Duration,
    pub(crate) trust: Trust,
    pub(crate) detour: Detour,
}

/// The longest pause after a first conflict; it doubles with each.
const PAUSE: Duration = Duration::from_millis(4);
/// The longest pause at all.
const PAUSE_MAX: Duration = Duration::from_millis(200);

#[async_trait]
impl Dialect for Mysql {
    fn write_options(&self) -> TransactionOptions {
        // The session is READ COMMITTED already; saying so again would be another round trip.
        TransactionOptions {
            isolation_level: None,
            access_mode: None,
            sqlite_transaction_mode: None,
        }
    }

    fn read_options(&self) -> TransactionOptions {
        TransactionOptions {
            isolation_level: Some(IsolationLevel::RepeatableRead),
            access_mode: Some(AccessMode::ReadOnly),
            sqlite_transaction_mode: None,
        }
    }

    fn has_one_writer(&self) -> bool {
        false
    }

    fn judge(&self, error: DbErr) -> Failure {
        errors::judge(&error)
    }

    fn time_limit(&self) -> Option<Duration> {
        Some(self.time_limit)
    }

    fn gave_up(&self) {
        self.trust.withdraw();
    }

    fn pause_max(&self, conflicts: u32) -> Duration {
        let doubled = 1 << conflicts.saturating_sub(1).min(16);
        PAUSE.saturating_mul(doubled).min(PAUSE_MAX)
    }

    fn expects_new(&self, leads: usize) -> bool {
        leads <= at_once::FEW || self.detour.is_over()
    }

    async fn store_new(&self, new: &NewLeads<'_>) -> Result<bool, DbErr> {
        if !at_once::takes(new) {
            return Ok(false);
        }
        let are_stored = at_once::store_new(&self.owned, &self.writers, new).await?;
        if !are_stored && new.rows.len() > at_once::FEW {
            self.detour.begin();
        }
        Ok(are_stored)
    }

    async fn count(
        &self,
        reader: &DatabaseConnection,
        ids: &[Uuid],
        condition: &Condition,
    ) -> Result<u64, DbErr> {
        let reader = reader.get_mysql_connection_pool();
        candidates::count(reader, ids, condition).await
    }

    async fn place(
        &self,
        tx: &DatabaseTransaction,
        rows: &[&LeadRow<'_>],
        rivals: bool,
    ) -> Result<Placement, DbErr> {
        place::place(tx, rows, rivals).await
    }
}
