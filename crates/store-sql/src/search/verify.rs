//! Candidates that pass, by a look at their rows.

use sea_orm::sea_query::{Expr, Query};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, DbErr};
use uuid::Uuid;

use super::walk::Order;
use crate::entity::lead::{Column, Entity};

/// With no more leads than this for each candidate, reading all leads between the first and the
/// last candidate is cheaper than reading each candidate by its id: one in a row takes 0.25 µs,
/// one by its id 3.5 µs.
pub(super) const DENSE: usize = 12;
/// How many ids a list in a statement has. From 1,000 values on `MariaDB` makes a table of them.
const LENGTHS: [usize; 4] = [16, 64, 256, 990];
/// The most candidates that are looked at at a time.
pub(super) const CHUNK: usize = LENGTHS[LENGTHS.len() - 1];

/// Some candidates that follow each other, and the condition that each row has to meet.
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
        let select = Query::select()
            .expr(Expr::cust("COUNT(*)"))
            .from(Entity)
            .cond_where(self.rows())
            .to_owned();
        let count: i64 = match tx.query_one(&select).await? {
            Some(row) => row.try_get_by_index(0)?,
            None => 0,
        };
        Ok(count.unsigned_abs())
    }

    fn rows(&self) -> Condition {
        let ids = self.keys.iter().map(|it| self.order.id(*it));
        let range = ids.clone().min().zip(ids.clone().max());
        let is_one_of_them = match range {
            Some((first, last)) if self.is_dense => Column::Id.between(first, last),
            _ => Column::Id.is_in(filled_up(ids.collect())),
        };
        Condition::all()
            .add(is_one_of_them)
            .add(self.condition.clone())
    }
}

/// A list of one of a few lengths, so that few statements are prepared.
fn filled_up(mut ids: Vec<Uuid>) -> Vec<Uuid> {
    let length = LENGTHS.into_iter().find(|it| *it >= ids.len());
    if let (Some(length), Some(last)) = (length, ids.last().copied()) {
        ids.resize(length, last);
    }
    ids
}
