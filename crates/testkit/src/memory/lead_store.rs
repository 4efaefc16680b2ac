//! Leads, what became of each, and the parked ones.
//!
//! Counters are never kept: they are counted from the outcomes whenever somebody asks, which is
//! what the counters of other adapters have to add up to.

mod finder;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use kernel::{Batch, Cause, Timestamp, UserId};
use lead::ports::{
    Appended, Arrival, DeadLetters, Indexed, Intake, LeadStore, SeenDead, StoreError,
};
use lead::{
    BatchCounts, BatchId, BatchNote, DeadLetter, DeadLetterId, DeadPayload, FieldError, Lead,
    LeadId, MatchKey, ParkCode, Parked, Progress, RowKey,
};

use super::{Away, lock};

/// The store, the finder and the dead letters in one.
#[derive(Debug, Default)]
pub struct MemoryLeadStore {
    state: Mutex<State>,
    away: AtomicBool,
}

impl MemoryLeadStore {
    /// From now on every call is [`StoreError::Unavailable`], or no longer.
    pub fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
    }

    /// From now on every intake with this lead is [`StoreError::Refused`].
    pub fn refuse(&self, id: LeadId, lasting: bool) {
        lock(&self.state).refused.insert(id, lasting);
    }

    /// Takes [`MemoryLeadStore::refuse`] back.
    pub fn relent(&self, id: LeadId) {
        lock(&self.state).refused.remove(&id);
    }

    fn state(&self) -> Result<std::sync::MutexGuard<'_, State>, StoreError> {
        if self.away.load(Ordering::SeqCst) {
            Err(StoreError::Unavailable(Cause::new(Away)))
        } else {
            Ok(lock(&self.state))
        }
    }
}

#[derive(Debug, Default)]
struct State {
    leads: BTreeMap<LeadId, Lead>,
    holders: HashMap<MatchKey, LeadId>,
    outcomes: HashMap<LeadId, Outcome>,
    submissions: HashMap<BatchId, Submission>,
    rejected: BTreeMap<RowKey, Vec<FieldError>>,
    dead: BTreeMap<DeadLetterId, DeadLetter>,
    refused: HashMap<LeadId, bool>,
}

/// What became of a lead; none while it waits.
#[derive(Clone, Copy, Debug)]
struct Outcome {
    owner: UserId,
    row: Option<RowKey>,
    decision: Decision,
    attempts: u16,
    at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decision {
    Stored,
    Duplicate(LeadId),
    Failed(ParkCode),
}

#[derive(Debug)]
struct Submission {
    owner: UserId,
    created_at: Timestamp,
    progress: Progress,
    finished_at: Option<Timestamp>,
    touched_at: Timestamp,
}

#[async_trait]
impl LeadStore for MemoryLeadStore {
    async fn append(&self, intake: &Intake) -> Result<Vec<Appended>, StoreError> {
        let mut state = self.state()?;
        if let Some(lasting) = intake
            .leads
            .iter()
            .find_map(|it| state.refused.get(&it.lead.id).copied())
        {
            let cause = Cause::new("told to refuse this lead");
            return Err(StoreError::Refused { lasting, cause });
        }
        for note in &intake.notes {
            state.note(note, intake.at);
        }
        let outcomes = intake
            .leads
            .iter()
            .map(|arrival| state.take_in(arrival, intake.at))
            .collect();
        let of_leads = intake.leads.iter().filter_map(|it| it.row);
        let of_notes = intake.notes.iter().map(|it| it.batch);
        let touched: HashSet<BatchId> = of_leads.map(|it| it.batch).chain(of_notes).collect();
        for batch in touched {
            state.touch(batch, intake.at);
        }
        Ok(outcomes)
    }

    async fn park(&self, parked: &Batch<Parked>) -> Result<(), StoreError> {
        let mut state = self.state()?;
        let latest = parked.iter().map(|it| it.at).max();
        for it in parked.iter() {
            state.park(it, latest.unwrap_or(it.at));
        }
        Ok(())
    }

    async fn forget(&self, before: Timestamp) -> Result<u64, StoreError> {
        Ok(self.state()?.forget(before))
    }

    async fn recount(&self) -> Result<(), StoreError> {
        self.state().map(drop)
    }

    async fn index(&self) -> Result<Indexed, StoreError> {
        self.state().map(|_| Indexed::default())
    }
}

impl State {
    fn note(&mut self, note: &BatchNote, at: Timestamp) {
        let submission = self.submissions.entry(note.batch).or_insert(Submission {
            owner: note.owner,
            created_at: note.accepted_at,
            progress: Progress::default(),
            finished_at: None,
            touched_at: at,
        });
        let known = &mut submission.progress;
        known.received = known.received.max(note.progress.received);
        known.rejected = known.rejected.max(note.progress.rejected);
        known.complete |= note.progress.complete;
        for row in &note.rejected {
            let key = RowKey {
                batch: note.batch,
                index: row.index,
            };
            self.rejected.insert(key, row.errors.clone());
        }
    }

    fn take_in(&mut self, arrival: &Arrival, at: Timestamp) -> Appended {
        let lead = &arrival.lead;
        let key = lead.details.email.key();
        let known = self.outcomes.get(&lead.id).map(|it| it.decision);
        let decision = if let Some(own) = self.leads.get(&lead.id) {
            if own.details.email.key() != key {
                return Appended::IdClash;
            }
            Decision::Stored
        } else if let Some(duplicate @ Decision::Duplicate(_)) = known {
            duplicate
        } else if let Some(holder) = self.holders.get(key) {
            Decision::Duplicate(*holder)
        } else {
            self.holders.insert(key.clone(), lead.id);
            let stored = Lead {
                id: lead.id,
                submitted_by: lead.submitted_by,
                details: lead.details.clone(),
                updated_at: at,
            };
            self.leads.insert(lead.id, stored);
            Decision::Stored
        };
        if known != Some(decision) {
            let outcome = Outcome {
                owner: lead.submitted_by,
                row: arrival.row,
                decision,
                attempts: arrival.attempts,
                at,
            };
            self.outcomes.insert(lead.id, outcome);
        }
        match decision {
            Decision::Duplicate(of) => Appended::Duplicate { of },
            Decision::Stored | Decision::Failed(_) => Appended::Stored,
        }
    }

    fn park(&mut self, parked: &Parked, latest: Timestamp) {
        let message = match &parked.payload {
            DeadPayload::Lead(message) => Some(message),
            DeadPayload::Bytes(_) => None,
        };
        let part = message.and_then(|it| it.parts.first());
        let replays = message.map_or(0, |it| it.replays);
        self.dead
            .entry(parked.id)
            .and_modify(|row| {
                row.attempts = parked.attempts;
                row.replays = replays.max(row.replays);
                row.last_seen = parked.at;
            })
            .or_insert_with(|| DeadLetter {
                id: parked.id,
                payload: parked.payload.clone(),
                code: parked.code,
                attempts: parked.attempts,
                replays,
                thread_key: part.map(|it| it.thread_key.clone()),
                owner: part.map(|it| it.owner),
                first_seen: parked.at,
                last_seen: parked.at,
            });

        let Some((part, queued)) = part.and_then(|part| Some((part, part.leads.first()?))) else {
            return;
        };
        let id = queued.lead.id;
        let decided = self
            .outcomes
            .get(&id)
            .is_some_and(|it| !matches!(it.decision, Decision::Failed(_)));
        if decided || self.leads.contains_key(&id) {
            return;
        }
        let row = part.note.as_ref().map(|note| RowKey {
            batch: note.batch,
            index: queued.index,
        });
        let outcome = Outcome {
            owner: part.owner,
            row,
            decision: Decision::Failed(parked.code),
            attempts: parked.attempts,
            at: parked.at,
        };
        self.outcomes.insert(id, outcome);
        if let Some(row) = row {
            self.touch(row.batch, latest);
        }
    }

    /// Keeps `finished_at` and `touched_at` right after something of a submission changed.
    fn touch(&mut self, batch: BatchId, at: Timestamp) {
        let pending = self.counts(batch).pending();
        if let Some(submission) = self.submissions.get_mut(&batch) {
            submission.touched_at = submission.touched_at.max(at);
            let finished = submission.progress.complete && pending == 0;
            submission.finished_at = finished.then_some(submission.finished_at.unwrap_or(at));
        }
    }

    fn counts(&self, batch: BatchId) -> BatchCounts {
        let progress = self
            .submissions
            .get(&batch)
            .map(|it| it.progress)
            .unwrap_or_default();
        let mut counts = BatchCounts {
            received: progress.received,
            rejected: progress.rejected,
            ..BatchCounts::default()
        };
        for outcome in self.outcomes_of(batch).map(|(_, _, outcome)| outcome) {
            match outcome.decision {
                Decision::Stored => counts.stored += 1,
                Decision::Duplicate(_) => counts.duplicate += 1,
                Decision::Failed(_) => counts.failed += 1,
            }
        }
        counts
    }

    fn outcomes_of(&self, batch: BatchId) -> impl Iterator<Item = (u64, LeadId, &Outcome)> {
        self.outcomes
            .iter()
            .filter_map(move |(id, outcome)| match outcome.row {
                Some(row) if row.batch == batch => Some((row.index, *id, outcome)),
                _ => None,
            })
    }

    fn forget(&mut self, before: Timestamp) -> u64 {
        let gone: HashSet<BatchId> = self
            .submissions
            .iter()
            .filter(|(id, it)| it.touched_at < before && self.counts(**id).pending() == 0)
            .map(|(id, _)| *id)
            .take(Batch::<BatchId>::MAX_LEN)
            .collect();
        self.submissions.retain(|id, _| !gone.contains(id));
        self.rejected.retain(|row, _| !gone.contains(&row.batch));
        let old: HashSet<LeadId> = self
            .outcomes
            .iter()
            .filter(|(id, it)| {
                let kept = it
                    .row
                    .is_some_and(|row| self.submissions.contains_key(&row.batch));
                it.at < before && !kept && !self.dead.contains_key(&DeadLetterId(id.0))
            })
            .map(|(id, _)| *id)
            .take(Batch::<LeadId>::MAX_LEN)
            .collect();
        self.outcomes.retain(|id, _| !old.contains(id));
        (gone.len() + old.len()) as u64
    }
}

#[async_trait]
impl DeadLetters for MemoryLeadStore {
    async fn list(
        &self,
        after: Option<DeadLetterId>,
        limit: u16,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        let state = self.state()?;
        Ok(state
            .dead
            .values()
            .filter(|it| after.is_none_or(|after| it.id > after))
            .take(usize::from(limit))
            .cloned()
            .collect())
    }

    async fn count(&self) -> Result<u64, StoreError> {
        Ok(self.state()?.dead.len() as u64)
    }

    async fn show(&self, id: DeadLetterId) -> Result<Option<DeadLetter>, StoreError> {
        Ok(self.state()?.dead.get(&id).cloned())
    }

    async fn replayed(&self, seen: &Batch<SeenDead>) -> Result<(), StoreError> {
        let mut state = self.state()?;
        for it in seen.iter() {
            let same = state
                .dead
                .get(&it.id)
                .is_some_and(|row| row.replays == it.replays);
            if !same {
                continue;
            }
            state.dead.remove(&it.id);
            let lead = LeadId(it.id.0);
            let failed = state
                .outcomes
                .get(&lead)
                .is_some_and(|outcome| matches!(outcome.decision, Decision::Failed(_)));
            if failed
                && let Some(outcome) = state.outcomes.remove(&lead)
                && let Some(row) = outcome.row
            {
                state.touch(row.batch, outcome.at);
            }
        }
        Ok(())
    }

    async fn discard(&self, id: DeadLetterId) -> Result<bool, StoreError> {
        Ok(self.state()?.dead.remove(&id).is_some())
    }
}
