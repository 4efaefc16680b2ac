//! Rows of leads, many a statement.
//!
//! A statement has one of a few fixed lengths, so that its text is prepared once. Every row that
//! `ON CONFLICT DO NOTHING` leaves out is missing from the count of changed rows, and nobody else
//! writes meanwhile: when the count is full every row is new. Else the holders are read back, and
//! the row number tells new rows from old ones.

use std::sync::LazyLock;

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, Statement, Value, Values};
use store_sql::{Holder, Holders, LeadRow, Placed, Placement, chunks, id_range};
use uuid::Uuid;

/// Rows in one statement, longest first.
const LENGTHS: [usize; 5] = [500, 125, 25, 5, 1];
const COLUMNS: usize = LeadRow::COLUMNS.len();
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
    rows: &[&LeadRow<'_>],
) -> Result<Placement, DbErr> {
    let Some(ids) = id_range(rows) else {
        return Ok(Placement::default());
    };
    let last_row_before = last_row(tx).await?;
    let mut written = 0;
    for (which, chunk) in chunks(&LENGTHS, rows) {
        let values = chunk.iter().flat_map(|row| row.values()).collect();
        let insert = statement(&INSERTS[which], values);
        written += tx.execute_raw(insert).await?.rows_affected();
    }
    let placed = if written == rows.len() as u64 {
        vec![Placed::New; rows.len()]
    } else {
        look_back(tx, rows, last_row_before).await?
    };
    Ok(Placement {
        placed,
        any_recorded: any_recorded(tx, ids).await?,
    })
}

async fn look_back(
    tx: &DatabaseTransaction,
    rows: &[&LeadRow<'_>],
    last_row_before: i64,
) -> Result<Vec<Placed>, DbErr> {
    let mut found = Holders::default();
    for (which, chunk) in chunks(&LENGTHS, rows) {
        let ids = chunk.iter().map(|it| it.id.into()).collect();
        for holder in holders(tx, &BY_ID[which], ids, last_row_before).await? {
            found.of_id(holder);
        }
    }
    for (which, chunk) in chunks(&LENGTHS, &found.without(rows)) {
        let keys = chunk.iter().map(|it| it.match_key.into()).collect();
        for holder in holders(tx, &BY_KEY[which], keys, last_row_before).await? {
            found.of_key(holder);
        }
    }
    found.place(rows)
}

async fn holders(
    tx: &DatabaseTransaction,
    sql: &str,
    keys: Vec<Value>,
    last_row_before: i64,
) -> Result<Vec<Holder>, DbErr> {
    let rows = tx.query_all_raw(statement(sql, keys)).await?;
    rows.iter()
        .map(|row| {
            Ok(Holder {
                id: row.try_get_by_index(0)?,
                match_key: row.try_get_by_index(1)?,
                is_new: row.try_get_by_index::<i64>(2)? > last_row_before,
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

async fn any_recorded(tx: &DatabaseTransaction, ids: [Uuid; 2]) -> Result<bool, DbErr> {
    let sql = "SELECT 1 FROM outcomes WHERE lead_id BETWEEN ? AND ? LIMIT 1";
    let ids = ids.map(Value::from).into();
    Ok(tx.query_one_raw(statement(sql, ids)).await?.is_some())
}

fn statement(sql: &str, values: Vec<Value>) -> Statement {
    Statement {
        sql: sql.to_owned(),
        values: Some(Values(values)),
        db_backend: DbBackend::Sqlite,
    }
}

/// `OR FAIL`: a row that breaks a rule ends the transaction anyway, so that `SQLite` need not keep
/// every page as it was before the statement, which costs a third of the whole insert.
fn insert_of(length: usize) -> String {
    let row = format!("({})", vec!["?"; COLUMNS].join(", "));
    format!(
        "INSERT OR FAIL INTO leads ({}) VALUES {} ON CONFLICT DO NOTHING",
        LeadRow::COLUMNS.join(", "),
        vec![row; length].join(", ")
    )
}

fn holders_by(column: &str, length: usize) -> String {
    let keys = vec!["?"; length].join(", ");
    format!("SELECT id, match_key, rowid FROM leads WHERE {column} IN ({keys})")
}
