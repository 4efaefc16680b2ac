//! Rows of leads, many a statement.
//!
//! A statement has one of a few fixed lengths, so that its text is prepared once. Every row that
//! `ON CONFLICT DO NOTHING` leaves out is missing from the count of changed rows, and nobody else
//! writes meanwhile: when the count is full every row is new. Else the holders are read back, and
//! the row number tells new rows from old ones.

use std::collections::HashMap;
use std::sync::LazyLock;

use lead::LeadId;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, Statement, Value, Values};
use store_sql::{LeadRow, Placed};
use uuid::Uuid;

/// Rows in one statement, longest first.
const LENGTHS: [usize; 5] = [500, 125, 25, 5, 1];
const COLUMNS: usize = 14;
/// `SQLite` takes this many parameters in one statement.
const PARAMETERS_MAX: usize = 32_766;
const _: () = assert!(LENGTHS[0] * COLUMNS <= PARAMETERS_MAX);

static INSERTS: LazyLock<[String; LENGTHS.len()]> = LazyLock::new(|| LENGTHS.map(insert_of));
static BY_ID: LazyLock<[String; LENGTHS.len()]> =
    LazyLock::new(|| LENGTHS.map(|length| holders_by("id", length)));
static BY_KEY: LazyLock<[String; LENGTHS.len()]> =
    LazyLock::new(|| LENGTHS.map(|length| holders_by("match_key", length)));

/// Writes rows whose ids differ.
pub(crate) async fn place(
    tx: &DatabaseTransaction,
    rows: &[&LeadRow],
) -> Result<Vec<Placed>, DbErr> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let last_row_before = last_row(tx).await?;
    let mut written = 0;
    for (which, chunk) in chunks(rows) {
        let values = chunk.iter().flat_map(|row| values_of(row)).collect();
        let insert = statement(&INSERTS[which], values);
        written += tx.execute_raw(insert).await?.rows_affected();
    }
    if written == rows.len() as u64 {
        return Ok(vec![Placed::New; rows.len()]);
    }
    look_back(tx, rows, last_row_before).await
}

async fn look_back(
    tx: &DatabaseTransaction,
    rows: &[&LeadRow],
    last_row_before: i64,
) -> Result<Vec<Placed>, DbErr> {
    let mut by_id = HashMap::with_capacity(rows.len());
    let mut by_key = HashMap::with_capacity(rows.len());
    for (which, chunk) in chunks(rows) {
        let ids = chunk.iter().map(|it| it.id.into()).collect();
        for holder in holders(tx, &BY_ID[which], ids).await? {
            by_id.insert(holder.id, holder);
        }
        let keys = chunk.iter().map(|it| it.match_key.clone().into()).collect();
        for holder in holders(tx, &BY_KEY[which], keys).await? {
            by_key.insert(holder.match_key, holder.id);
        }
    }
    rows.iter()
        .map(
            |row| match (by_id.get(&row.id), by_key.get(&row.match_key)) {
                (Some(own), _) if own.match_key != row.match_key => Ok(Placed::IdClash),
                (Some(own), _) if own.row_number > last_row_before => Ok(Placed::New),
                (Some(_), _) => Ok(Placed::There),
                (None, Some(holder)) => Ok(Placed::Held(LeadId(*holder))),
                (None, None) => Err(DbErr::RecordNotInserted),
            },
        )
        .collect()
}

struct Holder {
    row_number: i64,
    id: Uuid,
    match_key: Vec<u8>,
}

async fn holders(
    tx: &DatabaseTransaction,
    sql: &str,
    keys: Vec<Value>,
) -> Result<Vec<Holder>, DbErr> {
    let rows = tx.query_all_raw(statement(sql, keys)).await?;
    rows.iter()
        .map(|row| {
            Ok(Holder {
                row_number: row.try_get_by_index(0)?,
                id: row.try_get_by_index(1)?,
                match_key: row.try_get_by_index(2)?,
            })
        })
        .collect()
}

async fn last_row(tx: &DatabaseTransaction) -> Result<i64, DbErr> {
    let sql = "SELECT COALESCE(MAX(rowid), 0) FROM leads";
    match tx.query_one_raw(statement(sql, Vec::new())).await? {
        Some(row) => row.try_get_by_index(0),
        None => Ok(0),
    }
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

fn statement(sql: &str, values: Vec<Value>) -> Statement {
    Statement {
        sql: sql.to_owned(),
        values: Some(Values(values)),
        db_backend: DbBackend::Sqlite,
    }
}

fn values_of(row: &LeadRow) -> [Value; COLUMNS] {
    [
        row.id.into(),
        row.first_name.clone().into(),
        row.last_name.clone().into(),
        row.email.clone().into(),
        row.phone.clone().into(),
        row.date_of_birth.into(),
        row.status.into(),
        row.created_at.into(),
        row.updated_at.into(),
        row.submitted_by.into(),
        row.attempts.into(),
        row.match_key.clone().into(),
        row.search_text.clone().into(),
        row.attributes.clone().into(),
    ]
}

/// `OR FAIL`: a row that breaks a rule ends the transaction anyway, so that `SQLite` need not keep
/// every page as it was before the statement, which costs a third of the whole insert.
fn insert_of(length: usize) -> String {
    let row = format!("({})", vec!["?"; COLUMNS].join(", "));
    format!(
        "INSERT OR FAIL INTO leads (id, first_name, last_name, email, phone, date_of_birth, status, \
         created_at, updated_at, submitted_by, attempts, match_key, search_text, attributes) \
         VALUES {} ON CONFLICT DO NOTHING",
        vec![row; length].join(", ")
    )
}

fn holders_by(column: &str, length: usize) -> String {
    let keys = vec!["?"; length].join(", ");
    format!("SELECT rowid, id, match_key FROM leads WHERE {column} IN ({keys})")
}
