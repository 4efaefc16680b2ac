//! Leads that wait for the index.

use memchr::memmem::Finder;
use sea_orm::{ConnectionTrait, DatabaseTransaction};
use uuid::Uuid;

use super::entries::{self, Entry};
use super::sql::{self, Row, statement};
use crate::failure::Trouble;
use crate::row::LeadRow;

/// Rows that a search reads. With more of them, it reads the table instead.
const ROWS_MAX: usize = 10_000;
/// Leads whose texts a search compares itself. With more of them, it reads the table instead.
const LEADS_MAX: usize = 262_144;
/// What is read of the backlog at a time, in bytes, but for one row alone.
const READ_BYTES: usize = 2 * 1_024 * 1_024;

/// Puts leads that were just stored into the backlog.
pub(crate) async fn put(tx: &DatabaseTransaction, stored: &[&LeadRow<'_>]) -> Result<(), Trouble> {
    if stored.is_empty() {
        return Ok(());
    }
    let entries = entries_of(stored.iter().copied());
    put_entries(tx, stored.len(), entries).await
}

/// Leads as the entries of one row of the backlog.
pub(crate) fn entries_of<'a>(rows: impl IntoIterator<Item = &'a LeadRow<'a>>) -> Vec<u8> {
    entries::encode(rows.into_iter().map(|it| Entry {
        id: it.id,
        text: &it.search_text,
    }))
}

pub(super) async fn put_entries(
    tx: &DatabaseTransaction,
    leads: usize,
    entries: Vec<u8>,
) -> Result<(), Trouble> {
    let sql = "INSERT INTO search_backlog (leads, bytes, entries) VALUES (?, ?, ?)".to_owned();
    let values = vec![
        sql::signed(leads).into(),
        sql::signed(entries.len()).into(),
        entries.into(),
    ];
    tx.execute_raw(statement(tx, sql, values)).await?;
    Ok(())
}

/// What a search finds in the backlog.
pub(super) struct Waiting {
    /// Those whose texts have all parts.
    pub(super) ids: Vec<Uuid>,
    /// Leads in the backlog.
    pub(super) leads: usize,
}

/// The rows of the backlog; none when it is too long to be read.
pub(super) async fn rows(tx: &DatabaseTransaction) -> Result<Option<Vec<Row>>, Trouble> {
    let rows = sql::backlog(tx, ROWS_MAX + 1).await?;
    let leads: usize = rows.iter().map(|it| it.leads).sum();
    Ok((rows.len() <= ROWS_MAX && leads <= LEADS_MAX).then_some(rows))
}

/// Looks at each lead in these rows, in no order.
pub(super) async fn each(
    tx: &DatabaseTransaction,
    rows: &[Row],
    mut look: impl FnMut(Entry<'_>),
) -> Result<(), Trouble> {
    let mut rest = rows;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(fitting(rest, READ_BYTES));
        for row in sql::entries(tx, now).await? {
            for entry in entries::decode(&row) {
                look(entry?);
            }
        }
        rest = later;
    }
    Ok(())
}

/// Leads of the backlog whose texts have all of `parts`; none when it is too long.
pub(super) async fn having(
    tx: &DatabaseTransaction,
    parts: &[&[u8]],
) -> Result<Option<Waiting>, Trouble> {
    let Some(rows) = rows(tx).await? else {
        return Ok(None);
    };
    let finders: Vec<Finder<'_>> = parts.iter().map(|it| Finder::new(*it)).collect();
    let mut ids = Vec::new();
    let look = |entry: Entry<'_>| {
        if finders.iter().all(|it| it.find(entry.text).is_some()) {
            ids.push(entry.id);
        }
    };
    each(tx, &rows, look).await?;
    let leads = rows.iter().map(|it| it.leads).sum();
    Ok(Some(Waiting { ids, leads }))
}

/// How many of the first rows have so many bytes, one at least.
fn fitting(rows: &[Row], bytes: usize) -> usize {
    let mut sum = 0;
    let fitting = rows.iter().take_while(|it| {
        sum += it.bytes;
        sum <= bytes
    });
    fitting.count().max(1)
}
