//! Work that arrives at the same time, done together.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;
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
    /// An item for which nobody works is worked on where its sender is, alone.
    const LONE_STAYS: bool;

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
    /// Where turns are worked on, but for lone items that stay: one runtime, so that the connections
    /// that they use are driven where they are used, whichever thread a request came in by.
    runtime: Handle,
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
    /// A line whose turns are worked on in the runtime that this is called in.
    pub(crate) fn new(turn: T) -> Self {
        let line = Line {
            waiting: VecDeque::new(),
            at_work: false,
        };
        Self(Arc::new(Inner {
            turn,
            runtime: Handle::current(),
            line: Mutex::new(line),
        }))
    }

    /// Waits for the item's turn, and for what becomes of it.
    pub(crate) async fn join(&self, item: T::Item) -> Result<T::Answer, NoAnswer> {
        let (answer, answered) = oneshot::channel();
        let is_at_work = {
            let mut line = self.line();
            if line.waiting.len() >= WAITING_MAX {
                return Err(NoAnswer::Full);
            }
            line.waiting.push_back((item, answer));
            std::mem::replace(&mut line.at_work, true)
        };
        if !is_at_work {
            let shift = Shift::begin(self.clone());
            // A task of its own in either place: it goes on when its sender goes away.
            if T::LONE_STAYS {
                tokio::spawn(shift.first_turn());
            } else {
                self.0.runtime.spawn(shift.turns());
            }
        }
        answered.await.map_err(|_| NoAnswer::Gone)
    }

    /// Does what waits; when nothing does, nobody is at work any longer.
    async fn take_turn(&self) -> bool {
        let (items, answers): (Vec<_>, Vec<_>) = {
            let mut line = self.line();
            if T::SKIPS_ABANDONED {
                line.waiting.retain(|(_, answer)| !answer.is_closed());
            }
            let count = line.waiting.len().min(TURN_MAX);
            if count == 0 {
                line.at_work = false;
                return false;
            }
            line.waiting.drain(..count).unzip()
        };
        for (sender, answer) in answers.into_iter().zip(self.0.turn.take(items).await) {
            // Nobody listens to the answer of a request that was given up.
            let _ = sender.send(answer);
        }
        true
    }

    fn line(&self) -> MutexGuard<'_, Line<T>> {
        self.0.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Work that somebody is at. It lets those who wait go when it ends before its time.
struct Shift<T: Turn> {
    together: Together<T>,
    is_over: bool,
}

impl<T: Turn> Shift<T> {
    fn begin(together: Together<T>) -> Self {
        Self {
            together,
            is_over: false,
        }
    }

    /// Takes turns until nothing waits.
    async fn turns(mut self) {
        while self.together.take_turn().await {}
        self.is_over = true;
    }

    /// Takes a turn, and leaves what came meanwhile to the runtime for turns.
    async fn first_turn(mut self) {
        let has_more = self.together.take_turn().await && {
            let mut line = self.together.line();
            line.at_work = !line.waiting.is_empty();
            line.at_work
        };
        self.is_over = true;
        if has_more {
            let runtime = self.together.0.runtime.clone();
            runtime.spawn(Self::begin(self.together.clone()).turns());
        }
    }
}

impl<T: Turn> Drop for Shift<T> {
    fn drop(&mut self) {
        if !self.is_over {
            let mut line = self.together.line();
            line.at_work = false;
            line.waiting.clear();
        }
    }
}
