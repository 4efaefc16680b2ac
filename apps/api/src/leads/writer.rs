//! Leads that are stored while their senders wait, many in one transaction.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kernel::Clock;
use lead::ports::{Appended, Arrival, Intake, LeadStore, StoreError};
use tokio::sync::oneshot;

use crate::failure::unavailable;
use crate::problem::{Problem, ProblemKind};

/// The most leads of one transaction.
const TRANSACTION_MAX: usize = 250;
/// The most leads that wait for theirs.
const WAITING_MAX: usize = 2_000;

type Answer = Result<Appended, Problem>;

/// Puts leads that arrive at the same time into one transaction.
#[derive(Clone)]
pub(crate) struct Writer(Arc<Inner>);

struct Inner {
    store: Arc<dyn LeadStore>,
    clock: Arc<dyn Clock>,
    line: Mutex<Line>,
}

#[derive(Default)]
struct Line {
    waiting: VecDeque<(Arrival, oneshot::Sender<Answer>)>,
    /// Somebody works on it.
    at_work: bool,
}

impl Writer {
    pub(crate) fn new(store: Arc<dyn LeadStore>, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner {
            store,
            clock,
            line: Mutex::default(),
        }))
    }

    /// Stores a lead, and says what became of it once that is committed. A caller that goes away
    /// takes nothing back.
    ///
    /// # Errors
    ///
    /// 503 when too many wait or the store is away.
    pub(crate) async fn append(&self, arrival: Arrival) -> Answer {
        let (answer, answered) = oneshot::channel();
        {
            let mut line = self.line();
            if line.waiting.len() >= WAITING_MAX {
                return Err(unavailable(ProblemKind::Overloaded));
            }
            line.waiting.push_back((arrival, answer));
            if !line.at_work {
                line.at_work = true;
                tokio::spawn(self.clone().work());
            }
        }
        // Without an answer the one at work is gone: whether the lead is stored is not known.
        answered
            .await
            .unwrap_or_else(|_| Err(unavailable(ProblemKind::StoreUnavailable)))
    }

    async fn work(self) {
        let _rest = Rest(&self);
        loop {
            let (arrivals, senders): (Vec<_>, Vec<_>) = {
                let mut line = self.line();
                let count = line.waiting.len().min(TRANSACTION_MAX);
                if count == 0 {
                    line.at_work = false;
                    return;
                }
                line.waiting.drain(..count).unzip()
            };
            for (sender, answer) in senders.into_iter().zip(self.store(arrivals).await) {
                // Nobody listens to the answer of a request that was given up.
                let _ = sender.send(answer);
            }
        }
    }

    /// One transaction, or one for each lead where the store refuses one of them.
    async fn store(&self, leads: Vec<Arrival>) -> Vec<Answer> {
        let inner = &self.0;
        let intake = Intake {
            at: inner.clock.now(),
            leads,
            notes: Vec::new(),
        };
        match inner.store.append(&intake).await {
            Ok(outcomes) => outcomes.into_iter().map(Ok).collect(),
            Err(StoreError::Refused { .. }) if intake.leads.len() > 1 => {
                let mut answers = Vec::with_capacity(intake.leads.len());
                for lead in intake.leads {
                    let alone = Intake {
                        at: intake.at,
                        leads: vec![lead],
                        notes: Vec::new(),
                    };
                    let outcome = inner.store.append(&alone).await;
                    answers.push(match outcome.map(|it| it.first().copied()) {
                        Ok(Some(outcome)) => Ok(outcome),
                        Ok(None) => Err(ProblemKind::Internal.into()),
                        Err(error) => Err(error.into()),
                    });
                }
                answers
            }
            Err(error) => {
                let problem = Problem::from(error);
                intake.leads.iter().map(|_| Err(problem.clone())).collect()
            }
        }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.0.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets those who wait go when the one at work ends before its time.
struct Rest<'a>(&'a Writer);

impl Drop for Rest<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut line = self.0.line();
            line.at_work = false;
            line.waiting.clear();
        }
    }
}
