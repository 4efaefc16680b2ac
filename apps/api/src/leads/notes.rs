//! What submissions say of themselves, written while their senders wait, many in one transaction.

use std::sync::Arc;

use kernel::{Batch, Clock};
use lead::BatchNote;
use lead::ports::{Intake, LeadStore};

use super::together::{TURN_MAX, Together, Turn};

const _: () = assert!(TURN_MAX <= Batch::<BatchNote>::MAX_LEN);

/// Puts notes that arrive at the same time into one transaction, so that the transactions of the
/// worker have to wait for few others.
pub(crate) struct Notes(Together<Noting>);

struct Noting {
    store: Arc<dyn LeadStore>,
    clock: Arc<dyn Clock>,
}

impl Notes {
    pub(crate) fn new(store: Arc<dyn LeadStore>, clock: Arc<dyn Clock>) -> Self {
        Self(Together::new(Noting { store, clock }))
    }

    /// Writes a note, and says whether it is committed. The worker writes the same one, so that
    /// nothing is lost where this does not.
    pub(crate) async fn write(&self, note: BatchNote) -> bool {
        self.0.join(note).await.unwrap_or(false)
    }
}

impl Turn for Noting {
    type Item = BatchNote;
    type Answer = bool;
    const SKIPS_ABANDONED: bool = true;
    const LONE_STAYS: bool = false;

    async fn take(&self, notes: Vec<BatchNote>) -> Vec<bool> {
        let count = notes.len();
        let intake = Intake::notes_only(self.clock.now(), notes);
        let written = self.store.append(&intake).await;
        if let Err(error) = &written {
            tracing::debug!(%error, "submissions were not noted");
        }
        vec![written.is_ok(); count]
    }
}
