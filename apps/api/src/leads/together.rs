//! Work that arrives at the same time, done together.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// The most items of one turn, and so of one transaction.
pub(crate) const TURN_MAX: usize = 250;
/// The most items that wait for their turn.
const WAITING_MAX: usize = 2_000;

/// What is done with the items of a turn.
pub(crate) trait Turn: Send + Sync + 'static {
    /// What waits.
    type Item: Send + 'static;
    /// What becomes of it.
    type Answer: Send + 'static;
    /// An item whose sender went away before its turn is left out.
    const SKIPS_ABANDONED: bool;

    /// Does 1 to [`TURN_MAX`] items at once; answers align with them by position.
    fn take(&self, items: Vec<Self::Item>) -> impl Future<Output = Vec<Self::Answer>> + Send;
}

/// A line of items; one turn is under way at a time, and what arrives meanwhile goes together into
/// the next.
pub(crate) struct Together<T: Turn>(Arc<Inner<T>>);

/// Why an item has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    /// Too many waited: nothing was done with it.
    Full,
    /// Its turn ended before its time: what was done with it is not known.
    Gone,
}

struct Inner<T: Turn> {
    turn: T,
    line: Mutex<Line<T>>,
}

struct Line<T: Turn> {
    waiting: VecDeque<(T::Item, oneshot::Sender<T::Answer>)>,
    /// Somebody works on it.
    at_work: bool,
}

impl<T: Turn> Clone for Together<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Turn> Together<T> {
    pub(crate) fn new(turn: T) -> Self {
        let line = Line {
            waiting: VecDeque::new(),
            at_work: false,
        };
        Self(Arc::new(Inner {
            turn,
            line: Mutex::new(line),
        }))
    }

    /// Waits for the item's turn, and for what becomes of it.
    pub(crate) async fn join(&self, item: T::Item) -> Result<T::Answer, NoAnswer> {
        let (answer, answered) = oneshot::channel();
        {
            let mut line = self.line();
            if line.waiting.len() >= WAITING_MAX {
                return Err(NoAnswer::Full);
            }
            line.waiting.push_back((item, answer));
            if !line.at_work {
                line.at_work = true;
                tokio::spawn(self.clone().work());
            }
        }
        answered.await.map_err(|_| NoAnswer::Gone)
    }

    async fn work(self) {
        let _rest = Rest(&self);
        loop {
            let (items, answers): (Vec<_>, Vec<_>) = {
                let mut line = self.line();
                if T::SKIPS_ABANDONED {
                    line.waiting.retain(|(_, answer)| !answer.is_closed());
                }
                let count = line.waiting.len().min(TURN_MAX);
                if count == 0 {
                    line.at_work = false;
                    return;
                }
                line.waiting.drain(..count).unzip()
            };
            for (sender, answer) in answers.into_iter().zip(self.0.turn.take(items).await) {
                // Nobody listens to the answer of a request that was given up.
                let _ = sender.send(answer);
            }
        }
    }

    fn line(&self) -> MutexGuard<'_, Line<T>> {
        self.0.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets those who wait go when the one at work ends before its time.
struct Rest<'a, T: Turn>(&'a Together<T>);

impl<T: Turn> Drop for Rest<'_, T> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut line = self.0.line();
            line.at_work = false;
            line.waiting.clear();
        }
    }
}
