//! Writing leads, and what became of each.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use eav::Attributes;
use kernel::{Batch, Timestamp};
use lead::ports::{Appended, Arrival, Indexed, Intake, LeadStore, StoreError};
use lead::{LeadId, Parked};
use sea_orm::{ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, QueryFilter};

use crate::dialect::{Placed, Placement};
use crate::entity::{lead as stored_lead, outcome};
use crate::failure::{Failure, Trouble};
use crate::forget::{Forget, Recount};
use crate::ledger::{DUPLICATE, Ledger, Row, signed};
use crate::news::NewLeads;
use crate::park::Park;
use crate::riders::Rider;
use crate::row::LeadRow;
use crate::search;
use crate::store::{Inner, SqlStore, Work};

#[async_trait]
impl LeadStore for SqlStore {
    async fn append(&self, intake: &Intake) -> Result<Vec<Appended>, StoreError> {
        if intake.leads.is_empty() && intake.notes.is_empty() {
            return Ok(Vec::new());
        }
        if intake.leads.is_empty() && self.ride(intake).await {
            return Ok(Vec::new());
        }
        let rows = self.rows_of(intake).await?;
        if self.inner.dialect.expects_new(rows.len())
            && let Some(new) = NewLeads::of(intake, &rows)
            && self.store_new(&new).await?
        {
            return Ok(vec![Appended::Stored; rows.len()]);
        }
        Ok(self.carry(intake, rows).await?)
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

    async fn index(&self) -> Result<Indexed, StoreError> {
        Ok(self.index_step().await?)
    }
}

impl SqlStore {
    /// Has the notes of an intake written by whichever append begins next, its own at the latest.
    /// Says whether they were.
    async fn ride(&self, intake: &Intake) -> bool {
        let riders = &self.inner.riders;
        let Some(seat) = riders.sit(intake.notes.as_slice().into()) else {
            return false;
        };
        let turn = riders.turn().await;
        if seat.is_waiting() {
            let empty = Intake::notes_only(intake.at, Vec::new());
            // What it fails of, those aboard meet again on their own.
            let _ = self.carry(&empty, Vec::new()).await;
        }
        drop(turn);
        seat.arrives().await
    }

    /// Appends an intake, with the notes of those who wait to be taken along.
    async fn carry(
        &self,
        intake: &Intake,
        rows: Vec<LeadRow<'_>>,
    ) -> Result<Vec<Appended>, Failure> {
        let mut append = Append {
            store: &self.inner,
            intake,
            rows,
            ran_before: AtomicBool::new(false),
            takes_riders: true,
            aboard: Mutex::default(),
        };
        let mut done = self.transact(&append).await;
        let aboard = std::mem::take(
            append
                .aboard
                .get_mut()
                .unwrap_or_else(PoisonError::into_inner),
        );
        if done.is_ok() {
            aboard.into_iter().for_each(Rider::arrived);
        } else if matches!(done, Err(Failure::Refused { .. })) && !aboard.is_empty() {
            // It may be their notes that cannot be stored.
            drop(aboard);
            append.takes_riders = false;
            done = self.transact(&append).await;
        }
        done
    }

    /// The rows of an intake's leads. Names that were never met are written at once: they stay
    /// good whatever becomes of the leads.
    async fn rows_of<'a>(&self, intake: &'a Intake) -> Result<Vec<LeadRow<'a>>, Failure> {
        let leads = intake.leads.iter().map(|it| &it.lead.details.attributes);
        let seen: Vec<_> = leads
            .flat_map(Attributes::as_slice)
            .map(|it| (&it.name, it.value.kind()))
            .collect();
        let ids = self.attribute_ids(&seen).await?;
        let (at, mut rest) = (intake.at.date_time(), ids.as_slice());
        let rows = intake.leads.iter().map(|arrival| {
            let own_len = arrival.lead.details.attributes.as_slice().len();
            let (own, others) = rest.split_at(own_len);
            rest = others;
            LeadRow::new(arrival, at, own)
        });
        Ok(rows.collect())
    }
}

struct Append<'a> {
    store: &'a Inner,
    intake: &'a Intake,
    rows: Vec<LeadRow<'a>>,
    ran_before: AtomicBool,
    takes_riders: bool,
    aboard: Mutex<Vec<Rider>>,
}

#[async_trait]
impl Work for Append<'_> {
    type Out = Vec<Appended>;

    async fn run(&self, tx: &DatabaseTransaction) -> Result<Vec<Appended>, Trouble> {
        let rivals = self.ran_before.swap(true, Ordering::Relaxed);
        let mut ledger = Ledger::new(self.intake.at);
        for note in &self.intake.notes {
            ledger.note(note);
        }
        self.take_riders(&mut ledger);
        let mut outcomes = Vec::with_capacity(self.rows.len());
        let mut stored = Vec::with_capacity(self.rows.len());
        while outcomes.len() < self.rows.len() {
            let from = outcomes.len();
            let run = from..from + distinct_ids(&self.rows[from..]);
            let rows = &self.rows[run.clone()];
            let placed = self.place(tx, rows, rivals, &mut ledger).await?;
            let new = rows.iter().zip(&placed);
            let new = new.filter(|(_, it)| matches!(it, Stand::Placed(Placed::New)));
            stored.extend(new.map(|(row, _)| row));
            self.decide(run, placed, &mut ledger, &mut outcomes);
        }
        search::put(tx, &stored).await?;
        ledger.write(tx).await?;
        Ok(outcomes)
    }
}

/// How many rows from the first have different ids: what one look at the database can decide.
fn distinct_ids(rows: &[LeadRow<'_>]) -> usize {
    let mut ids = HashSet::with_capacity(rows.len());
    rows.iter().take_while(|it| ids.insert(it.id)).count()
}

/// Where a row stands.
enum Stand {
    /// It was recorded as a duplicate before, and stays one.
    Known(LeadId),
    /// The database has just decided.
    Placed(Placed),
}

impl Append<'_> {
    /// Takes those who wait along, and notes what they and those of an earlier run brought.
    fn take_riders(&self, ledger: &mut Ledger) {
        let mut aboard = self.aboard.lock().unwrap_or_else(PoisonError::into_inner);
        if self.takes_riders {
            aboard.extend(self.store.riders.board_all());
        }
        for note in aboard.iter().flat_map(Rider::notes) {
            ledger.note(note);
        }
    }

    /// Places rows whose ids differ. What is recorded of them is read afterwards: whoever else
    /// decides about one of them has then committed, or waits for this transaction.
    async fn place(
        &self,
        tx: &DatabaseTransaction,
        rows: &[LeadRow<'_>],
        rivals: bool,
        ledger: &mut Ledger,
    ) -> Result<Vec<Stand>, Trouble> {
        let all: Vec<&LeadRow<'_>> = rows.iter().collect();
        let dialect = &self.store.dialect;
        let Placement {
            mut placed,
            any_recorded,
        } = dialect.place(tx, &all, rivals).await?;
        if any_recorded {
            ledger.learn(tx, rows.iter().map(|it| it.id)).await?;
        }
        let known: Vec<_> = rows
            .iter()
            .map(|row| known_duplicate(ledger, row))
            .collect();

        let was_placed =
            |(known, placed): (&Option<_>, &_)| known.is_some() && *placed == Placed::New;
        if known.iter().zip(&placed).any(was_placed) {
            // The lead of which it was a duplicate is gone. Once more, without those that stay
            // duplicates: they hold nothing.
            let new = rows.iter().zip(&placed);
            let new = new.filter(|(_, placed)| **placed == Placed::New);
            take_away(tx, new.map(|(row, _)| row.id).collect()).await?;
            let open: Vec<&LeadRow<'_>> = rows
                .iter()
                .zip(&known)
                .filter_map(|(row, known)| known.is_none().then_some(row))
                .collect();
            let again = dialect.place(tx, &open, rivals).await?;
            let mut again = again.placed.into_iter();
            for (placed, known) in placed.iter_mut().zip(&known) {
                if known.is_none() {
                    *placed = again.next().unwrap_or(Placed::IdClash);
                }
            }
        }
        let stand = |(known, placed): (Option<_>, _)| match known {
            Some(of) => Stand::Known(of),
            None => Stand::Placed(placed),
        };
        Ok(known.into_iter().zip(placed).map(stand).collect())
    }

    fn decide(
        &self,
        run: std::ops::Range<usize>,
        stands: Vec<Stand>,
        ledger: &mut Ledger,
        outcomes: &mut Vec<Appended>,
    ) {
        let rows = self.intake.leads[run.clone()].iter().zip(&self.rows[run]);
        for ((arrival, row), stand) in rows.zip(stands) {
            let submission = arrival
                .row
                .map(|key| Row::of_lead(key, row.submitted_by, arrival.lead.id));
            if let Some(submission) = submission {
                ledger.touch(submission);
            }
            outcomes.push(match stand {
                Stand::Known(of) => Appended::Duplicate { of },
                Stand::Placed(Placed::New) => {
                    ledger.stored(row.id, arrival.lead.details.status, submission);
                    Appended::Stored
                }
                Stand::Placed(Placed::There) => Appended::Stored,
                Stand::Placed(Placed::Held(of)) => {
                    let outcome = self.duplicate(arrival, of);
                    ledger.recorded(outcome, submission);
                    Appended::Duplicate { of }
                }
                Stand::Placed(Placed::IdClash) => Appended::IdClash,
            });
        }
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

fn known_duplicate(ledger: &Ledger, row: &LeadRow<'_>) -> Option<LeadId> {
    let outcome = ledger.outcome(row.id)?;
    outcome.duplicate_of.map(LeadId)
}

async fn take_away(tx: &DatabaseTransaction, ids: Vec<uuid::Uuid>) -> Result<(), DbErr> {
    stored_lead::Entity::delete_many()
        .filter(stored_lead::Column::Id.is_in(ids))
        .exec(tx)
        .await
        .map(drop)
}
