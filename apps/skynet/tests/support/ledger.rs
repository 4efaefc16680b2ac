//! What was sent, and what was promised for it.

use super::sent::Sent;

/// What an answer promised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Promise {
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
pub(crate) struct Submission {
    pub(crate) id: String,
    pub(crate) accepted: usize,
    pub(crate) rejected: usize,
}

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) entries: Vec<(Sent, Promise)>,
    pub(crate) submissions: Vec<Submission>,
}
