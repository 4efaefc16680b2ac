//! Writing what a step has made.

use lead::ports::Indexed;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, Value};
use uuid::Uuid;

use super::backlog::put_entries;
use super::segment::Segment;
use super::sql::{self, Row, signed, statement};
use crate::failure::Trouble;

/// Rows in one statement, longest first.
const LENGTHS: [usize; 4] = [512, 64, 8, 1];
/// What the rows of one statement take together at most, where there is more than one.
pub(super) const STATEMENT_BYTES: usize = 1_024 * 1_024;

/// What was read and made, to be written.
pub(super) enum Prepared {
    Nothing,
    Backfill {
        after: Uuid,
        /// The last id that is indexed then; none when that is all.
        until: Option<Uuid>,
        segment: Option<Segment>,
    },
    Segment {
        rows: Vec<Row>,
        segment: Option<Segment>,
    },
    Merged {
        rows: Vec<Row>,
        entries: Vec<u8>,
    },
    /// Segments of an index that is made anew.
    Outdated(Vec<i64>),
}

impl Prepared {
    /// Writes it, unless somebody else was quicker.
    pub(super) async fn write(self, tx: &DatabaseTransaction) -> Result<Indexed, Trouble> {
        let again = Indexed {
            leads: 0,
            more: true,
        };
        match self {
            Self::Nothing => Ok(Indexed::default()),
            Self::Outdated(segments) => {
                for id in segments {
                    forget(tx, id).await?;
                }
                Ok(again)
            }
            Self::Backfill {
                after,
                until,
                segment,
            } => {
                if sql::backfill_after(tx).await? != Some(after) {
                    return Ok(again);
                }
                let leads = insert(tx, segment).await?;
                let sql = "UPDATE search_state SET backfill_after = ?".to_owned();
                tx.execute_raw(statement(tx, sql, vec![until.into()]))
                    .await?;
                Ok(Indexed { leads, more: true })
            }
            Self::Segment { rows, segment } => {
                if !take(tx, &rows).await? {
                    return Ok(again);
                }
                let leads = insert(tx, segment).await?;
                Ok(Indexed { leads, more: true })
            }
            Self::Merged { rows, entries } => {
                if !take(tx, &rows).await? {
                    return Ok(again);
                }
                let leads = rows.iter().map(|it| it.leads).sum();
                put_entries(tx, leads, entries).await?;
                Ok(again)
            }
        }
    }
}

/// Takes rows out of the backlog if all of them are there; says whether they were.
async fn take(tx: &DatabaseTransaction, rows: &[Row]) -> Result<bool, DbErr> {
    let keys = |rows: &[Row]| -> Vec<Value> { rows.iter().map(|it| it.seq.into()).collect() };
    let mut there = 0;
    for rows in rows.chunks(sql::LIST_MAX) {
        let select = "SELECT seq FROM search_backlog WHERE seq";
        there += sql::select_by(tx, select, keys(rows)).await?.len();
    }
    if there < rows.len() {
        return Ok(false);
    }
    for rows in rows.chunks(sql::LIST_MAX) {
        let (marks, values) = sql::list(keys(rows));
        let sql = format!("DELETE FROM search_backlog WHERE seq IN {marks}");
        tx.execute_raw(statement(tx, sql, values)).await?;
    }
    Ok(true)
}

/// Writes a segment; says how many leads are in it.
async fn insert(tx: &DatabaseTransaction, segment: Option<Segment>) -> Result<u64, DbErr> {
    let Some(segment) = segment else {
        return Ok(0);
    };
    let sql = "INSERT INTO search_segments (leads, first_id, last_id) VALUES (?, ?, ?)".to_owned();
    let values = vec![
        signed(segment.leads).into(),
        segment.first.into(),
        segment.last.into(),
    ];
    let written = tx.execute_raw(statement(tx, sql, values)).await?;
    let id = i64::try_from(written.last_insert_id()).unwrap_or(i64::MAX);
    let ids = segment.ids.into_iter().enumerate();
    let ids = ids.map(|(block, ids)| (sql::block_place(id, block), ids));
    insert_rows(tx, "search_ids (place, ids)", ids.collect()).await?;
    let postings = segment.postings.into_iter();
    let postings = postings.map(|(bucket, row)| (sql::bucket_place(id, bucket), row));
    insert_rows(tx, "search_grams (place, postings)", postings.collect()).await?;
    Ok(segment.leads as u64)
}

/// Writes rows of a place and bytes, many a statement.
async fn insert_rows(
    tx: &DatabaseTransaction,
    into: &str,
    rows: Vec<(i64, Vec<u8>)>,
) -> Result<(), DbErr> {
    let mut rows = rows.into_iter().peekable();
    let mut batch = Vec::with_capacity(LENGTHS[0]);
    let mut bytes = 0;
    while let Some(row) = rows.next() {
        bytes += row.1.len();
        batch.push(row);
        let next = rows.peek().map_or(usize::MAX, |(_, it)| it.len());
        if batch.len() == LENGTHS[0] || bytes.saturating_add(next) > STATEMENT_BYTES {
            insert_batch(tx, into, &mut batch).await?;
            bytes = 0;
        }
    }
    Ok(())
}

async fn insert_batch(
    tx: &DatabaseTransaction,
    into: &str,
    batch: &mut Vec<(i64, Vec<u8>)>,
) -> Result<(), DbErr> {
    while let Some(length) = LENGTHS.into_iter().find(|it| *it <= batch.len()) {
        let values = batch.drain(..length);
        let values = values.flat_map(|(place, bytes)| [place.into(), bytes.into()]);
        let values = values.collect();
        let rows = vec!["(?, ?)"; length].join(", ");
        let sql = format!("INSERT INTO {into} VALUES {rows}");
        tx.execute_raw(statement(tx, sql, values)).await?;
    }
    Ok(())
}

/// Takes a segment away.
async fn forget(tx: &DatabaseTransaction, id: i64) -> Result<(), DbErr> {
    for (sql, from, before) in [
        (
            "DELETE FROM search_ids WHERE place >= ? AND place < ?",
            sql::block_place(id, 0),
            sql::block_place(id + 1, 0),
        ),
        (
            "DELETE FROM search_grams WHERE place >= ? AND place < ?",
            sql::bucket_place(id, 0),
            sql::bucket_place(id + 1, 0),
        ),
        (
            "DELETE FROM search_segments WHERE id >= ? AND id < ?",
            id,
            id + 1,
        ),
    ] {
        let values = vec![from.into(), before.into()];
        tx.execute_raw(statement(tx, sql.to_owned(), values))
            .await?;
    }
    Ok(())
}
