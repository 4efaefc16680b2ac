//! Lists and totals of leads by parts of their texts.

use lead::{Filter, ListQuery, Position, Status, Total};
use sea_orm::{
    ColumnTrait, Condition, DatabaseTransaction, DbErr, EntityTrait, QueryFilter, QueryOrder,
};
use uuid::Uuid;

use super::backlog::{self, Waiting};
use super::grams::looked_up;
use super::sql;
use super::verify::{CHUNK, Candidates, DENSE};
use super::walk::{Order, Walk};
use crate::entity::lead::{Column, Entity, Model};
use crate::entity::lead_counter;
use crate::failure::Trouble;
use crate::store::SqlStore;

/// With no more leads than this of a status, they are read by their status.
const FEW: i64 = 2_000;
/// Candidates that are looked at first.
const FIRST_CHUNK: usize = 16;
/// Candidates that are counted at a time where they are dense.
const DENSE_CHUNK: usize = 4_096;
/// Ids of one statement that loads leads.
const LOADED: usize = 500;

/// A search by the index.
pub(crate) struct Search<'a> {
    tx: &'a DatabaseTransaction,
    condition: &'a Condition,
    grams: Vec<u32>,
    waiting: Waiting,
}

impl<'a> Search<'a> {
    /// The search that finds what `filter` does, whose condition is `condition`; none where reading
    /// the table is better, or the index does not cover it yet.
    pub(crate) async fn new(
        tx: &'a DatabaseTransaction,
        filter: &Filter,
        condition: &'a Condition,
    ) -> Result<Option<Self>, Trouble> {
        let parts = [&filter.email, &filter.search].into_iter().flatten();
        let parts: Vec<&[u8]> = parts.map(|it| it.as_str().as_bytes()).collect();
        let grams = looked_up(parts.iter().copied());
        if grams.is_empty() || sql::backfill_after(tx).await?.is_some() {
            return Ok(None);
        }
        if let Some(status) = filter.status
            && count_of(tx, status).await? <= FEW
        {
            return Ok(None);
        }
        let waiting = backlog::having(tx, &parts).await?;
        Ok(waiting.map(|waiting| Self {
            tx,
            condition,
            grams,
            waiting,
        }))
    }

    /// A page of the leads that are found.
    pub(crate) async fn list(self, query: &ListQuery) -> Result<Vec<Model>, Trouble> {
        let (order, below, skip) = match query.position {
            Position::Offset(skip) => (Order::NewestFirst, None, skip as usize),
            Position::Before(id) => (Order::NewestFirst, Some(id.0), 0),
            Position::After(id) => (Order::OldestFirst, Some(id.0), 0),
        };
        let below = below.map(|id| order.key(id));
        let limit = usize::from(query.limit);
        let mut walk = Walk::new(self.tx, order, &self.grams, self.waiting, below).await?;
        let mut found = Vec::new();
        let mut least = FIRST_CHUNK;
        while found.len() < skip + limit {
            let want = (skip + limit - found.len()).clamp(least, CHUNK);
            let keys = walk.next(want).await?;
            if keys.is_empty() {
                break;
            }
            let candidates = Candidates {
                keys: &keys,
                order,
                condition: self.condition,
                is_dense: walk.leads_per_candidate() <= DENSE,
            };
            found.extend(candidates.passing(self.tx).await?);
            // Where few pass, more are looked at each time.
            least = (least * 2).min(CHUNK);
        }
        found.truncate(skip + limit);
        let page = found.split_off(skip.min(found.len()));
        let ids: Vec<Uuid> = page.into_iter().map(|it| order.id(it)).collect();
        Ok(load(self.tx, &ids, order).await?)
    }

    /// How many leads are found. Candidates are compared over a second connection, where there is one,
    /// while the first one finds the next ones.
    pub(crate) async fn total(self, store: &SqlStore) -> Result<Total, Trouble> {
        let order = Order::NewestFirst;
        let mut walk = Walk::new(self.tx, order, &self.grams, self.waiting, None).await?;
        let mut count = 0;
        let mut keys = walk.next(CHUNK).await?;
        // A few are compared sooner than another connection is had.
        let second = match keys.len() {
            CHUNK => store.second_snapshot().await?,
            _ => None,
        };
        let beside = second.as_ref().map_or(self.tx, |it| &it.tx);
        while !keys.is_empty() && count <= Total::CAP {
            let is_dense = walk.leads_per_candidate() <= DENSE;
            let candidates = Candidates {
                keys: &keys,
                order,
                condition: self.condition,
                is_dense,
            };
            let want = if is_dense { DENSE_CHUNK } else { CHUNK };
            let counting = async { Ok(candidates.count(beside).await?) };
            let (passing, next) = tokio::try_join!(counting, walk.next(want))?;
            count += passing;
            keys = next;
        }
        if let Some(second) = second {
            second.tx.commit().await?;
        }
        Ok(Total {
            count: count.min(Total::CAP),
            exact: count <= Total::CAP,
        })
    }
}

/// The leads with those ids, in order.
async fn load(tx: &DatabaseTransaction, ids: &[Uuid], order: Order) -> Result<Vec<Model>, DbErr> {
    let mut rows = Vec::with_capacity(ids.len());
    for ids in ids.chunks(LOADED) {
        let find = Entity::find().filter(Column::Id.is_in(ids.iter().copied()));
        let find = match order {
            Order::NewestFirst => find.order_by_desc(Column::Id),
            Order::OldestFirst => find.order_by_asc(Column::Id),
        };
        rows.extend(find.all(tx).await?);
    }
    Ok(rows)
}

/// Leads of a status, as they were counted.
async fn count_of(tx: &DatabaseTransaction, status: Status) -> Result<i64, DbErr> {
    let row = lead_counter::Entity::find_by_id(status.as_str())
        .one(tx)
        .await?;
    Ok(row.map_or(0, |it| it.total))
}
