//! Leads that are stored while their senders wait, many in one transaction.

use std::sync::Arc;

use kernel::{Batch, Clock};
use lead::ports::{Appended, Arrival, Intake, LeadStore, StoreError};

use super::together::{NoAnswer, TURN_MAX, Together, Turn};
use crate::failure::unavailable;
use crate::problem::{Problem, ProblemKind};

const _: () = assert!(TURN_MAX <= Batch::<Arrival>::MAX_LEN);

type Answer = Result<Appended, Problem>;

/// Puts leads that arrive at the same time into one transaction.
pub(crate) struct Writer(Together<Storing>);

struct Storing {
    store: Arc<dyn LeadStore>,
    clock: Arc<dyn Clock>,
}

impl Writer {
    pub(crate) fn new(store: Arc<dyn LeadStore>, clock: Arc<dyn Clock>) -> Self {
        Self(Together::new(Storing { store, clock }))
    }

    /// Stores a lead, and says what became of it once that is committed. A caller that goes away
    /// takes nothing back.
    ///
    /// # Errors
    ///
    /// 503 when too many wait or the store is away.
    pub(crate) async fn append(&self, arrival: Arrival) -> Answer {
        match self.0.join(arrival).await {
            Ok(answer) => answer,
            Err(NoAnswer::Full) => Err(unavailable(ProblemKind::Overloaded)),
            Err(NoAnswer::Gone) => Err(unavailable(ProblemKind::StoreUnavailable)),
        }
    }
}

impl Turn for Storing {
    type Item = Arrival;
    type Answer = Answer;
    const SKIPS_ABANDONED: bool = false;
    const LONE_STAYS: bool = true;

    /// One transaction, or one for each lead where the store refuses one of them.
    async fn take(&self, leads: Vec<Arrival>) -> Vec<Answer> {
        let intake = Intake {
            at: self.clock.now(),
            leads,
            notes: Vec::new(),
        };
        match self.store.append(&intake).await {
            Ok(outcomes) => outcomes.into_iter().map(Ok).collect(),
            Err(StoreError::Refused { .. }) if intake.leads.len() > 1 => {
                let mut answers = Vec::with_capacity(intake.leads.len());
                for lead in intake.leads {
                    let alone = Intake {
                        at: intake.at,
                        leads: vec![lead],
                        notes: Vec::new(),
                    };
                    let outcome = self.store.append(&alone).await;
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
}
