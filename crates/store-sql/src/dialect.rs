//! What the two dialects do each in their own way.

use std::time::Duration;

use async_trait::async_trait;
use lead::LeadId;
use sea_orm::{Condition, DatabaseConnection, DatabaseTransaction, DbErr, TransactionOptions};
use uuid::Uuid;

use crate::failure::Failure;
use crate::news::NewLeads;
use crate::row::LeadRow;
use crate::search::count_with_ids;

/// The part of the store that knows its database.
#[async_trait]
pub trait Dialect: Send + Sync + 'static {
    /// How a transaction that writes begins.
    fn write_options(&self) -> TransactionOptions;

    /// How a transaction begins that reads, and sees one moment in all its statements.
    fn read_options(&self) -> TransactionOptions;

    /// Whether a transaction that writes keeps every other one waiting, so that it has to be short.
    fn has_one_writer(&self) -> bool;

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

    /// Whether it is worth asking [`Dialect::store_new`] about so many leads now.
    fn expects_new(&self, leads: usize) -> bool {
        let _ = leads;
        false
    }

    /// Stores leads that are all new, and what goes with them, in one transaction of few round
    /// trips, and says whether it did. Where there is no such way, or anything speaks against one
    /// of the leads, nothing is stored, and the transaction that decides about each has to be run.
    ///
    /// # Errors
    ///
    /// [`DbErr`]; whether the leads are stored is not known.
    async fn store_new(&self, new: &NewLeads<'_>) -> Result<bool, DbErr> {
        let _ = new;
        Ok(false)
    }

    /// How many of the leads with those ids, of which there are 1 to 1,250, a condition is true of:
    /// asked over a connection of `reader`.
    ///
    /// # Errors
    ///
    /// [`DbErr`].
    async fn count(
        &self,
        reader: &DatabaseConnection,
        ids: &[Uuid],
        condition: &Condition,
    ) -> Result<u64, DbErr> {
        count_with_ids(reader, ids, condition).await
    }

    /// Writes those rows whose id and match key are free, as if one after the other, says of each
    /// where it stands, and then looks whether anything may be recorded of the leads, waiting for
    /// whoever records it. No two rows have one id. `rivals` tells that the same call met a
    /// conflict before: what order the rows are locked in then matters more than speed.
    ///
    /// # Errors
    ///
    /// [`DbErr`]; the transaction is then given up.
    async fn place(
        &self,
        tx: &DatabaseTransaction,
        rows: &[&LeadRow<'_>],
        rivals: bool,
    ) -> Result<Placement, DbErr>;
}

/// What [`Dialect::place`] did and saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    /// Where each row stands.
    pub placed: Vec<Placed>,
    /// There is an outcome of a lead whose id lies between the smallest and the largest of the
    /// rows, one of theirs or not. Outcomes are kept for exceptions only, so that one look at the
    /// range mostly spares one for each row.
    pub any_recorded: bool,
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
