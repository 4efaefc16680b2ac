//! The store.

use std::sync::Arc;

use async_trait::async_trait;
use kernel::{Batch, Cause, Timestamp};

use crate::{
    BatchId, BatchNote, BatchView, Filter, Lead, LeadId, ListQuery, MatchKey, NewLead, Parked,
    Receipt, ResultRow, RowKey, Stats, Total,
};

/// The durable home of leads and of what became of each.
#[async_trait]
pub trait LeadStore: Send + Sync + 'static {
    /// Writes those leads whose e-mail is free, with their attributes, what became of the others,
    /// the notes, and the counters of their submissions.
    ///
    /// Outcomes align with `intake.leads` by position. Of two leads with one e-mail the first
    /// committed is stored, and within one intake the earlier. A lead that is there under its own
    /// id is [`Appended::Stored`] again and counted once. A lead that was recorded as a duplicate
    /// stays one; a lead that was parked is decided anew, and its counter moves over.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when the same intake may be sent again;
    /// [`StoreError::Refused`] when something in it cannot be stored: then nothing was.
    async fn append(&self, intake: &Intake) -> Result<Vec<Appended>, StoreError>;

    /// Parks messages: the rows, whatever became of their leads; and the outcome `failed` and the
    /// counters of those leads that are neither stored nor a duplicate. Parking twice counts once.
    /// A submission that waits for nothing thereafter finished when the latest of them was parked.
    ///
    /// # Errors
    ///
    /// As [`LeadStore::append`].
    async fn park(&self, parked: &Batch<Parked>) -> Result<(), StoreError>;

    /// Forgets submissions and outcomes that were last touched before `before`, at most a
    /// thousand of each; says how many went, so that a caller may go on until none does. Parked
    /// messages and submissions with leads that wait stay.
    ///
    /// # Errors
    ///
    /// As [`LeadStore::append`].
    async fn forget(&self, before: Timestamp) -> Result<u64, StoreError>;

    /// Counts the leads by status anew, so that totals show changes made by SQL.
    ///
    /// # Errors
    ///
    /// As [`LeadStore::append`].
    async fn recount(&self) -> Result<(), StoreError>;

    /// Takes a bounded step towards an index of every lead's texts, where the store has one.
    /// Several callers may do so at once. What a search finds does not depend on it, only how fast.
    ///
    /// # Errors
    ///
    /// As [`LeadStore::append`].
    async fn index(&self) -> Result<Indexed, StoreError>;
}

/// What a step of [`LeadStore::index`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Indexed {
    /// So many leads are in the index that were not before.
    pub leads: u64,
    /// There is more to do at once.
    pub more: bool,
}

/// What one transaction takes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intake {
    /// When the work is done.
    pub at: Timestamp,
    /// At most [`Batch::MAX_LEN`] leads; there may be none.
    pub leads: Vec<Arrival>,
    /// What chunks say of their submissions; at most [`Batch::MAX_LEN`].
    pub notes: Vec<BatchNote>,
}

impl Intake {
    /// What chunks say of their submissions, without their leads.
    pub fn notes_only(at: Timestamp, notes: Vec<BatchNote>) -> Self {
        Self {
            at,
            leads: Vec::new(),
            notes,
        }
    }
}

/// A lead that arrives at the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The lead.
    pub lead: Arc<NewLead>,
    /// Its row in a bulk submission; none for a lead sent alone.
    pub row: Option<RowKey>,
    /// Attempts spent, this one included.
    pub attempts: u16,
}

/// What became of a lead in an intake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// It is in the store, now or since an earlier delivery.
    Stored,
    /// Its e-mail was held already.
    Duplicate {
        /// By this lead.
        of: LeadId,
    },
    /// Its id is held by a lead with another e-mail; nothing was recorded.
    IdClash,
}

/// Why the store did not do it. Conflicts between transactions are resolved inside the adapter.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store is away, full, or read-only: the same call may be made again, and the data is
    /// not to blame.
    #[error("lead store unavailable")]
    Unavailable(#[source] Cause),
    /// Something in the call cannot be stored.
    #[error("lead store refuses the data")]
    Refused {
        /// It never will be; else trying again may help.
        lasting: bool,
        /// Why.
        #[source]
        cause: Cause,
    },
    /// A stored row breaks a rule of this crate.
    #[error("lead store holds a row that cannot be read")]
    Corrupt(#[source] Cause),
}

/// Looking things up. Never waits for a writer.
#[async_trait]
pub trait LeadFinder: Send + Sync + 'static {
    /// The lead of that id.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] or [`StoreError::Corrupt`], as all of this port.
    async fn find(&self, id: LeadId) -> Result<Option<Lead>, StoreError>;

    /// The lead that holds an e-mail.
    ///
    /// # Errors
    ///
    /// As [`LeadFinder::find`].
    async fn holder(&self, key: &MatchKey) -> Result<Option<LeadId>, StoreError>;

    /// A page of leads: newest first, or oldest first for [`crate::Position::After`].
    ///
    /// # Errors
    ///
    /// As [`LeadFinder::find`].
    async fn list(&self, query: &ListQuery) -> Result<Vec<Lead>, StoreError>;

    /// How many leads a filter finds: exact unless it looks into texts, else up to [`Total::CAP`].
    ///
    /// # Errors
    ///
    /// As [`LeadFinder::find`].
    async fn total(&self, filter: &Filter) -> Result<Total, StoreError>;

    /// A page as [`LeadFinder::list`] gives it, and the total of its filter. Where a store looks for
    /// both in the same place, this takes less than one after the other.
    ///
    /// # Errors
    ///
    /// As [`LeadFinder::find`].
    async fn list_and_total(&self, query: &ListQuery) -> Result<(Vec<Lead>, Total), StoreError> {
        Ok((self.list(query).await?, self.total(&query.filter).await?))
    }

    /// Totals by status, and of the leads accepted since `today`.
    ///
    /// # Errors
    ///
    /// As [`LeadFinder::find`].
    async fn stats(&self, today: Timestamp) -> Result<Stats, StoreError>;

    /// What became of a lead; none while it waits.
    ///
    /// # Errors
    ///
    /// As [`LeadFinder::find`].
    async fn receipt(&self, id: LeadId) -> Result<Option<Receipt>, StoreError>;

    /// A bulk submission.
    ///
    /// # Errors
    ///
    /// As [`LeadFinder::find`].
    async fn batch(&self, id: BatchId) -> Result<Option<BatchView>, StoreError>;

    /// Rows of a submission that were not stored, in input order.
    ///
    /// # Errors
    ///
    /// As [`LeadFinder::find`].
    async fn results(&self, query: &ResultsQuery) -> Result<Vec<ResultRow>, StoreError>;
}

/// Which rows of a submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResultsQuery {
    /// The submission.
    pub batch: BatchId,
    /// Rows of this kind; all kinds when none.
    pub kind: Option<ResultKind>,
    /// Rows after this index.
    pub after: Option<u64>,
    /// At most this many, up to [`Batch::MAX_LEN`].
    pub limit: u16,
}

/// What became of a row that was not stored, without the details.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResultKind {
    /// Not accepted.
    Rejected,
    /// The e-mail was held already.
    Duplicate,
    /// Parked.
    Failed,
}
