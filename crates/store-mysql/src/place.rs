//! Rows of leads, many a statement.
//!
//! A statement writes many rows. A row whose id or match key is taken is left as it is, but
//! evaluating what would be updated puts a random mark into a variable of the session: so one
//! short question tells whether any row was taken, which the count of affected rows does not, and
//! in the same round trip whether anything may be recorded of the leads. Only if one was taken
//! the holders are read back, and the same mark in `ingest_id` tells the rows of this call from
//! older ones. (`LAST_INSERT_ID(1)` in the variable's place would spare the question, since the
//! answer to the insert carries it; but any trigger that somebody puts on the table resets it.)
//!
//! Rows are written in the order they came, which is that of their ids but for a few, so that
//! pages of the primary key fill one after the other. After a conflict they are written in the
//! order of their match keys, in which two transactions never wait for each other in a circle.

use std::borrow::Borrow;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, Statement, Value, Values};
use store_sql::{Holder, Holders, LeadRow, Placed, Placement, chunks, id_range};
use uuid::Uuid;

/// Rows or keys in one statement, longest first. A statement's text is prepared once for each
/// connection, which costs a server less than reading as many values as text; with these few
/// lengths a batch of any size is a handful of statements.
const LENGTHS: [usize; 10] = [500, 250, 125, 60, 30, 15, 8, 4, 2, 1];
/// Those of a row, and the mark.
const COLUMNS: usize = LeadRow::COLUMNS.len() + 1;
/// The most values in one statement. Servers take 65,535.
const VALUES_MAX: usize = 10_000;
/// The rows, and the mark once more.
const _: () = assert!(LENGTHS[0] * COLUMNS < VALUES_MAX);
/// Whether a row was taken since the mark was made, and whether there is an outcome of a lead
/// between two ids. Locking, it waits for whoever writes one there; the lock is shared, so that
/// transactions with leads between each other's do not wait for one another.
const LOOK: &str = "SELECT @skynet_taken <=> ?, recorded.lead_id IS NOT NULL \
     FROM (SELECT 1) AS one \
     LEFT JOIN outcomes AS recorded FORCE INDEX (PRIMARY) \
     ON recorded.lead_id BETWEEN ? AND ? LIMIT 1 LOCK IN SHARE MODE";
/// What the rows of one statement take together at most, where there is more than one.
const STATEMENT_BYTES: usize = 512 * 1_024;
/// The largest row that is sent at all. [`prepare`](crate::prepare()) sees to it that the server
/// takes it; a larger one would end the connection, and look like an outage for ever.
pub(crate) const ROW_BYTES_MAX: usize = 4 * 1_024 * 1_024 - 1_024;
/// What an error says of a row that is larger.
pub(crate) const TOO_LARGE: &str = "a lead is larger than a statement may be";
/// What a row takes besides its texts.
const ROW_BYTES: usize = 160;

static INSERTS: LazyLock<[String; LENGTHS.len()]> = LazyLock::new(|| LENGTHS.map(insert_of));
static BY_ID: LazyLock<[String; LENGTHS.len()]> =
    LazyLock::new(|| LENGTHS.map(|length| holders_by("id", length)));
static BY_KEY: LazyLock<[String; LENGTHS.len()]> =
    LazyLock::new(|| LENGTHS.map(|length| holders_by("match_key", length)));

/// Writes rows whose ids differ.
pub(crate) async fn place(
    tx: &DatabaseTransaction,
    rows: &[&LeadRow<'_>],
    rivals: bool,
) -> Result<Placement, DbErr> {
    let Some(ids) = id_range(rows) else {
        return Ok(Placement::default());
    };
    let mark = mark();
    let mut ordered = rows.to_vec();
    if rivals {
        // Stable, so that of two with one key the earlier stays first.
        ordered.sort_by(|left, right| left.match_key.cmp(right.match_key));
    }
    let mut rest = ordered.as_slice();
    while let Some(which) = length_of(&LENGTHS, STATEMENT_BYTES, rest) {
        let (now, later) = rest.split_at(LENGTHS[which]);
        if now.iter().any(|it| bytes_of(it) > ROW_BYTES_MAX) {
            return Err(DbErr::Custom(TOO_LARGE.to_owned()));
        }
        let values = now.iter().flat_map(|it| values_of(it, mark));
        let values = values.chain([mark.into()]).collect();
        tx.execute_raw(statement(&INSERTS[which], values)).await?;
        rest = later;
    }
    let looked = look(tx, mark, ids).await?;
    let placed = if looked.any_taken {
        look_back(tx, rows, mark).await?
    } else {
        vec![Placed::New; rows.len()]
    };
    Ok(Placement {
        placed,
        any_recorded: looked.any_recorded,
    })
}

struct Looked {
    any_taken: bool,
    any_recorded: bool,
}

async fn look(tx: &DatabaseTransaction, mark: i64, ids: [Uuid; 2]) -> Result<Looked, DbErr> {
    let [first, last] = ids.map(Value::from);
    let asked = tx.query_one_raw(statement(LOOK, vec![mark.into(), first, last]));
    let answer = asked.await?.ok_or(DbErr::RecordNotInserted)?;
    Ok(Looked {
        any_taken: answer.try_get_by_index::<i64>(0)? != 0,
        any_recorded: answer.try_get_by_index::<i64>(1)? != 0,
    })
}

/// Bits that no other call has, but by a chance of one in 2^63.
fn mark() -> i64 {
    i64::try_from(RandomState::new().hash_one(()) >> 1).unwrap_or(i64::MAX)
}

/// The place of the longest of `lengths` that the first rows fill and that has no more than
/// `bytes_max`, but for one row alone; none when there are no rows.
pub(crate) fn length_of<'a>(
    lengths: &[usize],
    bytes_max: usize,
    rows: &[impl Borrow<LeadRow<'a>>],
) -> Option<usize> {
    let mut bytes = 0;
    let longest = lengths.first().copied().unwrap_or_default();
    let fitting = rows.iter().take(longest).take_while(|it| {
        bytes += bytes_of((*it).borrow());
        bytes <= bytes_max
    });
    let most = fitting.count().max(1).min(rows.len());
    lengths.iter().position(|it| *it <= most)
}

/// About what a row takes.
pub(crate) fn bytes_of(row: &LeadRow<'_>) -> usize {
    ROW_BYTES
        + row.first_name.len()
        + row.last_name.len()
        + row.email.len()
        + row.match_key.len()
        + row.search_text.len()
        + row.attributes.len()
}

fn values_of(row: &LeadRow<'_>, mark: i64) -> impl Iterator<Item = Value> {
    row.values().into_iter().chain([mark.into()])
}

fn insert_of(length: usize) -> String {
    let row = format!("({})", vec!["?"; COLUMNS].join(", "));
    format!(
        "INSERT INTO leads ({}, ingest_id) VALUES {} \
         ON DUPLICATE KEY UPDATE ingest_id = IF(@skynet_taken := ?, ingest_id, ingest_id)",
        LeadRow::COLUMNS.join(", "),
        vec![row; length].join(", ")
    )
}

async fn look_back(
    tx: &DatabaseTransaction,
    rows: &[&LeadRow<'_>],
    mark: i64,
) -> Result<Vec<Placed>, DbErr> {
    let mut found = Holders::default();
    for (which, chunk) in chunks(&LENGTHS, rows) {
        let ids = chunk.iter().map(|it| it.id.into()).collect();
        for holder in holders(tx, &BY_ID[which], ids, mark).await? {
            found.of_id(holder);
        }
    }
    for (which, chunk) in chunks(&LENGTHS, &found.without(rows)) {
        let keys = chunk.iter().map(|it| it.match_key.into()).collect();
        for holder in holders(tx, &BY_KEY[which], keys, mark).await? {
            found.of_key(holder);
        }
    }
    found.place(rows)
}

async fn holders(
    tx: &DatabaseTransaction,
    sql: &str,
    keys: Vec<Value>,
    mark: i64,
) -> Result<Vec<Holder>, DbErr> {
    let rows = tx.query_all_raw(statement(sql, keys)).await?;
    rows.iter()
        .map(|row| {
            Ok(Holder {
                id: row.try_get_by_index(0)?,
                match_key: row.try_get_by_index(1)?,
                is_new: row.try_get_by_index::<i64>(2)? == mark,
            })
        })
        .collect()
}

fn statement(sql: &str, values: Vec<Value>) -> Statement {
    Statement {
        sql: sql.to_owned(),
        values: Some(Values(values)),
        db_backend: DbBackend::MySql,
    }
}

fn holders_by(column: &str, length: usize) -> String {
    let keys = vec!["?"; length].join(", ");
    format!("SELECT id, match_key, ingest_id FROM leads WHERE {column} IN ({keys})")
}
