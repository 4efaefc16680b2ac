//! `MySQL`'s own way.

use std::time::Duration;

use async_trait::async_trait;
use sea_orm::{DatabaseTransaction, DbErr, TransactionOptions};
use store_sql::{Dialect, Failure, LeadRow, Placed};

use crate::session::Trust;
use crate::{errors, place};

pub(crate) struct Mysql {
    pub(crate) time_limit: Duration,
    pub(crate) trust: Trust,
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

    async fn place(
        &self,
        tx: &DatabaseTransaction,
        rows: &[&LeadRow],
        rivals: bool,
    ) -> Result<Vec<Placed>, DbErr> {
        place::place(tx, rows, rivals).await
    }
}
