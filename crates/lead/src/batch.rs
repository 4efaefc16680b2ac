//! Bulk submissions: how far each is, and what became of its rows.

use std::fmt;

use kernel::{Timestamp, UserId};
use uuid::Uuid;

use crate::{FieldError, LeadId, ParkCode};

/// The identity of a bulk submission, a version 7 UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchId(pub Uuid);

impl fmt::Display for BatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A row of a bulk submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowKey {
    /// The submission.
    pub batch: BatchId,
    /// The row's place in it, from 0.
    pub index: u64,
}

/// A row that was not accepted, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedRow {
    /// Its place in the submission, from 0.
    pub index: u64,
    /// What is wrong; pointers start at the lead.
    pub errors: Vec<FieldError>,
}

/// How many rows were read up to some point of the submission.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Progress {
    /// Rows read so far, rejected ones included.
    pub received: u64,
    /// Rows rejected so far.
    pub rejected: u64,
    /// Nothing follows: these are the totals.
    pub complete: bool,
}

/// What a chunk says about the submission it belongs to. Writing one twice, or in another order
/// than they were made, leaves the same state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchNote {
    /// The submission.
    pub batch: BatchId,
    /// Who sent it.
    pub owner: UserId,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// Rows read up to the end of this chunk.
    pub progress: Progress,
    /// Rows rejected since the chunk before.
    pub rejected: Vec<RejectedRow>,
}

/// Where a submission stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchState {
    /// Rows are still coming in.
    Receiving,
    /// All rows are read, some wait.
    Processing,
    /// Nothing waits.
    Finished,
}

impl BatchState {
    /// The state as it is sent.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Receiving => "receiving",
            Self::Processing => "processing",
            Self::Finished => "finished",
        }
    }
}

/// What became of the rows of a submission.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchCounts {
    /// Rows read.
    pub received: u64,
    /// Rows not accepted.
    pub rejected: u64,
    /// Leads stored.
    pub stored: u64,
    /// Leads whose e-mail was held already.
    pub duplicate: u64,
    /// Leads that are parked.
    pub failed: u64,
}

impl BatchCounts {
    /// Leads that wait: received less everything that is decided.
    pub fn pending(&self) -> u64 {
        self.received
            .saturating_sub(self.rejected)
            .saturating_sub(self.stored)
            .saturating_sub(self.duplicate)
            .saturating_sub(self.failed)
    }
}

/// A submission as its sender may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchView {
    /// The submission.
    pub id: BatchId,
    /// Who sent it.
    pub owner: UserId,
    /// What became of its rows.
    pub counts: BatchCounts,
    /// All rows are read.
    pub complete: bool,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When nothing waited any more; none while something does.
    pub finished_at: Option<Timestamp>,
}

impl BatchView {
    /// Where the submission stands.
    pub fn state(&self) -> BatchState {
        match (self.complete, self.counts.pending()) {
            (false, _) => BatchState::Receiving,
            (true, 0) => BatchState::Finished,
            (true, _) => BatchState::Processing,
        }
    }
}

/// What became of a row that was not stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowOutcome {
    /// Not accepted.
    Rejected(Vec<FieldError>),
    /// The e-mail was held already.
    Duplicate {
        /// By this lead.
        of: LeadId,
    },
    /// Parked.
    Failed(ParkCode),
}

/// A row that was not stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultRow {
    /// Its place in the submission, from 0.
    pub index: u64,
    /// The lead it became; none when it was rejected.
    pub lead: Option<LeadId>,
    /// What became of it.
    pub outcome: RowOutcome,
}
