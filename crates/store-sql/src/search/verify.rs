//! Candidates that pass, by a look at their rows.

use sea_orm::sea_query::{Expr, Query};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, DbErr};
use uuid::Uuid;

use super::walk::Order;
use crate::entity::lead::{Column, Entity};
use crate::store::SqlStore;

/// With no more leads than this for each candidate, reading all leads between the first and the
/// last candidate is cheaper than reading each candidate by its id: one in a row takes 0.25 µs,
/// one by its id 3.5 µs.
pub(super) const DENSE: usize = 12;
/// How many ids a list of bound values has. From 1,000 on `MariaDB` makes a table of them; the
/// longest is that of a dialect that binds the ids of [`Dialect::count`](crate::Dialect::count).
const LENGTHS: [usize; 5] = [16, 64, 256, CHUNK, LISTED];
/// The most candidates that are looked at at a time.
pub(super) const CHUNK: usize = 990;
/// The most candidates that are counted at a time over two connections of their own: half of them
/// over each.
pub(super) const COUNTED: usize = 2 * LISTED;
/// The most ids that a dialect is asked to count.
const LISTED: usize = 1_250;
/// Fewer candidates are counted over one connection.
const SHARED_MIN: usize = 256;

/// Some candidates that follow each other, at least one, and the condition that each row has to meet.
pub(super) struct Candidates<'a> {
    pub(super) keys: &'a [u128],
    pub(super) order: Order,
    pub(super) condition: &'a Condition,
    /// Few leads are between them that are none.
    pub(super) is_dense: bool,
}

impl Candidates<'_> {
    /// The keys of those that pass, in order.
    pub(super) async fn passing(&self, tx: &DatabaseTransaction) -> Result<Vec<u128>, DbErr> {
        let select = Query::select()
            .column(Column::Id)
            .from(Entity)
            .cond_where(self.rows())
            .to_owned();
        let rows = tx.query_all(&select).await?;
        let key = |row: &sea_orm::QueryResult| {
            Ok::<_, DbErr>(self.order.key(row.try_get_by_index::<Uuid>(0)?))
        };
        let mut keys = rows.iter().map(key).collect::<Result<Vec<_>, _>>()?;
        keys.sort_unstable_by(|a, b| b.cmp(a));
        Ok(keys)
    }

    /// How many pass.
    pub(super) async fn count(&self, tx: &DatabaseTransaction) -> Result<u64, DbErr> {
        count(tx, self.rows()).await
    }

    /// How many pass, over one or two other connections than that of the search.
    pub(super) async fn count_beside(&self, store: &SqlStore) -> Result<u64, DbErr> {
        let (dialect, reader) = (&store.inner.dialect, store.reader());
        if self.is_dense {
            return count(reader, self.rows()).await;
        }
        let ids: Vec<Uuid> = self.keys.iter().map(|it| self.order.id(*it)).collect();
        if ids.len() < SHARED_MIN {
            return dialect.count(reader, &ids, self.condition).await;
        }
        let (some, others) = ids.split_at(ids.len() / 2);
        let (some, others) = tokio::try_join!(
            dialect.count(reader, some, self.condition),
            dialect.count(reader, others, self.condition),
        )?;
        Ok(some + others)
    }

    fn rows(&self) -> Condition {
        let ids = self.keys.iter().map(|it| self.order.id(*it));
        let range = ids.clone().min().zip(ids.clone().max());
        match range {
            Some((first, last)) if self.is_dense => Condition::all()
                .add(Column::Id.between(first, last))
                .add(self.condition.clone()),
            _ => with_ids(ids.collect(), self.condition),
        }
    }
}

/// How many of the leads with those ids a condition is true of, with the ids bound.
pub(crate) async fn count_with_ids(
    db: &impl ConnectionTrait,
    ids: &[Uuid],
    condition: &Condition,
) -> Result<u64, DbErr> {
    count(db, with_ids(ids.to_vec(), condition)).await
}

fn with_ids(ids: Vec<Uuid>, condition: &Condition) -> Condition {
    Condition::all()
        .add(Column::Id.is_in(filled_up(ids)))
        .add(condition.clone())
}

async fn count(db: &impl ConnectionTrait, condition: Condition) -> Result<u64, DbErr> {
    let select = Query::select()
        .expr(Expr::cust("COUNT(*)"))
        .from(Entity)
        .cond_where(condition)
        .to_owned();
    let count: i64 = match db.query_one(&select).await? {
        Some(row) => row.try_get_by_index(0)?,
        None => 0,
    };
    Ok(count.unsigned_abs())
}

/// A list of one of a few lengths, so that few statements are prepared.
fn filled_up(mut ids: Vec<Uuid>) -> Vec<Uuid> {
    let length = LENGTHS.into_iter().find(|it| *it >= ids.len());
    if let (Some(length), Some(last)) = (length, ids.last().copied()) {
        ids.resize(length, last);
    }
    ids
}
