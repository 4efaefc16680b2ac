//! Rows of leads, many a statement.
//!
//! One statement writes all the rows of a batch that fit into it. A row whose id or match key is
//! taken is left as it is, but evaluating what would be updated calls `LAST_INSERT_ID`, which
//! nothing else does in a table without generated ids: so the answer tells whether any row was
//! taken, which the count of affected rows does not. Only then the holders are read back, and a
//! random mark in `ingest_id` tells the rows of this call from older ones.
//!
//! Rows are written in the order they came, which is that of their ids but for a few, so that
//! pages of the primary key fill one after the other. After a conflict they are written in the
//! order of their match keys, in which two transactions never wait for each other in a circle.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

use lead::LeadId;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, Statement, Value, Values};
use store_sql::{LeadRow, Placed};
use uuid::Uuid;

use crate::literal::{push_bytes, push_day, push_hex, push_moment, push_number, push_text};

/// A statement ends with the row that takes it past so many bytes. Servers take 16 MiB unless
/// they were told otherwise.
const STATEMENT_BYTES: usize = 512 * 1_024;
/// The longest statement that is sent at all. [`prepare`](crate::prepare()) sees to it that the
/// server takes it; a longer one would end the connection, and look like an outage for ever.
pub(crate) const PACKET_BYTES: usize = 4 * 1_024 * 1_024 - 1_024;
/// What an error says of a lead that is longer.
pub(crate) const TOO_LARGE: &str = "a lead is larger than a statement may be";
/// What a row has besides its texts.
const ROW_BYTES: usize = 300;
/// Keys in a statement that reads, longest first, so that its text is prepared once.
const LENGTHS: [usize; 4] = [500, 100, 10, 1];

const INSERT: &str = "INSERT INTO leads (id, first_name, last_name, email, phone, date_of_birth, \
    status, created_at, updated_at, submitted_by, attempts, ingest_id, match_key, search_text, \
    attributes) VALUES ";
const KEEP: &str =
    " ON DUPLICATE KEY UPDATE ingest_id = IF(LAST_INSERT_ID(1) = 1, ingest_id, ingest_id)";

static BY_ID: LazyLock<[String; LENGTHS.len()]> =
    LazyLock::new(|| LENGTHS.map(|length| holders_by("id", length)));
static BY_KEY: LazyLock<[String; LENGTHS.len()]> =
    LazyLock::new(|| LENGTHS.map(|length| holders_by("match_key", length)));

/// Writes rows whose ids differ.
pub(crate) async fn place(
    tx: &DatabaseTransaction,
    rows: &[&LeadRow],
    rivals: bool,
) -> Result<Vec<Placed>, DbErr> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let mark = mark();
    let mut any_taken = false;
    let mut ordered = rows.to_vec();
    if rivals {
        // Stable, so that of two with one key the earlier stays first.
        ordered.sort_by(|left, right| left.match_key.cmp(&right.match_key));
    }
    let mut rest = ordered.as_slice();
    while !rest.is_empty() {
        let (sql, len) = insert_of(rest, mark);
        if sql.len() > PACKET_BYTES {
            return Err(DbErr::Custom(TOO_LARGE.to_owned()));
        }
        any_taken |= tx.execute_unprepared(&sql).await?.last_insert_id() != 0;
        rest = &rest[len..];
    }
    if any_taken {
        look_back(tx, rows, mark).await
    } else {
        Ok(vec![Placed::New; rows.len()])
    }
}

/// Bits that no other call has, but by a chance of one in 2^63.
fn mark() -> u64 {
    RandomState::new().hash_one(()) >> 1
}

/// The statement for as many of the first rows as go into one, and how many those are.
fn insert_of(rows: &[&LeadRow], mark: u64) -> (String, usize) {
    let bytes: usize = rows.iter().map(|it| bytes_of(it)).sum();
    let mut sql = String::with_capacity(bytes.min(2 * STATEMENT_BYTES));
    sql.push_str(INSERT);
    let mut len = 0;
    for row in rows {
        if len > 0 {
            if sql.len() + bytes_of(row) > STATEMENT_BYTES {
                break;
            }
            sql.push(',');
        }
        push_row(&mut sql, row, mark);
        len += 1;
    }
    sql.push_str(KEEP);
    (sql, len)
}

/// About what a row takes, escapes left out.
fn bytes_of(row: &LeadRow) -> usize {
    ROW_BYTES
        + row.first_name.len()
        + row.last_name.len()
        + row.email.len()
        + row.match_key.len()
        + row.search_text.len()
        + row.attributes.len() * 9 / 8
}

fn push_row(sql: &mut String, row: &LeadRow, mark: u64) {
    sql.push('(');
    push_hex(sql, row.id.as_bytes());
    for text in [&row.first_name, &row.last_name, &row.email] {
        sql.push(',');
        push_text(sql, text);
    }
    sql.push(',');
    match &row.phone {
        Some(phone) => push_text(sql, phone),
        None => sql.push_str("NULL"),
    }
    sql.push(',');
    match row.date_of_birth {
        Some(day) => push_day(sql, day),
        None => sql.push_str("NULL"),
    }
    sql.push(',');
    push_text(sql, row.status);
    for moment in [row.created_at, row.updated_at] {
        sql.push(',');
        push_moment(sql, moment);
    }
    sql.push(',');
    push_hex(sql, row.submitted_by.as_bytes());
    sql.push(',');
    push_number(sql, u64::from(row.attempts));
    sql.push(',');
    push_number(sql, mark);
    for bytes in [&row.match_key, &row.search_text] {
        sql.push(',');
        push_bytes(sql, bytes);
    }
    sql.push(',');
    push_text(sql, &row.attributes);
    sql.push(')');
}

async fn look_back(
    tx: &DatabaseTransaction,
    rows: &[&LeadRow],
    mark: u64,
) -> Result<Vec<Placed>, DbErr> {
    let mut by_id = HashMap::with_capacity(rows.len());
    for (which, chunk) in chunks(rows) {
        let ids = chunk.iter().map(|it| it.id.into()).collect();
        for holder in holders(tx, &BY_ID[which], ids).await? {
            by_id.insert(holder.id, holder);
        }
    }
    let without: Vec<&LeadRow> = rows
        .iter()
        .filter(|it| !by_id.contains_key(&it.id))
        .copied()
        .collect();
    let mut by_key = HashMap::with_capacity(without.len());
    for (which, chunk) in chunks(&without) {
        let keys = chunk.iter().map(|it| it.match_key.clone().into()).collect();
        for holder in holders(tx, &BY_KEY[which], keys).await? {
            by_key.insert(holder.match_key, holder.id);
        }
    }
    rows.iter()
        .map(
            |row| match (by_id.get(&row.id), by_key.get(&row.match_key)) {
                (Some(own), _) if own.match_key != row.match_key => Ok(Placed::IdClash),
                (Some(own), _) if own.mark.unsigned_abs() == mark => Ok(Placed::New),
                (Some(_), _) => Ok(Placed::There),
                (None, Some(holder)) => Ok(Placed::Held(LeadId(*holder))),
                (None, None) => Err(DbErr::RecordNotInserted),
            },
        )
        .collect()
}

struct Holder {
    id: Uuid,
    match_key: Vec<u8>,
    mark: i64,
}

async fn holders(
    tx: &DatabaseTransaction,
    sql: &str,
    keys: Vec<Value>,
) -> Result<Vec<Holder>, DbErr> {
    let statement = Statement {
        sql: sql.to_owned(),
        values: Some(Values(keys)),
        db_backend: DbBackend::MySql,
    };
    let rows = tx.query_all_raw(statement).await?;
    rows.iter()
        .map(|row| {
            Ok(Holder {
                id: row.try_get_by_index(0)?,
                match_key: row.try_get_by_index(1)?,
                mark: row.try_get_by_index(2)?,
            })
        })
        .collect()
}

/// Cuts rows into pieces that have the length of a statement, with the place of that length.
fn chunks<T>(mut rows: &[T]) -> impl Iterator<Item = (usize, &[T])> {
    std::iter::from_fn(move || {
        let which = LENGTHS.iter().position(|it| *it <= rows.len())?;
        let (chunk, rest) = rows.split_at(LENGTHS[which]);
        rows = rest;
        Some((which, chunk))
    })
}

fn holders_by(column: &str, length: usize) -> String {
    let keys = vec!["?"; length].join(", ");
    format!("SELECT id, match_key, ingest_id FROM leads WHERE {column} IN ({keys})")
}
