//! What a store holds, asked often and cheaply.

use rusqlite::{Connection, OpenFlags};
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Executor as _, Row as _};

use std::path::Path;
use std::time::Duration;

use crate::Failure;

/// Leads by the store's own counters, which change in the transaction of the leads; and leads that
/// were recorded as duplicates.
const KEPT: &str = "SELECT coalesce((SELECT sum(total) FROM lead_counters), 0), \
     (SELECT count(*) FROM outcomes WHERE kind = 'duplicate')";
const ROWS: &str = "SELECT count(*), (SELECT count(*) FROM dead_letters) FROM leads";
/// How long a file may be locked by its owner.
const FILE_LOCKED_MAX: Duration = Duration::from_secs(5);

/// A connection to look at a store.
pub(crate) enum Counter {
    Mysql(Box<MySqlConnection>),
    Sqlite(Connection),
}

/// What became of leads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) stored: u64,
    pub(crate) duplicate: u64,
}

impl Kept {
    /// All whose outcome is known.
    pub(crate) fn settled(self) -> u64 {
        self.stored + self.duplicate
    }
}

impl Counter {
    /// Looks at a file.
    pub(crate) fn of_file(store: &Path) -> Result<Self, Failure> {
        let store = Connection::open_with_flags(store, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        store.busy_timeout(FILE_LOCKED_MAX)?;
        Ok(Self::Sqlite(store))
    }

    /// What the store says that it holds.
    pub(crate) async fn kept(&mut self) -> Result<Kept, Failure> {
        let (stored, duplicate) = self.pair(KEPT).await?;
        Ok(Kept { stored, duplicate })
    }

    /// Rows of leads, counted one by one, and of parked messages.
    pub(crate) async fn rows(&mut self) -> Result<(u64, u64), Failure> {
        self.pair(ROWS).await
    }

    async fn pair(&mut self, sql: &'static str) -> Result<(u64, u64), Failure> {
        match self {
            Self::Mysql(connection) => {
                let row = connection.fetch_one(AssertSqlSafe(sql)).await?;
                let number = |at| -> Result<u64, Failure> {
                    let text: String = row.try_get_unchecked(at)?;
                    Ok(text.parse()?)
                };
                Ok((number(0)?, number(1)?))
            }
            Self::Sqlite(store) => {
                let row = store.query_row(sql, [], |row| {
                    Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
                })?;
                Ok((row.0.try_into()?, row.1.try_into()?))
            }
        }
    }
}
