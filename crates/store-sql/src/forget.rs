//! Forgetting what is old, and counting anew.

use async_trait::async_trait;
use kernel::Timestamp;
use lead::Status;
use sea_orm::sea_query::{Expr, ExprTrait as _, Query};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use crate::entity::{
    dead_letter, lead as stored_lead, lead_counter, outcome, rejected_row, submission,
};
use crate::failure::Trouble;
use crate::ledger::signed;
use crate::store::Work;

/// Submissions, outcomes, and rows of them that go at most in one transaction.
const GONE_MAX: u64 = 1_000;
/// Ids in one statement.
const CHUNK: usize = 500;

pub(crate) struct Forget {
    pub(crate) before: Timestamp,
}

#[async_trait]
impl Work for Forget {
    type Out = u64;

    async fn run(&self, tx: &DatabaseTransaction) -> Result<u64, Trouble> {
        let (submissions, rows) = self.forget_submissions(tx).await?;
        let outcomes = self.forget_outcomes(tx).await?;
        let gone = submissions + outcomes;
        Ok(if gone == 0 { rows } else { gone })
    }
}

impl Forget {
    /// Takes away old submissions with their rejected rows. One with more rejected rows than go
    /// at once loses some of them now and goes itself in a later call.
    async fn forget_submissions(&self, tx: &DatabaseTransaction) -> Result<(u64, u64), DbErr> {
        use submission::Column;
        let old: Vec<Uuid> = submission::Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(Column::TouchedAt.lt(self.before.date_time()))
            .filter(Expr::cust(
                "received <= rejected + `stored` + duplicate + failed",
            ))
            .order_by_asc(Column::TouchedAt)
            .limit(GONE_MAX)
            .lock_exclusive()
            .into_tuple()
            .all(tx)
            .await?;
        let (mut gone, mut rows) = (0, 0);
        for id in old {
            if rows >= GONE_MAX {
                break;
            }
            let taken = forget_rejected(tx, id, GONE_MAX - rows).await?;
            rows += taken.rows;
            if taken.all {
                submission::Entity::delete_by_id(id).exec(tx).await?;
                gone += 1;
            }
        }
        Ok((gone, rows))
    }

    /// Takes away old outcomes of leads that were sent alone or whose submission is gone.
    async fn forget_outcomes(&self, tx: &DatabaseTransaction) -> Result<u64, DbErr> {
        use outcome::Column;
        let parked = Query::select()
            .column(dead_letter::Column::Id)
            .from(dead_letter::Entity)
            .to_owned();
        let kept = Query::select()
            .column(submission::Column::Id)
            .from(submission::Entity)
            .to_owned();
        let old: Vec<Uuid> = outcome::Entity::find()
            .select_only()
            .column(Column::LeadId)
            .filter(Column::UpdatedAt.lt(self.before.date_time()))
            .filter(Column::LeadId.not_in_subquery(parked))
            .filter(
                Column::BatchId
                    .is_null()
                    .or(Column::BatchId.not_in_subquery(kept)),
            )
            .limit(GONE_MAX)
            .into_tuple()
            .all(tx)
            .await?;
        for chunk in old.chunks(CHUNK) {
            outcome::Entity::delete_many()
                .filter(Column::LeadId.is_in(chunk.iter().copied()))
                .filter(Column::UpdatedAt.lt(self.before.date_time()))
                .exec(tx)
                .await?;
        }
        Ok(old.len() as u64)
    }
}

struct Taken {
    rows: u64,
    all: bool,
}

async fn forget_rejected(tx: &DatabaseTransaction, batch: Uuid, most: u64) -> Result<Taken, DbErr> {
    use rejected_row::Column;
    let indexes: Vec<i64> = rejected_row::Entity::find()
        .select_only()
        .column(Column::RowIndex)
        .filter(Column::BatchId.eq(batch))
        .order_by_asc(Column::RowIndex)
        .limit(most + 1)
        .into_tuple()
        .all(tx)
        .await?;
    let all = indexes.len() as u64 <= most;
    let mut delete = rejected_row::Entity::delete_many().filter(Column::BatchId.eq(batch));
    if let (false, Some(first_kept)) = (all, indexes.last()) {
        delete = delete.filter(Column::RowIndex.lt(*first_kept));
    }
    if indexes.is_empty() {
        return Ok(Taken { rows: 0, all });
    }
    delete.exec(tx).await?;
    let rows = indexes.len() as u64 - u64::from(!all);
    Ok(Taken { rows, all })
}

pub(crate) struct Recount;

#[async_trait]
impl Work for Recount {
    type Out = ();

    async fn run(&self, tx: &DatabaseTransaction) -> Result<(), Trouble> {
        // Held first: what is counted is then what was added up, whoever else writes.
        tx.execute_unprepared("UPDATE lead_counters SET total = total")
            .await?;
        for status in Status::ALL {
            use lead_counter::Column;
            let count = stored_lead::Entity::find()
                .filter(stored_lead::Column::Status.eq(status.as_str()))
                .count(tx)
                .await?;
            lead_counter::Entity::update_many()
                .col_expr(Column::Total, signed(count).into())
                .filter(Column::Status.eq(status.as_str()))
                .exec(tx)
                .await?;
        }
        Ok(())
    }
}
