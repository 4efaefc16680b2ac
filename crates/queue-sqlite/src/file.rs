//! The file: how it is opened, and every statement that is sent to it.
//!
//! `messages` holds what is in the queue and is only ever inserted into and deleted from. `handed`
//! has a row for each message that was handed out: how often, and whether it is in hand now.

use std::path::{Path, PathBuf};
use std::time::Duration;

use lead::Lane;
use rusqlite::{Connection, TransactionBehavior, ffi, params};

/// The version of the tables, kept in the file.
pub(crate) const SCHEMA_VERSION: i64 = 1;

/// How long a statement waits for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// More than there are statements, so that each is prepared once.
const STATEMENTS_KEPT: usize = 32;

/// `wal_autocheckpoint`: what is settled soon after it came is written over in the log, and moved
/// into the file once for many times.
const SETTINGS: &str = "
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA foreign_keys = ON;
PRAGMA wal_autocheckpoint = 4000;
PRAGMA journal_size_limit = 67108864;
";

const SCHEMA: &str = "
CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    lane INTEGER NOT NULL,
    available_at_ms INTEGER NOT NULL,
    leads INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE INDEX messages_by_time ON messages (lane, available_at_ms);
CREATE TABLE handed (
    id INTEGER PRIMARY KEY REFERENCES messages (id) ON DELETE CASCADE,
    deliveries INTEGER NOT NULL,
    held INTEGER NOT NULL
) STRICT;
PRAGMA user_version = 1;
";

const PICK: &str = "
SELECT id, leads FROM messages
WHERE lane = ?1 AND available_at_ms <= ?2
  AND NOT EXISTS (SELECT 1 FROM handed WHERE handed.id = messages.id AND held = 1)
ORDER BY available_at_ms, id";

const HAND_OUT: &str = "
INSERT INTO handed (id, deliveries, held) VALUES (?1, 1, 1)
ON CONFLICT (id) DO UPDATE SET deliveries = deliveries + 1, held = 1
RETURNING deliveries - 1";

const BODY: &str = "SELECT body FROM messages WHERE id = ?1";

const PUT_BACK: &str = "UPDATE handed SET held = 0, deliveries = deliveries - 1 WHERE id = ?1";

const DELETE: &str = "DELETE FROM messages WHERE id = ?1";

const INSERT: &str = "
INSERT INTO messages (lane, available_at_ms, leads, body) VALUES (?1, ?2, ?3, ?4)";

const NEXT_DUE: &str = "
SELECT MIN(available_at_ms) FROM messages WHERE lane = 0 AND available_at_ms > ?1";

const DEPTHS: &str = "
SELECT lane, COUNT(*) FROM messages GROUP BY lane";

const HELD: &str = "
SELECT lane, COUNT(*) FROM handed JOIN messages USING (id) WHERE held = 1 GROUP BY lane";

const FORGET_HOLDERS: &str = "
UPDATE handed SET held = 0 WHERE held = 1 AND id NOT IN (SELECT value FROM json_each(?1))";

const BRING_FORWARD: &str = "
UPDATE messages SET available_at_ms = ?1 WHERE lane IN (0, 1) AND available_at_ms > ?2";

/// Why the file failed: what `SQLite` says, and no text of a statement or a message.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    #[error("SQLite failed")]
    Sqlite(#[source] ffi::Error),
    #[error("queue file holds what is not understood")]
    Unreadable,
}

impl FileError {
    /// `SQLITE_IOERR_FSYNC` and `SQLITE_IOERR_DIR_FSYNC`: the kernel may have dropped what it could
    /// not write, so a second sync that succeeds proves nothing.
    pub(crate) fn is_sync_failure(&self) -> bool {
        let Self::Sqlite(error) = self else {
            return false;
        };
        matches!(
            error.extended_code,
            ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC
        )
    }
}

impl From<rusqlite::Error> for FileError {
    fn from(error: rusqlite::Error) -> Self {
        match error {
            rusqlite::Error::SqliteFailure(error, _)
            | rusqlite::Error::SqlInputError { error, .. } => Self::Sqlite(error),
            _ => Self::Unreadable,
        }
    }
}

/// A message to put in.
pub(crate) struct Row {
    pub(crate) lane: Lane,
    pub(crate) available_at_ms: i64,
    pub(crate) leads: usize,
    pub(crate) body: Vec<u8>,
}

/// A message that was handed out.
pub(crate) struct Handed {
    pub(crate) id: i64,
    pub(crate) redeliveries: i64,
    pub(crate) body: Vec<u8>,
}

/// Messages to hand out.
#[derive(Default)]
pub(crate) struct Picked {
    pub(crate) ids: Vec<i64>,
    pub(crate) leads: usize,
    /// More would not fit.
    pub(crate) is_full: bool,
}

pub(crate) fn lane_number(lane: Lane) -> i64 {
    match lane {
        Lane::Work => 0,
        Lane::Suspect => 1,
    }
}

/// Connections to one file; each syncs what it commits.
#[derive(Clone)]
pub(crate) struct QueueFile {
    path: PathBuf,
}

impl QueueFile {
    pub(crate) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
        }
    }

    pub(crate) fn connect(&self) -> Result<Connection, FileError> {
        let connection = Connection::open(&self.path)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        connection.execute_batch(SETTINGS)?;
        Ok(connection)
    }
}

/// Makes the tables where there are none, and says which version they have.
pub(crate) fn prepare(connection: &mut Connection) -> Result<i64, FileError> {
    in_transaction(connection, |connection| {
        let version = number(connection, "PRAGMA user_version")?;
        if version != 0 {
            return Ok(version);
        }
        connection.execute_batch(SCHEMA)?;
        Ok(SCHEMA_VERSION)
    })
}

/// Does `work` in one transaction that writes.
pub(crate) fn in_transaction<T>(
    connection: &mut Connection,
    work: impl FnOnce(&Connection) -> Result<T, FileError>,
) -> Result<T, FileError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let done = work(&transaction)?;
    transaction.commit()?;
    Ok(done)
}

pub(crate) fn insert(connection: &Connection, rows: &[Row]) -> Result<(), FileError> {
    let mut statement = connection.prepare_cached(INSERT)?;
    for row in rows {
        let leads = i64::try_from(row.leads).unwrap_or(i64::MAX);
        let lane = lane_number(row.lane);
        statement.execute(params![lane, row.available_at_ms, leads, row.body])?;
    }
    Ok(())
}

/// The oldest messages that may be handed out: leads up to `max_leads`, or one message. A message
/// without leads counts as one.
pub(crate) fn pick(
    connection: &Connection,
    lane: Lane,
    now_ms: i64,
    max_leads: usize,
    at_least_one: bool,
) -> Result<Picked, FileError> {
    let mut picked = Picked::default();
    let mut statement = connection.prepare_cached(PICK)?;
    let mut rows = statement.query(params![lane_number(lane), now_ms])?;
    while let Some(row) = rows.next()? {
        let (id, leads): (i64, i64) = (row.get(0)?, row.get(1)?);
        let leads = usize::try_from(leads).unwrap_or(usize::MAX).max(1);
        let fits = leads <= max_leads.saturating_sub(picked.leads);
        let comes_anyway = at_least_one && picked.ids.is_empty();
        if !fits && !comes_anyway {
            picked.is_full = true;
            break;
        }
        picked.ids.push(id);
        picked.leads = picked.leads.saturating_add(leads);
        if lane == Lane::Suspect || picked.leads >= max_leads {
            picked.is_full = true;
            break;
        }
    }
    Ok(picked)
}

/// Notes that these messages are in hand once more, and reads them.
pub(crate) fn hand_out(connection: &Connection, ids: &[i64]) -> Result<Vec<Handed>, FileError> {
    let mut hand_out = connection.prepare_cached(HAND_OUT)?;
    let mut body = connection.prepare_cached(BODY)?;
    let mut handed = Vec::with_capacity(ids.len());
    for &id in ids {
        handed.push(Handed {
            id,
            redeliveries: hand_out.query_row([id], |row| row.get(0))?,
            body: body.query_row([id], |row| row.get(0))?,
        });
    }
    Ok(handed)
}

/// Messages are in nobody's hand again, and that they were does not count.
pub(crate) fn put_back(connection: &Connection, ids: &[i64]) -> Result<(), FileError> {
    for_each(connection, PUT_BACK, ids)
}

pub(crate) fn delete(connection: &Connection, ids: &[i64]) -> Result<(), FileError> {
    for_each(connection, DELETE, ids)
}

fn for_each(connection: &Connection, sql: &str, ids: &[i64]) -> Result<(), FileError> {
    let mut statement = connection.prepare_cached(sql)?;
    for id in ids {
        statement.execute([id])?;
    }
    Ok(())
}

/// Only these messages are in hand. What else was is no longer; that it was counts.
pub(crate) fn forget_holders(connection: &Connection, still_held: &[i64]) -> Result<(), FileError> {
    let ids: Vec<String> = still_held.iter().map(i64::to_string).collect();
    let list = format!("[{}]", ids.join(","));
    connection.execute(FORGET_HOLDERS, [list])?;
    Ok(())
}

/// When the next message that waits becomes available.
pub(crate) fn next_due_ms(connection: &Connection, now_ms: i64) -> Result<Option<i64>, FileError> {
    let mut statement = connection.prepare_cached(NEXT_DUE)?;
    Ok(statement.query_row([now_ms], |row| row.get(0))?)
}

/// Messages by lane, and those of them that are in hand.
pub(crate) fn depths(connection: &mut Connection) -> Result<[(u64, u64); 2], FileError> {
    let mut depths = [(0, 0); 2];
    let reading = connection.transaction()?;
    let all = counts(&reading, DEPTHS)?;
    let held = counts(&reading, HELD)?;
    reading.commit()?;
    for lane in [Lane::Work, Lane::Suspect].map(lane_number) {
        let of = |rows: &[(i64, i64)]| {
            let row = rows.iter().find(|(it, _)| *it == lane);
            row.map_or(0, |(_, count)| u64::try_from(*count).unwrap_or(0))
        };
        if let Some(depth) = usize::try_from(lane).ok().and_then(|at| depths.get_mut(at)) {
            *depth = (of(&all), of(&held));
        }
    }
    Ok(depths)
}

fn counts(connection: &Connection, sql: &str) -> Result<Vec<(i64, i64)>, FileError> {
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Makes messages available that would wait longer than any delay, since the clock was set back.
pub(crate) fn bring_forward(
    connection: &Connection,
    now_ms: i64,
    longest_ms: i64,
) -> Result<usize, FileError> {
    let mut statement = connection.prepare_cached(BRING_FORWARD)?;
    Ok(statement.execute([now_ms, now_ms.saturating_add(longest_ms)])?)
}

/// Gives pages back to the file system when many are free; says whether there were.
pub(crate) fn shrink(connection: &Connection) -> Result<bool, FileError> {
    /// 16 MiB of pages of 4 KiB: below, they are kept for the next messages.
    const FREE_PAGES_KEPT: i64 = 4_096;
    if number(connection, "PRAGMA freelist_count")? <= FREE_PAGES_KEPT {
        return Ok(false);
    }
    // Each step gives one page back.
    let mut vacuum = connection.prepare_cached("PRAGMA incremental_vacuum(4096)")?;
    let mut steps = vacuum.query([])?;
    while steps.next()?.is_some() {}
    Ok(true)
}

fn number(connection: &Connection, sql: &str) -> Result<i64, FileError> {
    Ok(connection.query_row(sql, [], |row| row.get(0))?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

    use super::*;

    #[test]
    fn every_connection_syncs_each_commit_to_a_log() {
        let folder = tempfile::tempdir().unwrap();
        let file = QueueFile::new(&folder.path().join("queue.db"));
        for _ in 0..2 {
            let mut connection = file.connect().unwrap();
            prepare(&mut connection).unwrap();

            let mode: String = connection
                .query_row("PRAGMA journal_mode", [], |row| row.get(0))
                .unwrap();
            assert_eq!(mode, "wal");
            for (pragma, expected) in [
                ("PRAGMA synchronous", 2),
                ("PRAGMA foreign_keys", 1),
                ("PRAGMA auto_vacuum", 2),
            ] {
                assert_eq!(number(&connection, pragma).unwrap(), expected, "{pragma}");
            }
        }
    }

    #[test]
    fn a_failed_sync_is_known_by_its_code() {
        let failure =
            |code| FileError::from(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None));

        assert!(failure(1034).is_sync_failure());
        assert!(failure(1290).is_sync_failure());
        assert!(!failure(ffi::SQLITE_IOERR_WRITE).is_sync_failure());
    }
}
