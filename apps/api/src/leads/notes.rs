//! What submissions say of themselves, written while their senders wait, many in one transaction.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kernel::{Batch, Clock};
use lead::BatchNote;
use lead::ports::{Intake, LeadStore};
use tokio::sync::oneshot;

/// The most notes of one transaction.
const TRANSACTION_MAX: usize = 250;
const _: () = assert!(TRANSACTION_MAX <= Batch::<BatchNote>::MAX_LEN);
/// The most notes that wait for theirs.
const WAITING_MAX: usize = 2_000;

/// Puts notes that arrive at the same time into one transaction, so that the transactions of the
/// worker have to wait for few others.
#[derive(Clone)]
pub(crate) struct Notes(Arc<Inner>);

struct Inner {
    store: Arc<dyn LeadStore>,
    clock: Arc<dyn Clock>,
    line: Mutex<Line>,
}

#[derive(Default)]
struct Line {
    waiting: VecDeque<(BatchNote, oneshot::Sender<()>)>,
    /// Somebody works on it.
    at_work: bool,
}

impl Notes {
    pub(crate) fn new(store: Arc<dyn LeadStore>, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner {
            store,
            clock,
            line: Mutex::default(),
        }))
    }

    /// Writes a note, and says whether it is committed. The worker writes the same one, so that
    /// nothing is lost where this does not.
    pub(crate) async fn write(&self, note: BatchNote) -> bool {
        let (answer, answered) = oneshot::channel();
        {
            let mut line = self.line();
            if line.waiting.len() >= WAITING_MAX {
                return false;
            }
            line.waiting.push_back((note, answer));
            if !line.at_work {
                line.at_work = true;
                tokio::spawn(self.clone().work());
            }
        }
        answered.await.is_ok()
    }

    async fn work(self) {
        let _rest = Rest(&self);
        loop {
            let waiting: Vec<_> = {
                let mut line = self.line();
                // Nobody waits for these any more.
                line.waiting.retain(|(_, answer)| !answer.is_closed());
                let count = line.waiting.len().min(TRANSACTION_MAX);
                if count == 0 {
                    line.at_work = false;
                    return;
                }
                line.waiting.drain(..count).collect()
            };
            let (notes, answers): (Vec<_>, Vec<_>) = waiting.into_iter().unzip();
            let intake = Intake::notes_only(self.0.clock.now(), notes);
            match self.0.store.append(&intake).await {
                Ok(_) => {
                    for answer in answers {
                        // Nobody listens to the answer of a request that was given up.
                        let _ = answer.send(());
                    }
                }
                Err(error) => tracing::debug!(%error, "submissions were not noted"),
            }
        }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.0.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets somebody else work when the one at work ends, in whatever way.
struct Rest<'a>(&'a Notes);

impl Drop for Rest<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut line = self.0.line();
            line.at_work = false;
            line.waiting.clear();
        }
    }
}
