//! What the two dialects do each in their own way.

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

    /// Writes those rows whose id and match key are free, as if one after the other, and says of
    /// each where it stands. No two rows have one id.
    ///
    /// # Errors
    ///
    /// [`DbErr`]; the transaction is then given up.
    async fn place(
        &self,
        tx: &DatabaseTransaction,
        rows: &[&LeadRow],
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
