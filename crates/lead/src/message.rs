//! What travels through the queue.

use std::sync::Arc;

use kernel::{Batch, ThreadKey, Timestamp, UserId};

use crate::{BatchNote, NewLead};

/// A message of the leads queue: parts of one or more requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// How many attempts were spent on it, from 0.
    pub attempt: u16,
    /// How often it was parked and sent again.
    pub replays: u16,
    /// What it carries: at least one part, at most [`Message::MAX_LEADS`] leads in all.
    pub parts: Vec<Part>,
}

impl Message {
    /// The most leads of one message.
    pub const MAX_LEADS: usize = Batch::<NewLead>::MAX_LEN;
    /// The most bytes of one message, encoded; a single larger lead still travels alone.
    pub const MAX_BYTES: usize = 1024 * 1024;

    /// A first attempt.
    pub fn first(parts: Vec<Part>) -> Self {
        Self {
            attempt: 0,
            replays: 0,
            parts,
        }
    }

    /// The leads in it.
    pub fn lead_count(&self) -> usize {
        self.parts.iter().map(|part| part.leads.len()).sum()
    }
}

/// What one request, or one chunk of a bulk request, put into a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The request.
    pub thread_key: ThreadKey,
    /// Its trace.
    pub trace_parent: Option<TraceParent>,
    /// Who sent it.
    pub owner: UserId,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// The bulk submission it belongs to; its `owner` and `accepted_at` are the part's.
    pub note: Option<BatchNote>,
    /// The leads; none when a chunk has nothing but rejected rows.
    pub leads: Vec<QueuedLead>,
}

/// A lead in a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedLead {
    /// Its row in the bulk submission; 0 outside of one.
    pub index: u64,
    /// The lead; `submitted_by` is the part's owner. Shared, since it goes on as it is.
    pub lead: Arc<NewLead>,
}

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// With many others.
    Work,
    /// Alone, because a worker died more than once with it in hand.
    Suspect,
}

/// A W3C `traceparent`, checked for form only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceParent(Box<str>);

impl TraceParent {
    /// Reads `00-{32 hex}-{16 hex}-{2 hex}`.
    ///
    /// # Errors
    ///
    /// [`TraceParentError`] for another form.
    pub fn parse(text: &str) -> Result<Self, TraceParentError> {
        let lengths = [2, 32, 16, 2];
        let mut parts = text.split('-');
        let well_formed = lengths.iter().all(|&length| {
            parts.next().is_some_and(|it| {
                it.len() == length
                    && it
                        .bytes()
                        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
            })
        }) && parts.next().is_none();
        if well_formed {
            Ok(Self(text.into()))
        } else {
            Err(TraceParentError)
        }
    }

    /// The header's value.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text is no trace parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a traceparent")]
pub struct TraceParentError;
