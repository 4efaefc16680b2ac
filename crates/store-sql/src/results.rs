//! Rows of submissions that were not stored.

use lead::ports::{ResultKind, ResultsQuery};
use lead::{FieldCode, FieldError, LeadId, ParkCode, ResultRow, RowOutcome};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::entity::{outcome, rejected_row};
use crate::failure::{Trouble, Unreadable};
use crate::ledger::{DUPLICATE, FAILED, signed};
use crate::store::SqlStore;

impl SqlStore {
    pub(crate) async fn result_rows(
        &self,
        query: &ResultsQuery,
    ) -> Result<Vec<ResultRow>, Trouble> {
        let mut rows = Vec::new();
        if matches!(query.kind, None | Some(ResultKind::Rejected)) {
            rows.extend(self.rejected_rows(query).await?);
        }
        if query.kind != Some(ResultKind::Rejected) {
            rows.extend(self.decided_rows(query).await?);
        }
        rows.sort_by_key(|it| it.index);
        rows.truncate(usize::from(query.limit));
        Ok(rows)
    }

    async fn rejected_rows(&self, query: &ResultsQuery) -> Result<Vec<ResultRow>, Trouble> {
        use rejected_row::{Column, Entity};
        let mut find = Entity::find().filter(Column::BatchId.eq(query.batch.0));
        if let Some(after) = query.after {
            find = find.filter(Column::RowIndex.gt(signed(after)));
        }
        let found = find
            .order_by_asc(Column::RowIndex)
            .limit(u64::from(query.limit))
            .all(self.reader())
            .await?;
        let rows = found.into_iter().map(|row| {
            Ok(ResultRow {
                index: row.row_index.unsigned_abs(),
                lead: None,
                outcome: RowOutcome::Rejected(errors_of(&row.errors)?),
            })
        });
        rows.collect()
    }

    async fn decided_rows(&self, query: &ResultsQuery) -> Result<Vec<ResultRow>, Trouble> {
        use outcome::{Column, Entity};
        let mut find = Entity::find().filter(Column::BatchId.eq(query.batch.0));
        if let Some(after) = query.after {
            find = find.filter(Column::RowIndex.gt(signed(after)));
        }
        find = match query.kind {
            Some(ResultKind::Duplicate) => find.filter(Column::Kind.eq(DUPLICATE)),
            Some(ResultKind::Failed) => find.filter(Column::Kind.eq(FAILED)),
            Some(ResultKind::Rejected) | None => find,
        };
        let found = find
            .order_by_asc(Column::RowIndex)
            .limit(u64::from(query.limit))
            .all(self.reader())
            .await?;
        let rows = found.into_iter().map(|row| {
            Ok(ResultRow {
                index: row.row_index.unwrap_or_default().unsigned_abs(),
                lead: Some(LeadId(row.lead_id)),
                outcome: outcome_of(&row)?,
            })
        });
        rows.collect()
    }
}

fn outcome_of(row: &outcome::Model) -> Result<RowOutcome, Unreadable> {
    if let Some(of) = row.duplicate_of {
        return Ok(RowOutcome::Duplicate { of: LeadId(of) });
    }
    let code = row.code.as_deref().and_then(ParkCode::from_name);
    code.map(RowOutcome::Failed)
        .ok_or(Unreadable("outcomes.code"))
}

/// Errors as a JSON array of `[pointer, code]`.
pub(crate) fn errors_column(errors: &[FieldError]) -> String {
    let pairs: Vec<[&str; 2]> = errors
        .iter()
        .map(|it| [it.pointer.as_str(), it.code.as_str()])
        .collect();
    // A list of texts always has a JSON form.
    serde_json::to_string(&pairs).unwrap_or_default()
}

fn errors_of(column: &str) -> Result<Vec<FieldError>, Unreadable> {
    let unreadable = Unreadable("rejected_rows.errors");
    let pairs: Vec<(String, String)> = serde_json::from_str(column).map_err(|_| unreadable)?;
    let errors = pairs.into_iter().map(|(pointer, code)| {
        let code = FieldCode::from_name(&code).ok_or(unreadable)?;
        Ok(FieldError { pointer, code })
    });
    errors.collect()
}
