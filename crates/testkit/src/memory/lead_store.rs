//! Leads, what became of each, and the parked ones.
//!
//! Counters are never kept: they are counted from the outcomes whenever somebody asks, which is
//! what the counters of other adapters have to add up to.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use kernel::{Batch, Cause, Timestamp, UserId};
use lead::ports::{
    Appended, Arrival, DeadLetters, Indexed, Intake, LeadFinder, LeadStore, ResultKind,
    ResultsQuery, SeenDead, StoreError,
};
use lead::{
    BatchCounts, BatchId, BatchNote, BatchView, DeadLetter, DeadLetterId, DeadPayload, FieldError,
    Filter, Lead, LeadId, ListQuery, MatchKey, ParkCode, Parked, Position, Progress, Receipt,
    ReceiptState, ResultRow, RowKey, RowOutcome, SearchText, Stats, Status, Total,
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
impl LeadFinder for MemoryLeadStore {
    async fn find(&self, id: LeadId) -> Result<Option<Lead>, StoreError> {
        Ok(self.state()?.leads.get(&id).cloned())
    }

    async fn holder(&self, key: &MatchKey) -> Result<Option<LeadId>, StoreError> {
        Ok(self.state()?.holders.get(key).copied())
    }

    async fn list(&self, query: &ListQuery) -> Result<Vec<Lead>, StoreError> {
        let state = self.state()?;
        let found = |lead: &&Lead| matches(&query.filter, lead);
        let newest_first = state.leads.values().rev().filter(found);
        let limit = usize::from(query.limit);
        Ok(match query.position {
            Position::Offset(skip) => {
                let skip = usize::try_from(skip).unwrap_or(usize::MAX);
                newest_first.skip(skip).take(limit).cloned().collect()
            }
            Position::Before(id) => newest_first
                .filter(|lead| lead.id < id)
                .take(limit)
                .cloned()
                .collect(),
            Position::After(id) => state
                .leads
                .values()
                .filter(|lead| lead.id > id)
                .filter(found)
                .take(limit)
                .cloned()
                .collect(),
        })
    }

    async fn total(&self, filter: &Filter) -> Result<Total, StoreError> {
        let state = self.state()?;
        let count = state
            .leads
            .values()
            .filter(|it| matches(filter, it))
            .count() as u64;
        Ok(if filter.looks_into_text() {
            Total::up_to_cap(count)
        } else {
            Total { count, exact: true }
        })
    }

    async fn stats(&self, today: Timestamp) -> Result<Stats, StoreError> {
        let state = self.state()?;
        let count = |of: &dyn Fn(&Lead) -> bool| {
            state.leads.values().filter(|lead| of(lead)).count() as u64
        };
        Ok(Stats {
            by_status: Status::ALL.map(|status| count(&|lead| lead.details.status == status)),
            today: count(&|lead| lead.id.created_at() >= today),
        })
    }

    async fn receipt(&self, id: LeadId) -> Result<Option<Receipt>, StoreError> {
        let state = self.state()?;
        Ok(state.outcomes.get(&id).map(|outcome| Receipt {
            lead: id,
            owner: outcome.owner,
            state: match outcome.decision {
                Decision::Stored => ReceiptState::Stored,
                Decision::Duplicate(of) => ReceiptState::Duplicate { of },
                Decision::Failed(_) => ReceiptState::Failed,
            },
            attempts: outcome.attempts,
            updated_at: outcome.at,
        }))
    }

    async fn batch(&self, id: BatchId) -> Result<Option<BatchView>, StoreError> {
        let state = self.state()?;
        Ok(state.submissions.get(&id).map(|it| BatchView {
            id,
            owner: it.owner,
            counts: state.counts(id),
            complete: it.progress.complete,
            created_at: it.created_at,
            finished_at: it.finished_at,
        }))
    }

    async fn results(&self, query: &ResultsQuery) -> Result<Vec<ResultRow>, StoreError> {
        let state = self.state()?;
        let rejected = state
            .rejected
            .iter()
            .filter(|(row, _)| row.batch == query.batch)
            .map(|(row, errors)| ResultRow {
                index: row.index,
                lead: None,
                outcome: RowOutcome::Rejected(errors.clone()),
            });
        let decided = state
            .outcomes_of(query.batch)
            .filter_map(|(index, id, it)| {
                let outcome = match it.decision {
                    Decision::Stored => return None,
                    Decision::Duplicate(of) => RowOutcome::Duplicate { of },
                    Decision::Failed(code) => RowOutcome::Failed(code),
                };
                let lead = Some(id);
                Some(ResultRow {
                    index,
                    lead,
                    outcome,
                })
            });
        let mut rows: Vec<ResultRow> = rejected
            .chain(decided)
            .filter(|row| query.kind.is_none_or(|kind| kind == kind_of(&row.outcome)))
            .filter(|row| query.after.is_none_or(|after| row.index > after))
            .collect();
        rows.sort_by_key(|row| row.index);
        rows.truncate(usize::from(query.limit));
        Ok(rows)
    }
}

fn kind_of(outcome: &RowOutcome) -> ResultKind {
    match outcome {
        RowOutcome::Rejected(_) => ResultKind::Rejected,
        RowOutcome::Duplicate { .. } => ResultKind::Duplicate,
        RowOutcome::Failed(_) => ResultKind::Failed,
    }
}

fn matches(filter: &Filter, lead: &Lead) -> bool {
    let details = &lead.details;
    let holds = |text: &str, part: &SearchText| SearchText::fold(text).contains(part.as_str());
    let phone = details.phone.as_ref().map_or("", |it| it.as_str());
    filter.status.is_none_or(|status| status == details.status)
        && filter
            .email
            .as_ref()
            .is_none_or(|part| holds(details.email.as_str(), part))
        && filter.search.as_ref().is_none_or(|part| {
            [
                details.first_name.as_str(),
                details.last_name.as_str(),
                details.email.as_str(),
                phone,
            ]
            .into_iter()
            .any(|text| holds(text, part))
        })
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
