//! What a transaction changes beside the leads: outcomes, submissions and totals. It is gathered
//! first and written last, in the order of the ids, so that rows many transactions share are held
//! for the shortest time and never in two orders.

use std::collections::{BTreeMap, HashMap};

use kernel::Timestamp;
use lead::{BatchNote, LeadId, RowKey, Status};
use sea_orm::sea_query::extension::mysql::{IndexHintScope, MySqlSelectStatementExt};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveValue, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, EntityTrait,
    IntoActiveModel, QueryFilter, QuerySelect, Statement,
};
use uuid::Uuid;

use crate::entity::{outcome, rejected_row, submission};
use crate::news::SubmissionChange;
use crate::results::errors_column;

/// Rows in one statement.
const CHUNK: usize = 500;

/// `submissions.stored`, which is a word of `MySQL`.
const STORED: &str = "`stored`";

/// `outcomes.kind` of a lead whose e-mail was held.
pub(crate) const DUPLICATE: &str = "duplicate";
/// `outcomes.kind` of a lead that is parked, or was discarded.
pub(crate) const FAILED: &str = "failed";

/// The changes.
pub(crate) struct Ledger {
    at: Timestamp,
    outcomes: HashMap<Uuid, outcome::Model>,
    changed: BTreeMap<Uuid, Option<outcome::Model>>,
    submissions: BTreeMap<Uuid, Change>,
    rejected: Vec<rejected_row::Model>,
    new_by_status: [i64; 4],
}

/// What changes of one submission.
#[derive(Default)]
struct Change {
    /// Who sent it and when, for the row to be made where there is none.
    header: Option<(Uuid, Timestamp)>,
    received: i64,
    rejected: i64,
    complete: bool,
    stored: i64,
    duplicate: i64,
    failed: i64,
}

impl Ledger {
    /// A ledger of what happens at `at`.
    pub(crate) fn new(at: Timestamp) -> Self {
        Self {
            at,
            outcomes: HashMap::new(),
            changed: BTreeMap::new(),
            submissions: BTreeMap::new(),
            rejected: Vec::new(),
            new_by_status: [0; 4],
        }
    }

    /// Reads what is recorded of these leads, and keeps others from changing it. What this ledger
    /// has changed stays as it is here.
    ///
    /// The index is named because a scan of a short table would wait for rows that others hold.
    pub(crate) async fn learn(
        &mut self,
        tx: &DatabaseTransaction,
        leads: impl Iterator<Item = Uuid>,
    ) -> Result<(), DbErr> {
        let ids: Vec<Uuid> = leads.filter(|it| !self.changed.contains_key(it)).collect();
        for chunk in ids.chunks(CHUNK) {
            let mut find = outcome::Entity::find()
                .filter(outcome::Column::LeadId.is_in(chunk.iter().copied()))
                .lock_exclusive();
            QuerySelect::query(&mut find).force_index("PRIMARY", IndexHintScope::All);
            let found = find.all(tx).await?;
            self.outcomes
                .extend(found.into_iter().map(|it| (it.lead_id, it)));
        }
        Ok(())
    }

    /// What is recorded of a lead, changes so far included.
    pub(crate) fn outcome(&self, lead: Uuid) -> Option<&outcome::Model> {
        self.outcomes.get(&lead)
    }

    /// A lead is in the store, newly.
    pub(crate) fn stored(&mut self, lead: Uuid, status: Status, row: Option<Row>) {
        self.clear_failed(lead);
        for (known, count) in Status::ALL.iter().zip(&mut self.new_by_status) {
            *count += i64::from(*known == status);
        }
        if let Some(row) = row {
            self.submission_of(row).stored += 1;
        }
    }

    /// A lead is recorded, as a duplicate or as failed; a lead that failed before moves over.
    pub(crate) fn recorded(&mut self, outcome: outcome::Model, row: Option<Row>) {
        self.clear_failed(outcome.lead_id);
        if let Some(row) = row {
            let change = self.submission_of(row);
            match outcome.kind.as_str() {
                FAILED => change.failed += 1,
                _ => change.duplicate += 1,
            }
        }
        self.changed.insert(outcome.lead_id, Some(outcome.clone()));
        self.outcomes.insert(outcome.lead_id, outcome);
    }

    /// A lead that failed is no longer so. Says whether it was.
    pub(crate) fn clear_failed(&mut self, lead: Uuid) -> bool {
        if self.outcomes.get(&lead).is_none_or(|it| it.kind != FAILED) {
            return false;
        }
        if let Some(outcome) = self.outcomes.remove(&lead) {
            self.changed.insert(lead, None);
            if let Some(batch) = outcome.batch_id {
                self.submissions.entry(batch).or_default().failed -= 1;
            }
        }
        true
    }

    /// A row of a submission came by, whatever became of it.
    pub(crate) fn touch(&mut self, row: Row) {
        self.submission_of(row);
    }

    /// What a chunk says of its submission.
    pub(crate) fn note(&mut self, note: &BatchNote) {
        let change = self.submissions.entry(note.batch.0).or_default();
        change.header = Some((note.owner.0, note.accepted_at));
        change.received = change.received.max(signed(note.progress.received));
        change.rejected = change.rejected.max(signed(note.progress.rejected));
        change.complete |= note.progress.complete;
        let rows = note.rejected.iter().map(|row| rejected_row::Model {
            batch_id: note.batch.0,
            row_index: signed(row.index),
            errors: errors_column(&row.errors),
        });
        self.rejected.extend(rows);
    }

    fn submission_of(&mut self, row: Row) -> &mut Change {
        let change = self.submissions.entry(row.key.batch.0).or_default();
        change.header.get_or_insert((row.owner, row.accepted_at));
        change
    }

    /// What changes of submissions, where that is all but the totals, and all of them can be made.
    pub(crate) fn submissions_only(&self) -> Option<Vec<SubmissionChange>> {
        if !self.changed.is_empty() || !self.rejected.is_empty() {
            return None;
        }
        let changes = self.submissions.iter();
        changes.map(|(id, change)| change.of_new(*id)).collect()
    }

    /// Writes the outcomes that changed so far.
    pub(crate) async fn write_outcomes(&self, tx: &DatabaseTransaction) -> Result<(), DbErr> {
        write_outcomes(tx, &self.changed).await
    }

    /// Writes everything.
    pub(crate) async fn write(self, tx: &DatabaseTransaction) -> Result<(), DbErr> {
        self.write_outcomes(tx).await?;
        write_rejected(tx, self.rejected).await?;
        let ids: Vec<Uuid> = self.submissions.keys().copied().collect();
        let changes: Vec<(Uuid, Change)> = self.submissions.into_iter().collect();
        write_submissions(tx, &changes, self.at).await?;
        for chunk in ids.chunks(CHUNK) {
            touch(tx, chunk, self.at).await?;
        }
        if self.new_by_status != [0; 4] {
            add_totals(tx, self.new_by_status).await?;
        }
        Ok(())
    }
}

/// A row of a submission, with what its submission's row is made of where there is none yet.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    pub(crate) key: RowKey,
    pub(crate) owner: Uuid,
    pub(crate) accepted_at: Timestamp,
}

impl Row {
    pub(crate) fn of_lead(key: RowKey, owner: Uuid, lead: LeadId) -> Self {
        Self {
            key,
            owner,
            accepted_at: lead.created_at(),
        }
    }
}

async fn write_outcomes(
    tx: &DatabaseTransaction,
    changed: &BTreeMap<Uuid, Option<outcome::Model>>,
) -> Result<(), DbErr> {
    let (mut gone, mut kept) = (Vec::new(), Vec::new());
    for (id, outcome) in changed {
        match outcome {
            Some(outcome) => kept.push(outcome.clone().into_active_model()),
            None => gone.push(*id),
        }
    }
    for chunk in gone.chunks(CHUNK) {
        outcome::Entity::delete_many()
            .filter(outcome::Column::LeadId.is_in(chunk.iter().copied()))
            .exec(tx)
            .await?;
    }
    for chunk in kept.chunks(CHUNK) {
        use outcome::Column;
        let newest = OnConflict::column(Column::LeadId)
            .update_columns([
                Column::BatchId,
                Column::RowIndex,
                Column::Owner,
                Column::Kind,
                Column::DuplicateOf,
                Column::Code,
                Column::Attempts,
                Column::UpdatedAt,
            ])
            .to_owned();
        outcome::Entity::insert_many(chunk.to_vec())
            .on_conflict(newest)
            .exec_without_returning(tx)
            .await?;
    }
    Ok(())
}

async fn write_rejected(
    tx: &DatabaseTransaction,
    mut rows: Vec<rejected_row::Model>,
) -> Result<(), DbErr> {
    use rejected_row::Column;
    rows.sort_by_key(|it| (it.batch_id, it.row_index));
    for chunk in rows.chunks(CHUNK) {
        let newest = OnConflict::columns([Column::BatchId, Column::RowIndex])
            .update_column(Column::Errors)
            .to_owned();
        let chunk = chunk
            .iter()
            .cloned()
            .map(IntoActiveModel::into_active_model);
        rejected_row::Entity::insert_many(chunk)
            .on_conflict(newest)
            .exec_without_returning(tx)
            .await?;
    }
    Ok(())
}

/// Merges changes into submissions, in their order. Those that know their submission's header go
/// in statements of many rows, which make a row where there is none.
async fn write_submissions(
    tx: &DatabaseTransaction,
    changes: &[(Uuid, Change)],
    at: Timestamp,
) -> Result<(), DbErr> {
    for alike in changes.chunk_by(|one, next| one.1.header.is_some() == next.1.header.is_some()) {
        for chunk in alike.chunks(CHUNK) {
            let rows = chunk.iter().filter_map(|(id, change)| change.row(*id, at));
            let rows: Vec<submission::ActiveModel> = rows.collect();
            if rows.is_empty() {
                for (id, change) in chunk {
                    change.add_to(tx, *id).await?;
                }
            } else {
                merge(tx, rows).await?;
            }
        }
    }
    Ok(())
}

/// Inserts rows of submissions, or merges them with what is there.
async fn merge(tx: &DatabaseTransaction, rows: Vec<submission::ActiveModel>) -> Result<(), DbErr> {
    use submission::Column;
    let given = |column: &str| match tx.get_database_backend() {
        DbBackend::MySql => format!("VALUES({column})"),
        _ => format!("excluded.{column}"),
    };
    let larger = |column: &str| {
        let given = given(column);
        Expr::cust(format!(
            "CASE WHEN {column} < {given} THEN {given} ELSE {column} END"
        ))
    };
    let sum = |column: &str| Expr::cust(format!("{column} + {}", given(column)));
    let merged = OnConflict::column(Column::Id)
        .values([
            (Column::Received, larger("received")),
            (Column::Rejected, larger("rejected")),
            (Column::IsComplete, larger("is_complete")),
            (Column::Stored, sum(STORED)),
            (Column::Duplicate, sum("duplicate")),
            (Column::Failed, sum("failed")),
        ])
        .to_owned();
    submission::Entity::insert_many(rows)
        .on_conflict(merged)
        .exec_without_returning(tx)
        .await
        .map(drop)
}

impl Change {
    /// The row it makes where its submission has none; none where the header is not known.
    fn row(&self, id: Uuid, at: Timestamp) -> Option<submission::ActiveModel> {
        let (owner, accepted_at) = self.header?;
        Some(submission::ActiveModel {
            id: ActiveValue::Set(id),
            owner: ActiveValue::Set(owner),
            accepted_at: ActiveValue::Set(accepted_at.date_time()),
            received: ActiveValue::Set(self.received),
            rejected: ActiveValue::Set(self.rejected),
            is_complete: ActiveValue::Set(self.complete),
            stored: ActiveValue::Set(self.stored),
            duplicate: ActiveValue::Set(self.duplicate),
            failed: ActiveValue::Set(self.failed),
            finished_at: ActiveValue::Set(None),
            touched_at: ActiveValue::Set(at.date_time()),
        })
    }

    /// The same, where no lead is a duplicate or failed; none where the header is not known.
    fn of_new(&self, id: Uuid) -> Option<SubmissionChange> {
        let (owner, accepted_at) = self.header?;
        (self.duplicate == 0 && self.failed == 0).then_some(SubmissionChange {
            id,
            owner,
            accepted_at: accepted_at.date_time(),
            received: self.received,
            rejected: self.rejected,
            is_complete: self.complete,
            stored: self.stored,
        })
    }

    /// Adds the counts to a submission, if it is there. Without a header there is nothing else.
    async fn add_to(&self, tx: &DatabaseTransaction, id: Uuid) -> Result<(), DbErr> {
        use submission::Column;
        submission::Entity::update_many()
            .col_expr(Column::Stored, plus(STORED, self.stored))
            .col_expr(Column::Duplicate, plus("duplicate", self.duplicate))
            .col_expr(Column::Failed, plus("failed", self.failed))
            .filter(Column::Id.eq(id))
            .exec(tx)
            .await
            .map(drop)
    }
}

/// Notes when submissions changed, and whether they are at their end. A statement of its own, since
/// what one statement sees of its own changes differs by dialect; one for all, whose rows are held
/// already.
async fn touch(tx: &DatabaseTransaction, ids: &[Uuid], at: Timestamp) -> Result<(), DbErr> {
    use submission::Column;
    let moment = at.date_time();
    let finished = Expr::cust_with_values(
        "CASE WHEN is_complete = 1 AND received <= rejected + `stored` + duplicate + failed \
         THEN COALESCE(finished_at, ?) ELSE NULL END",
        [moment],
    );
    let touched = Expr::cust_with_values(
        "CASE WHEN touched_at < ? THEN ? ELSE touched_at END",
        [moment, moment],
    );
    submission::Entity::update_many()
        .col_expr(Column::FinishedAt, finished)
        .col_expr(Column::TouchedAt, touched)
        .filter(Column::Id.is_in(ids.iter().copied()))
        .exec(tx)
        .await
        .map(drop)
}

/// A column with a number added to it.
fn plus(column: &'static str, number: i64) -> Expr {
    Expr::cust_with_values(format!("{column} + ?"), [number])
}

async fn add_totals(tx: &DatabaseTransaction, new: [i64; 4]) -> Result<(), DbErr> {
    let sql = "UPDATE lead_counters SET total = total + CASE status \
               WHEN 'active' THEN ? WHEN 'inactive' THEN ? WHEN 'converted' THEN ? ELSE ? END";
    let statement =
        Statement::from_sql_and_values(tx.get_database_backend(), sql, new.map(Into::into));
    tx.execute_raw(statement).await.map(drop)
}

/// A count as databases keep it; nothing here comes near the limit.
pub(crate) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
