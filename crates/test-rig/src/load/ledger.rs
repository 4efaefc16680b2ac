//! What was sent, and what was promised for it.

use super::sent::Sent;

/// What an answer promised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Promise {
    /// 201: stored under this id.
    Stored(String),
    /// 202: will be stored under this id, unless the address is held.
    Queued(String),
    /// 202: will be stored as a row of this submission, unless the address is held.
    Row(String),
    /// Refused, or the address was held.
    Never,
    /// No answer, or one that promises nothing.
    Nothing,
}

/// A bulk submission that was answered 202.
#[derive(Clone, Debug)]
pub struct Submission {
    /// Its id.
    pub id: String,
    /// Rows that were accepted.
    pub accepted: usize,
    /// Rows that were refused.
    pub rejected: usize,
}

/// Everything that a load sent.
#[derive(Debug, Default)]
pub struct Ledger {
    /// The load's name, with which every tag begins.
    pub name: String,
    /// Every lead once.
    pub entries: Vec<(Sent, Promise)>,
    /// Every submission that was answered 202.
    pub submissions: Vec<Submission>,
}
