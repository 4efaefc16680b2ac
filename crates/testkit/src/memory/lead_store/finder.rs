//! Reading leads, and what became of each.

use async_trait::async_trait;
use kernel::Timestamp;
use lead::ports::{LeadFinder, ResultKind, ResultsQuery, StoreError};
use lead::{
    BatchId, BatchView, Filter, Lead, LeadId, ListQuery, MatchKey, Position, Receipt, ReceiptState,
    ResultRow, RowOutcome, SearchText, Stats, Status, Total,
};

use super::{Decision, MemoryLeadStore};

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
