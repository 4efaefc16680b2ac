//! Writing leads, and what became of each.

use std::collections::HashSet;

use async_trait::async_trait;
use eav::Attributes;
use kernel::{Batch, Timestamp};
use lead::ports::{Appended, Arrival, Intake, LeadStore, StoreError};
use lead::{LeadId, Parked};
use sea_orm::DatabaseTransaction;

use crate::dialect::{Dialect, Placed};
use crate::entity::outcome;
use crate::failure::{Failure, Trouble};
use crate::forget::{Forget, Recount};
use crate::ledger::{DUPLICATE, Ledger, Row, signed};
use crate::park::Park;
use crate::row::LeadRow;
use crate::store::{SqlStore, Work};

#[async_trait]
impl LeadStore for SqlStore {
    async fn append(&self, intake: &Intake) -> Result<Vec<Appended>, StoreError> {
        if intake.leads.is_empty() && intake.notes.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.rows_of(intake).await?;
        let append = Append {
            dialect: self.inner.dialect.as_ref(),
            intake,
            rows,
        };
        Ok(self.transact(&append).await?)
    }

    async fn park(&self, parked: &Batch<Parked>) -> Result<(), StoreError> {
        Ok(self.transact(&Park { parked }).await?)
    }

    async fn forget(&self, before: Timestamp) -> Result<u64, StoreError> {
        Ok(self.transact(&Forget { before }).await?)
    }

    async fn recount(&self) -> Result<(), StoreError> {
        Ok(self.transact(&Recount).await?)
    }
}

impl SqlStore {
    /// The rows of an intake's leads. Names that were never met are written at once: they stay
    /// good whatever becomes of the leads.
    async fn rows_of(&self, intake: &Intake) -> Result<Vec<LeadRow>, Failure> {
        let leads = intake.leads.iter().map(|it| &it.lead.details.attributes);
        let seen: Vec<_> = leads
            .flat_map(Attributes::as_slice)
            .map(|it| (&it.name, it.value.kind()))
            .collect();
        let ids = self.attribute_ids(&seen).await?;
        let mut rest = ids.as_slice();
        let rows = intake.leads.iter().map(|arrival| {
            let own_len = arrival.lead.details.attributes.as_slice().len();
            let (own, others) = rest.split_at(own_len);
            rest = others;
            LeadRow::new(arrival, intake.at, own)
        });
        Ok(rows.collect())
    }
}

struct Append<'a> {
    dialect: &'a dyn Dialect,
    intake: &'a Intake,
    rows: Vec<LeadRow>,
}

#[async_trait]
impl Work for Append<'_> {
    type Out = Vec<Appended>;

    async fn run(&self, tx: &DatabaseTransaction) -> Result<Vec<Appended>, Trouble> {
        let ids = self.rows.iter().map(|it| it.id);
        let mut ledger = Ledger::open(tx, self.intake.at, ids).await?;
        for note in &self.intake.notes {
            ledger.note(note);
        }
        let mut outcomes = Vec::with_capacity(self.rows.len());
        while outcomes.len() < self.rows.len() {
            let from = outcomes.len();
            let run = from..from + distinct_ids(&self.rows[from..]);
            self.decide(tx, run, &mut ledger, &mut outcomes).await?;
        }
        ledger.write(tx).await?;
        Ok(outcomes)
    }
}

/// How many rows from the first have different ids: what one look at the database can decide.
fn distinct_ids(rows: &[LeadRow]) -> usize {
    let mut ids = HashSet::with_capacity(rows.len());
    rows.iter().take_while(|it| ids.insert(it.id)).count()
}

impl Append<'_> {
    async fn decide(
        &self,
        tx: &DatabaseTransaction,
        run: std::ops::Range<usize>,
        ledger: &mut Ledger,
        outcomes: &mut Vec<Appended>,
    ) -> Result<(), Trouble> {
        let open: Vec<&LeadRow> = self.rows[run.clone()]
            .iter()
            .filter(|row| known_duplicate(ledger, row).is_none())
            .collect();
        let mut placed = self.dialect.place(tx, &open).await?.into_iter();
        for (arrival, row) in self.intake.leads[run.clone()].iter().zip(&self.rows[run]) {
            let submission = arrival
                .row
                .map(|key| Row::of_lead(key, row.submitted_by, arrival.lead.id));
            if let Some(submission) = submission {
                ledger.touch(submission);
            }
            if let Some(of) = known_duplicate(ledger, row) {
                outcomes.push(Appended::Duplicate { of });
                continue;
            }
            outcomes.push(match placed.next() {
                Some(Placed::New) => {
                    ledger.stored(row.id, arrival.lead.details.status, submission);
                    Appended::Stored
                }
                Some(Placed::There) => Appended::Stored,
                Some(Placed::Held(of)) => {
                    let outcome = self.duplicate(arrival, of);
                    ledger.recorded(outcome, submission);
                    Appended::Duplicate { of }
                }
                Some(Placed::IdClash) | None => Appended::IdClash,
            });
        }
        Ok(())
    }

    fn duplicate(&self, arrival: &Arrival, of: LeadId) -> outcome::Model {
        outcome::Model {
            lead_id: arrival.lead.id.0,
            batch_id: arrival.row.map(|it| it.batch.0),
            row_index: arrival.row.map(|it| signed(it.index)),
            owner: arrival.lead.submitted_by.0,
            kind: DUPLICATE.to_owned(),
            duplicate_of: Some(of.0),
            code: None,
            attempts: arrival.attempts,
            updated_at: self.intake.at.date_time(),
        }
    }
}

fn known_duplicate(ledger: &Ledger, row: &LeadRow) -> Option<LeadId> {
    let outcome = ledger.outcome(row.id)?;
    outcome.duplicate_of.map(LeadId)
}
