//! What the two dialects do each in their own way.

use std::time::Duration;

use async_trait::async_trait;
use lead::LeadId;
use sea_orm::{DatabaseTransaction, DbErr, TransactionOptions};

use crate::failure::Failure;
use crate::row::LeadRow;

/// The part of the store that knows its database.
#[async_trait]
pub trait Dialect: Send + Sync + 'static {
    /// How a transaction that writes begins.
    fn write_options(&self) -> TransactionOptions;

    /// What an error means. No value and no statement text gets into the cause.
    fn judge(&self, error: DbErr) -> Failure;

    /// The longest that a read, or one run of a transaction, may take with the wait for its
    /// connection; none where the database itself sees to it that everything ends.
    fn time_limit(&self) -> Option<Duration> {
        None
    }

    /// Hears that a call ran out of time. What its connection still does is not known, so that
    /// it must not be used again.
    fn gave_up(&self) {}

    /// The longest pause before a transaction that met `conflicts` conflicts runs again; the
    /// pause that is made is a random part of it.
    fn pause_max(&self, conflicts: u32) -> Duration {
        let _ = conflicts;
        Duration::ZERO
    }

    /// Writes those rows whose id and match key are free, as if one after the other, and says of
    /// each where it stands. No two rows have one id. `rivals` tells that the same call met a
    /// conflict before: what order the rows are locked in then matters more than speed.
    ///
    /// # Errors
    ///
    /// [`DbErr`]; the transaction is then given up.
    async fn place(
        &self,
        tx: &DatabaseTransaction,
        rows: &[&LeadRow],
        rivals: bool,
    ) -> Result<Vec<Placed>, DbErr>;
}

/// Where a row of [`Dialect::place`] stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placed {
    /// It was written by this call.
    New,
    /// It was there before.
    There,
    /// Its match key is held by another lead.
    Held(LeadId),
    /// Its id is held by a lead with another match key.
    IdClash,
}
