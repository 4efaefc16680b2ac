//! Rows of new leads as values of prepared statements. They are written into the message to the
//! server right from the rows, without a copy in between.

use std::sync::LazyLock;

use sea_orm::sqlx::error::BoxDynError;
use sea_orm::sqlx::mysql::MySqlArguments;
use sea_orm::sqlx::{Arguments as _, Error};
use store_sql::LeadRow;

use crate::place::{ROW_BYTES_MAX, bytes_of, length_of};

/// Rows in one statement, longest first.
const LENGTHS: [usize; 11] = [1_000, 500, 250, 125, 60, 30, 15, 8, 4, 2, 1];
/// Values of a row: all of [`LeadRow::COLUMNS`] but [`LEFT_OUT`].
const WIDTH: usize = LeadRow::COLUMNS.len() - 1;
/// A column that says nothing is one value less for the server to bind: it is [`ATTEMPTS`] then.
const LEFT_OUT: &str = "attempts";
/// Servers take so many values in one statement.
const _: () = assert!(LENGTHS[0] * WIDTH < 65_535);
/// The attempts of every row.
const ATTEMPTS: u16 = 1;
/// What the rows of one statement take together at most, where there is more than one.
const STATEMENT_BYTES: usize = 1_024 * 1_024;
/// Writes the leads' row of the backlog; fails where an outcome lies between two ids, since `leads`
/// must not be null.
pub(crate) const BACKLOG: &str = "INSERT INTO search_backlog (leads, bytes, entries) VALUES (\
     IF(EXISTS(SELECT 1 FROM outcomes FORCE INDEX (PRIMARY) WHERE lead_id BETWEEN ? AND ? \
     LOCK IN SHARE MODE), NULL, ?), ?, ?)";

static INSERTS: LazyLock<[String; LENGTHS.len()]> = LazyLock::new(|| LENGTHS.map(insert_of));

fn insert_of(length: usize) -> String {
    let row = format!("({})", ["?"; WIDTH].join(","));
    let mut columns = LeadRow::COLUMNS.to_vec();
    columns.retain(|it| *it != LEFT_OUT);
    let columns = columns.join(", ");
    let rows = vec![row; length].join(",");
    format!("INSERT INTO leads ({columns}) VALUES {rows}")
}

/// The statement for the first of these rows, those, and the others; none when there are none.
pub(crate) fn first_of<'a, 'b>(
    rows: &'a [LeadRow<'b>],
) -> Option<(&'static str, &'a [LeadRow<'b>], &'a [LeadRow<'b>])> {
    let which = length_of(&LENGTHS, STATEMENT_BYTES, rows)?;
    let (now, later) = rows.split_at(LENGTHS[which]);
    Some((INSERTS[which].as_str(), now, later))
}

/// Whether a row may be one of these statements.
pub(crate) fn takes(row: &LeadRow<'_>) -> bool {
    row.attempts == ATTEMPTS && bytes_of(row) <= ROW_BYTES_MAX
}

/// What stands in the columns of a statement, row after row.
pub(crate) fn rows(rows: &[LeadRow<'_>]) -> Result<MySqlArguments, Error> {
    let mut values = MySqlArguments::default();
    let bytes = rows.iter().map(bytes_of).sum();
    values.reserve(rows.len() * WIDTH, bytes);
    rows.iter()
        .try_for_each(|row| add(&mut values, row))
        .map_err(Error::Encode)?;
    Ok(values)
}

fn add(values: &mut MySqlArguments, row: &LeadRow<'_>) -> Result<(), BoxDynError> {
    values.add(row.id.as_bytes().as_slice())?;
    values.add(row.first_name)?;
    values.add(row.last_name)?;
    values.add(row.email)?;
    values.add(row.phone)?;
    values.add(row.date_of_birth)?;
    values.add(row.status)?;
    values.add(row.created_at)?;
    values.add(row.updated_at)?;
    values.add(row.submitted_by.as_bytes().as_slice())?;
    values.add(row.match_key)?;
    values.add(row.search_text.as_slice())?;
    values.add(row.attributes.as_str())
}

/// The values of [`BACKLOG`].
pub(crate) fn backlog(
    ids: [[u8; 16]; 2],
    leads: usize,
    entries: &[u8],
) -> Result<MySqlArguments, Error> {
    let mut values = MySqlArguments::default();
    values.reserve(5, entries.len() + 64);
    let mut add_all = || {
        for id in &ids {
            values.add(id.as_slice())?;
        }
        values.add(leads as u64)?;
        values.add(entries.len() as u64)?;
        values.add(entries)
    };
    add_all().map_err(Error::Encode)?;
    Ok(values)
}
