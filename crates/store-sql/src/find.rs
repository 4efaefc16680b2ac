//! Looking things up.

use std::collections::BTreeSet;

use async_trait::async_trait;
use kernel::{Timestamp, UserId, uuid_at};
use lead::ports::{LeadFinder, ResultsQuery, StoreError};
use lead::{
    BatchCounts, BatchId, BatchView, Filter, Lead, LeadId, ListQuery, MatchKey, Position, Receipt,
    ReceiptState, ResultRow, SearchText, Stats, Status, Total,
};
use sea_orm::sea_query::{Expr, Query};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect,
};
use time::PrimitiveDateTime;
use uuid::Uuid;

use crate::entity::{lead as stored_lead, lead_counter, outcome, submission};
use crate::failure::{Trouble, Unreadable};
use crate::packed;
use crate::row::{lead_of, moment};
use crate::search::{Search, count_since};
use crate::store::SqlStore;

#[async_trait]
impl LeadFinder for SqlStore {
    async fn find(&self, id: LeadId) -> Result<Option<Lead>, StoreError> {
        let find = stored_lead::Entity::find_by_id(id.0);
        let finding = async { self.restore(find.all(self.reader()).await?).await };
        Ok(self.read(finding).await?.pop())
    }

    async fn holder(&self, key: &MatchKey) -> Result<Option<LeadId>, StoreError> {
        let held = Expr::cust_with_values("match_key = ?", [key.as_str().as_bytes().to_vec()]);
        let find = stored_lead::Entity::find()
            .select_only()
            .column(stored_lead::Column::Id)
            .filter(held)
            .into_tuple();
        let id: Option<Uuid> = self.read(find.one(self.reader())).await?;
        Ok(id.map(LeadId))
    }

    async fn list(&self, query: &ListQuery) -> Result<Vec<Lead>, StoreError> {
        Ok(self.read(self.page(query)).await?)
    }

    async fn total(&self, filter: &Filter) -> Result<Total, StoreError> {
        Ok(self.read(self.count(filter)).await?)
    }

    async fn list_and_total(&self, query: &ListQuery) -> Result<(Vec<Lead>, Total), StoreError> {
        Ok(self.read(self.page_and_count(query)).await?)
    }

    async fn stats(&self, today: Timestamp) -> Result<Stats, StoreError> {
        Ok(self.read(self.totals(today)).await?)
    }

    async fn receipt(&self, id: LeadId) -> Result<Option<Receipt>, StoreError> {
        Ok(self.read(self.state_of(id)).await?)
    }

    async fn batch(&self, id: BatchId) -> Result<Option<BatchView>, StoreError> {
        Ok(self.read(self.submission(id)).await?)
    }

    async fn results(&self, query: &ResultsQuery) -> Result<Vec<ResultRow>, StoreError> {
        Ok(self.read(self.result_rows(query)).await?)
    }
}

impl SqlStore {
    async fn submission(&self, id: BatchId) -> Result<Option<BatchView>, Trouble> {
        let found = submission::Entity::find_by_id(id.0)
            .one(self.reader())
            .await?;
        Ok(found.as_ref().map(view_of).transpose()?)
    }

    async fn page(&self, query: &ListQuery) -> Result<Vec<Lead>, Trouble> {
        let Some(condition) = condition(&query.filter) else {
            return Ok(Vec::new());
        };
        if !query.filter.looks_into_text() {
            let rows = page_of_table(query, condition).all(self.reader()).await?;
            return self.restore(rows).await;
        }
        let tx = self.snapshot().await?;
        let rows = match Search::new(&tx, &query.filter, &condition).await? {
            Some(search) => search.list(query).await?,
            None => page_of_table(query, condition).all(&tx).await?,
        };
        tx.commit().await?;
        self.restore(rows).await
    }

    async fn page_and_count(&self, query: &ListQuery) -> Result<(Vec<Lead>, Total), Trouble> {
        let filter = &query.filter;
        let (Position::Offset(skip), true) = (query.position, filter.looks_into_text()) else {
            return Ok((self.page(query).await?, self.count(filter).await?));
        };
        let Some(condition) = condition(filter) else {
            return Ok((Vec::new(), Total::up_to_cap(0)));
        };
        let tx = self.snapshot().await?;
        let search = Search::new(&tx, filter, &condition).await?;
        let (rows, total) = if let Some(search) = search {
            let skip = skip as usize;
            let rows = skip..skip + usize::from(query.limit);
            search.list_and_total(rows, self).await?
        } else {
            let rows = page_of_table(query, condition.clone()).all(&tx).await?;
            let is_last = rows.len() < usize::from(query.limit);
            let total = if is_last && (skip == 0 || !rows.is_empty()) {
                // Reading the table once more would tell the same.
                Total::up_to_cap(u64::from(skip) + rows.len() as u64)
            } else {
                count_of_table(&tx, condition).await?
            };
            (rows, total)
        };
        tx.commit().await?;
        Ok((self.restore(rows).await?, total))
    }

    /// The leads in rows.
    async fn restore(&self, rows: Vec<stored_lead::Model>) -> Result<Vec<Lead>, Trouble> {
        let packed = rows.iter().map(|row| packed::unpack(&row.attributes));
        let packed = packed.collect::<Result<Vec<_>, _>>()?;
        let ids: BTreeSet<u32> = packed.iter().flatten().map(|it| it.0).collect();
        let names = self.attribute_names(&ids).await?;
        let leads = rows.iter().zip(packed);
        let leads =
            leads.map(|(row, packed)| Ok(lead_of(row, packed, |id| names.get(&id).cloned())?));
        leads.collect()
    }

    async fn count(&self, filter: &Filter) -> Result<Total, Trouble> {
        if filter.looks_into_text() {
            return self.count_up_to_cap(filter).await;
        }
        let by_status = counters(self.reader()).await?;
        let count = match filter.status {
            None => by_status.iter().sum(),
            Some(wanted) => Status::ALL
                .iter()
                .zip(by_status)
                .filter_map(|(status, count)| (*status == wanted).then_some(count))
                .sum(),
        };
        Ok(Total { count, exact: true })
    }

    async fn count_up_to_cap(&self, filter: &Filter) -> Result<Total, Trouble> {
        let Some(condition) = condition(filter) else {
            return Ok(Total::up_to_cap(0));
        };
        let tx = self.snapshot().await?;
        let total = match Search::new(&tx, filter, &condition).await? {
            Some(search) => search.total(self).await?,
            None => count_of_table(&tx, condition).await?,
        };
        tx.commit().await?;
        Ok(total)
    }

    async fn totals(&self, today: Timestamp) -> Result<Stats, Trouble> {
        let first_id = first_id_at(today);
        let tx = self.snapshot().await?;
        let by_status = counters(&tx).await?;
        let all = by_status.iter().sum();
        let today = match count_since(&tx, first_id, all).await? {
            Some(count) => count,
            None => {
                stored_lead::Entity::find()
                    .filter(stored_lead::Column::Id.gte(first_id))
                    .count(&tx)
                    .await?
            }
        };
        tx.commit().await?;
        Ok(Stats { by_status, today })
    }

    async fn state_of(&self, id: LeadId) -> Result<Option<Receipt>, Trouble> {
        let stored: Option<(Uuid, u16, PrimitiveDateTime)> = stored_lead::Entity::find_by_id(id.0)
            .select_only()
            .column(stored_lead::Column::SubmittedBy)
            .expr(Expr::cust("attempts"))
            .column(stored_lead::Column::UpdatedAt)
            .into_tuple()
            .one(self.reader())
            .await?;
        if let Some((owner, attempts, at)) = stored {
            return Ok(Some(Receipt {
                lead: id,
                owner: UserId(owner),
                state: ReceiptState::Stored,
                attempts,
                updated_at: moment(at, "leads.updated_at")?,
            }));
        }
        let outcome = outcome::Entity::find_by_id(id.0).one(self.reader()).await?;
        outcome
            .map(|it| {
                Ok(Receipt {
                    lead: id,
                    owner: UserId(it.owner),
                    state: match it.duplicate_of {
                        Some(of) => ReceiptState::Duplicate { of: LeadId(of) },
                        None => ReceiptState::Failed,
                    },
                    attempts: it.attempts,
                    updated_at: moment(it.updated_at, "outcomes.updated_at")?,
                })
            })
            .transpose()
    }
}

async fn counters(db: &impl ConnectionTrait) -> Result<[u64; 4], Trouble> {
    let rows = lead_counter::Entity::find().all(db).await?;
    Ok(Status::ALL.map(|status| {
        rows.iter()
            .find(|it| it.status == status.as_str())
            .map_or(0, |it| u64::try_from(it.total).unwrap_or(0))
    }))
}

/// The page of a list by reading the table.
fn page_of_table(query: &ListQuery, condition: Condition) -> sea_orm::Select<stored_lead::Entity> {
    let find = stored_lead::Entity::find()
        .filter(condition)
        .limit(u64::from(query.limit));
    match query.position {
        Position::Offset(skip) => find
            .order_by_desc(stored_lead::Column::Id)
            .offset(u64::from(skip)),
        Position::Before(id) => find
            .filter(stored_lead::Column::Id.lt(id.0))
            .order_by_desc(stored_lead::Column::Id),
        Position::After(id) => find
            .filter(stored_lead::Column::Id.gt(id.0))
            .order_by_asc(stored_lead::Column::Id),
    }
}

/// The total of what passes, up to its cap, by reading the table.
async fn count_of_table(tx: &DatabaseTransaction, condition: Condition) -> Result<Total, Trouble> {
    let found = Query::select()
        .expr(Expr::val(1))
        .from(stored_lead::Entity)
        .cond_where(condition)
        .limit(Total::CAP + 1)
        .to_owned();
    let count = Query::select()
        .expr_as(Expr::cust("COUNT(*)"), "found_count")
        .from_subquery(found, "found")
        .to_owned();
    let count: i64 = match tx.query_one(&count).await? {
        Some(row) => row.try_get("", "found_count")?,
        None => 0,
    };
    Ok(Total::up_to_cap(count.unsigned_abs()))
}

/// The least id that a lead accepted at `moment` can have.
fn first_id_at(moment: Timestamp) -> Uuid {
    uuid_at(moment, 0)
}

/// What a filter asks of a row; none when no row can answer it.
fn condition(filter: &Filter) -> Option<Condition> {
    let texts = [&filter.email, &filter.search];
    if texts.into_iter().flatten().any(spans_lines) {
        return None;
    }
    let mut condition = Condition::all();
    if let Some(status) = filter.status {
        condition = condition.add(stored_lead::Column::Status.eq(status.as_str()));
    }
    if let Some(part) = &filter.email {
        let (part, newline) = (part.as_str().as_bytes().to_vec(), b"\n".to_vec());
        condition = condition.add(Expr::cust_with_values(
            "instr(search_text, ?) BETWEEN 1 AND instr(search_text, ?)",
            [part, newline],
        ));
    }
    if let Some(part) = &filter.search {
        let part = part.as_str().as_bytes().to_vec();
        condition = condition.add(Expr::cust_with_values("instr(search_text, ?) > 0", [part]));
    }
    Some(condition)
}

/// No field has a line break in it; the lines of `search_text` are fields of their own.
fn spans_lines(text: &SearchText) -> bool {
    text.as_str().contains('\n')
}

fn view_of(row: &submission::Model) -> Result<BatchView, Unreadable> {
    let count = |column: i64| u64::try_from(column).unwrap_or(0);
    let counts = BatchCounts {
        received: count(row.received),
        rejected: count(row.rejected),
        stored: count(row.stored),
        duplicate: count(row.duplicate),
        failed: count(row.failed),
    };
    let decided = counts.rejected + counts.stored + counts.duplicate + counts.failed;
    Ok(BatchView {
        id: BatchId(row.id),
        owner: UserId(row.owner),
        // Leads of a chunk can be decided before the note that counts them is written.
        counts: BatchCounts {
            received: counts.received.max(decided),
            ..counts
        },
        complete: row.is_complete,
        created_at: moment(row.accepted_at, "submissions.accepted_at")?,
        finished_at: row
            .finished_at
            .map(|it| moment(it, "submissions.finished_at"))
            .transpose()?,
    })
}
