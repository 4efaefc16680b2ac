//! Lists and totals of leads by parts of their texts.

use std::ops::Range;

use lead::{Filter, ListQuery, Position, Status, Total};
use sea_orm::{
    ColumnTrait, Condition, DatabaseTransaction, DbErr, EntityTrait, QueryFilter, QueryOrder,
};
use uuid::Uuid;

use super::backlog::{self, Waiting};
use super::grams::looked_up;
use super::sql;
use super::verify::{CHUNK, COUNTED};
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
/// The fewest candidates that are looked for at a time for a total.
const NEXT_MIN: usize = 256;
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
        let Self { tx, condition, .. } = self;
        let (order, below, skip) = match query.position {
            Position::Offset(skip) => (Order::NewestFirst, None, skip as usize),
            Position::Before(id) => (Order::NewestFirst, Some(id.0), 0),
            Position::After(id) => (Order::OldestFirst, Some(id.0), 0),
        };
        let mut walk = self.walk(order, below).await?;
        let end = skip + usize::from(query.limit);
        let found = first(tx, condition, &mut walk, end).await?;
        Ok(load(tx, &found, skip..end, order).await?)
    }

    /// How many leads are found.
    pub(crate) async fn total(self, store: &SqlStore) -> Result<Total, Trouble> {
        let Self { tx, condition, .. } = self;
        let mut walk = self.walk(Order::NewestFirst, None).await?;
        total(tx, condition, &mut walk, 0, store).await
    }

    /// The leads found from one number to another, newest first, and how many are found: candidates
    /// are looked up once for both.
    pub(crate) async fn list_and_total(
        self,
        rows: Range<usize>,
        store: &SqlStore,
    ) -> Result<(Vec<Model>, Total), Trouble> {
        let Self { tx, condition, .. } = self;
        let mut walk = self.walk(Order::NewestFirst, None).await?;
        let found = first(tx, condition, &mut walk, rows.end).await?;
        let total = total(tx, condition, &mut walk, found.len(), store).await?;
        let page = load(tx, &found, rows, Order::NewestFirst).await?;
        Ok((page, total))
    }

    async fn walk(self, order: Order, below: Option<Uuid>) -> Result<Walk<'a>, Trouble> {
        let below = below.map(|id| order.key(id));
        Walk::new(self.tx, order, &self.grams, self.waiting, below).await
    }
}

/// The keys of at least the next so many that pass: of all candidates of `walk` up to the last one.
async fn first(
    tx: &DatabaseTransaction,
    condition: &Condition,
    walk: &mut Walk<'_>,
    count: usize,
) -> Result<Vec<u128>, Trouble> {
    let mut found = Vec::new();
    let mut least = FIRST_CHUNK;
    while found.len() < count {
        let want = (count - found.len()).clamp(least, CHUNK);
        let keys = walk.next(want).await?;
        if keys.is_empty() {
            break;
        }
        found.extend(walk.candidates(&keys, condition).passing(tx).await?);
        // Where few pass, more are looked at each time.
        least = (least * 2).min(CHUNK);
    }
    Ok(found)
}

/// How many are found, of which `found` are counted already: with the candidates left in `walk`
/// that pass. They are compared over other connections, where the read may use some, while its own
/// one finds the next ones.
async fn total(
    tx: &DatabaseTransaction,
    condition: &Condition,
    walk: &mut Walk<'_>,
    found: usize,
    store: &SqlStore,
) -> Result<Total, Trouble> {
    let mut count = found as u64;
    let mut keys = walk.next(CHUNK).await?;
    // A few are compared sooner than another connection is had.
    let others = match keys.len() {
        CHUNK => store.more_connections(),
        _ => None,
    };
    let most = others.as_ref().map_or(CHUNK, |_| COUNTED);
    while !keys.is_empty() && count <= Total::CAP {
        let candidates = walk.candidates(&keys, condition);
        let want = if candidates.is_dense {
            DENSE_CHUNK
        } else {
            // As many as are missing if all pass.
            let missing = (Total::CAP + 1).saturating_sub(count + keys.len() as u64);
            usize::try_from(missing).map_or(most, |it| it.clamp(NEXT_MIN, most))
        };
        let counting = async {
            Ok(match others {
                Some(_) => candidates.count_beside(store).await?,
                None => candidates.count(tx).await?,
            })
        };
        let (passing, next) = tokio::try_join!(counting, walk.next(want))?;
        count += passing;
        keys = next;
    }
    Ok(Total::up_to_cap(count))
}

/// The leads of some of the keys, in their order.
async fn load(
    tx: &DatabaseTransaction,
    found: &[u128],
    rows: Range<usize>,
    order: Order,
) -> Result<Vec<Model>, DbErr> {
    let end = rows.end.min(found.len());
    let keys = &found[rows.start.min(end)..end];
    let mut leads = Vec::with_capacity(keys.len());
    for keys in keys.chunks(LOADED) {
        let ids = keys.iter().map(|it| order.id(*it));
        let find = Entity::find().filter(Column::Id.is_in(ids));
        let find = match order {
            Order::NewestFirst => find.order_by_desc(Column::Id),
            Order::OldestFirst => find.order_by_asc(Column::Id),
        };
        leads.extend(find.all(tx).await?);
    }
    Ok(leads)
}

/// Leads of a status, as they were counted.
async fn count_of(tx: &DatabaseTransaction, status: Status) -> Result<i64, DbErr> {
    let row = lead_counter::Entity::find_by_id(status.as_str())
        .one(tx)
        .await?;
    Ok(row.map_or(0, |it| it.total))
}
