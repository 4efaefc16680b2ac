//! Statements of the index.

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, QueryResult, Statement, Value, Values};
use uuid::Uuid;

use super::grams::BUCKETS;

/// How many values a list in a statement has: it is filled up by repeating its last one, so that
/// few statements are prepared. From 1,000 values on `MariaDB` makes a table of them.
const LIST_LENGTHS: [usize; 4] = [8, 32, 128, 512];
/// The most values in a list.
pub(super) const LIST_MAX: usize = LIST_LENGTHS[LIST_LENGTHS.len() - 1];
/// Blocks that a segment may have.
const BLOCKS: i64 = 65_536;

pub(super) fn statement(tx: &DatabaseTransaction, sql: String, values: Vec<Value>) -> Statement {
    Statement {
        sql,
        values: Some(Values(values)),
        db_backend: tx.get_database_backend(),
    }
}

/// So many marks in brackets.
pub(super) fn marks(count: usize) -> String {
    format!("({})", vec!["?"; count].join(", "))
}

/// The marks and values of a list with these, of which there is at least one and at most
/// [`LIST_MAX`].
pub(super) fn list(mut values: Vec<Value>) -> (String, Vec<Value>) {
    let length = LIST_LENGTHS.into_iter().find(|it| *it >= values.len());
    if let (Some(length), Some(last)) = (length, values.last().cloned()) {
        values.resize(length, last);
    }
    (marks(values.len()), values)
}

/// Rows of the columns that follow `select`, for those keys.
pub(super) async fn select_by(
    tx: &DatabaseTransaction,
    select: &str,
    keys: Vec<Value>,
) -> Result<Vec<QueryResult>, DbErr> {
    let (marks, values) = list(keys);
    tx.query_all_raw(statement(tx, format!("{select} IN {marks}"), values))
        .await
}

/// A row of `search_backlog` without its entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) seq: i64,
    pub(super) leads: usize,
    pub(super) bytes: usize,
}

/// The first rows of the backlog, at most so many.
pub(super) async fn backlog(tx: &DatabaseTransaction, most: usize) -> Result<Vec<Row>, DbErr> {
    let sql = format!("SELECT seq, leads, bytes FROM search_backlog ORDER BY seq LIMIT {most}");
    let rows = tx.query_all_raw(statement(tx, sql, Vec::new())).await?;
    let row = |row: &QueryResult| {
        Ok(Row {
            seq: row.try_get_by_index(0)?,
            leads: count(row.try_get_by_index::<i32>(1)?),
            bytes: count(row.try_get_by_index::<i32>(2)?),
        })
    };
    rows.iter().map(row).collect()
}

/// The entries of some rows of the backlog, in no order.
pub(super) async fn entries(tx: &DatabaseTransaction, rows: &[Row]) -> Result<Vec<Vec<u8>>, DbErr> {
    let mut all = Vec::with_capacity(rows.len());
    for rows in rows.chunks(LIST_MAX) {
        let keys = rows.iter().map(|it| it.seq.into()).collect();
        let select = "SELECT entries FROM search_backlog WHERE seq";
        for row in select_by(tx, select, keys).await? {
            all.push(row.try_get_by_index(0)?);
        }
    }
    Ok(all)
}

/// What `search_state` says.
pub(super) async fn backfill_after(tx: &DatabaseTransaction) -> Result<Option<Uuid>, DbErr> {
    let sql = "SELECT backfill_after FROM search_state".to_owned();
    let row = tx.query_one_raw(statement(tx, sql, Vec::new())).await?;
    row.map_or(Ok(None), |it| it.try_get_by_index(0))
}

/// A segment, without what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) id: i64,
    pub(super) leads: usize,
    pub(super) first: Uuid,
    pub(super) last: Uuid,
}

pub(super) async fn segments(tx: &DatabaseTransaction) -> Result<Vec<Header>, DbErr> {
    let sql = "SELECT id, leads, first_id, last_id FROM search_segments".to_owned();
    let rows = tx.query_all_raw(statement(tx, sql, Vec::new())).await?;
    let header = |row: &QueryResult| {
        Ok(Header {
            id: row.try_get_by_index(0)?,
            leads: count(row.try_get_by_index::<i32>(1)?),
            first: row.try_get_by_index(2)?,
            last: row.try_get_by_index(3)?,
        })
    };
    rows.iter().map(header).collect()
}

/// `search_ids.place`.
pub(super) fn block_place(segment: i64, block: usize) -> i64 {
    segment * BLOCKS + signed(block)
}

/// `search_grams.place`.
pub(super) fn bucket_place(segment: i64, bucket: usize) -> i64 {
    segment * signed(BUCKETS) + signed(bucket)
}

pub(super) fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn count(column: i32) -> usize {
    usize::try_from(column).unwrap_or(0)
}
