//! The file: how it is opened, and every statement that is sent to it.
//!
//! `messages` holds what is in the queue and is only ever inserted into and deleted from. `handed`
//! has a row for each message that was handed out: how often, and whether it is in hand now.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use lead::Lane;
use sea_orm::sqlx::sqlite::{
    SqliteAutoVacuum, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous,
};
use sea_orm::sqlx::{self, AssertSqlSafe, ConnectOptions as _, Executor as _};

/// The version of the tables, kept in the file.
pub(crate) const SCHEMA_VERSION: i64 = 1;

/// How long a statement waits for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

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
INSERT INTO handed (id, deliveries, held) SELECT value, 1, 1 FROM json_each(?1) WHERE true
ON CONFLICT (id) DO UPDATE SET deliveries = deliveries + 1, held = 1";

const BODIES: &str = "
SELECT messages.id, deliveries - 1, body FROM messages JOIN handed USING (id)
WHERE messages.id IN (SELECT value FROM json_each(?1))
ORDER BY available_at_ms, messages.id";

const PUT_BACK: &str = "
UPDATE handed SET held = 0, deliveries = deliveries - 1
WHERE id IN (SELECT value FROM json_each(?1))";

const DELETE: &str = "DELETE FROM messages WHERE id IN (SELECT value FROM json_each(?1))";

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
    options: SqliteConnectOptions,
    /// Statements that insert 1, 2, 4 … rows.
    inserts: Arc<[String]>,
}

impl QueueFile {
    /// The most rows of one statement, as a power of two.
    const INSERT_POWERS: usize = 8;

    pub(crate) fn new(path: &Path) -> Self {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .auto_vacuum(SqliteAutoVacuum::Incremental)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT)
            .pragma("journal_size_limit", "67108864")
            .disable_statement_logging();
        let inserts = (0..=Self::INSERT_POWERS).map(|power| {
            let rows = vec!["(?, ?, ?, ?)"; 1 << power].join(", ");
            format!("INSERT INTO messages (lane, available_at_ms, leads, body) VALUES {rows}")
        });
        Self {
            options,
            inserts: inserts.collect(),
        }
    }

    pub(crate) async fn connect(&self) -> Result<SqliteConnection, sqlx::Error> {
        self.options.connect().await
    }

    /// Makes the tables where there are none, and says which version they have.
    pub(crate) async fn prepare(
        &self,
        connection: &mut SqliteConnection,
    ) -> Result<i64, sqlx::Error> {
        begin(connection).await?;
        let version: i64 = sqlx::query_scalar("PRAGMA user_version")
            .fetch_one(&mut *connection)
            .await?;
        if version == 0 {
            connection.execute(sqlx::raw_sql(SCHEMA)).await?;
        }
        commit(connection).await?;
        Ok(if version == 0 {
            SCHEMA_VERSION
        } else {
            version
        })
    }

    pub(crate) async fn insert(
        &self,
        connection: &mut SqliteConnection,
        rows: Vec<Row>,
    ) -> Result<(), sqlx::Error> {
        let mut rows = rows.into_iter();
        while rows.len() > 0 {
            let power = (rows.len().ilog2() as usize).min(Self::INSERT_POWERS);
            let mut statement = sqlx::query(AssertSqlSafe(self.inserts[power].clone()));
            for row in rows.by_ref().take(1 << power) {
                statement = statement
                    .bind(lane_number(row.lane))
                    .bind(row.available_at_ms)
                    .bind(i64::try_from(row.leads).unwrap_or(i64::MAX))
                    .bind(row.body);
            }
            statement.execute(&mut *connection).await?;
        }
        Ok(())
    }
}

pub(crate) async fn begin(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    connection.execute("BEGIN IMMEDIATE").await.map(drop)
}

pub(crate) async fn commit(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    connection.execute("COMMIT").await.map(drop)
}

/// The oldest messages that may be handed out: leads up to `max_leads`, or one message. A message
/// without leads counts as one.
pub(crate) async fn pick(
    connection: &mut SqliteConnection,
    lane: Lane,
    now_ms: i64,
    max_leads: usize,
    at_least_one: bool,
) -> Result<Picked, sqlx::Error> {
    let mut picked = Picked::default();
    let mut rows = sqlx::query_as::<_, (i64, i64)>(PICK)
        .bind(lane_number(lane))
        .bind(now_ms)
        .fetch(connection);
    while let Some((id, leads)) = rows.try_next().await? {
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
pub(crate) async fn hand_out(
    connection: &mut SqliteConnection,
    ids: &[i64],
) -> Result<Vec<Handed>, sqlx::Error> {
    let ids = json_list(ids);
    sqlx::query(HAND_OUT)
        .bind(ids.as_str())
        .execute(&mut *connection)
        .await?;
    let rows = sqlx::query_as::<_, (i64, i64, Vec<u8>)>(BODIES)
        .bind(ids.as_str())
        .fetch_all(connection)
        .await?;
    let handed = rows.into_iter().map(|(id, redeliveries, body)| Handed {
        id,
        redeliveries,
        body,
    });
    Ok(handed.collect())
}

/// Messages are in nobody's hand again, and that they were does not count.
pub(crate) async fn put_back(
    connection: &mut SqliteConnection,
    ids: &[i64],
) -> Result<(), sqlx::Error> {
    for_ids(connection, PUT_BACK, ids).await
}

pub(crate) async fn delete(
    connection: &mut SqliteConnection,
    ids: &[i64],
) -> Result<(), sqlx::Error> {
    for_ids(connection, DELETE, ids).await
}

/// Only these messages are in hand. What else was is no longer; that it was counts.
pub(crate) async fn forget_holders(
    connection: &mut SqliteConnection,
    still_held: &[i64],
) -> Result<(), sqlx::Error> {
    sqlx::query(FORGET_HOLDERS)
        .bind(json_list(still_held))
        .execute(connection)
        .await
        .map(drop)
}

/// When the next message that waits becomes available.
pub(crate) async fn next_due_ms(
    connection: &mut SqliteConnection,
    now_ms: i64,
) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar(NEXT_DUE)
        .bind(now_ms)
        .fetch_one(connection)
        .await
}

/// Messages by lane, and those of them that are in hand.
pub(crate) async fn depths(
    connection: &mut SqliteConnection,
) -> Result<[(u64, u64); 2], sqlx::Error> {
    let mut depths = [(0, 0); 2];
    begin_reading(connection).await?;
    let all: Vec<(i64, i64)> = sqlx::query_as(DEPTHS).fetch_all(&mut *connection).await?;
    let held: Vec<(i64, i64)> = sqlx::query_as(HELD).fetch_all(&mut *connection).await?;
    commit(connection).await?;
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

/// Makes messages available that would wait longer than any delay, since the clock was set back.
pub(crate) async fn bring_forward(
    connection: &mut SqliteConnection,
    now_ms: i64,
    longest_ms: i64,
) -> Result<u64, sqlx::Error> {
    sqlx::query(BRING_FORWARD)
        .bind(now_ms)
        .bind(now_ms.saturating_add(longest_ms))
        .execute(connection)
        .await
        .map(|done| done.rows_affected())
}

/// Gives pages back to the file system when many are free; says whether there were.
pub(crate) async fn shrink(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    /// 16 MiB of pages of 4 KiB: below, they are kept for the next messages.
    const FREE_PAGES_KEPT: i64 = 4_096;
    let free: i64 = sqlx::query_scalar("PRAGMA freelist_count")
        .fetch_one(&mut *connection)
        .await?;
    if free <= FREE_PAGES_KEPT {
        return Ok(false);
    }
    sqlx::query("PRAGMA incremental_vacuum(4096)")
        .fetch_all(connection)
        .await?;
    Ok(true)
}

async fn begin_reading(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    connection.execute("BEGIN").await.map(drop)
}

async fn for_ids(
    connection: &mut SqliteConnection,
    statement: &'static str,
    ids: &[i64],
) -> Result<(), sqlx::Error> {
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query(statement)
        .bind(json_list(ids))
        .execute(connection)
        .await
        .map(drop)
}

fn json_list(ids: &[i64]) -> String {
    let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
    format!("[{}]", ids.join(","))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

    use super::*;

    #[tokio::test]
    async fn every_connection_syncs_each_commit_to_a_log() {
        let folder = tempfile::tempdir().unwrap();
        let file = QueueFile::new(&folder.path().join("queue.db"));
        for _ in 0..2 {
            let mut connection = file.connect().await.unwrap();

            let mode: String = sqlx::query_scalar("PRAGMA journal_mode")
                .fetch_one(&mut connection)
                .await
                .unwrap();
            assert_eq!(mode, "wal");
            for (pragma, expected) in [
                ("PRAGMA synchronous", 2),
                ("PRAGMA foreign_keys", 1),
                ("PRAGMA auto_vacuum", 2),
            ] {
                let value: i64 = sqlx::query_scalar(pragma)
                    .fetch_one(&mut connection)
                    .await
                    .unwrap();
                assert_eq!(value, expected, "{pragma}");
            }
        }
    }
}
