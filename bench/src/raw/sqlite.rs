//! What `SQLite` alone can do.

use std::path::Path;
use std::process;
use std::time::{Duration, Instant};

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, params_from_iter};

use crate::{Failure, proc};

/// Rows of a transaction.
const BATCH: usize = 500;

/// How long it took to insert the rows.
pub(crate) struct Inserted {
    pub(crate) rows: u64,
    pub(crate) time: Duration,
    pub(crate) cpu: Duration,
}

impl Inserted {
    pub(crate) fn rate(&self) -> f64 {
        self.rows as f64 / self.time.as_secs_f64()
    }
}

/// Inserts all leads of `source`, in the order they were written, into a new file of the same
/// schema: prepared statement, one transaction for each batch, WAL, synced at every commit. The
/// rows are in memory before the clock starts.
pub(crate) fn insert_again(source: &Path, target: &Path) -> Result<Inserted, Failure> {
    let source = Connection::open_with_flags(source, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let rows: Vec<Vec<Value>> = {
        let mut select = source.prepare("SELECT * FROM leads ORDER BY rowid")?;
        let columns = select.column_count();
        select
            .query_map([], |row| (0..columns).map(|at| row.get(at)).collect())?
            .collect::<Result<_, _>>()?
    };
    let columns = rows.first().map_or(0, Vec::len);
    let mut target = Connection::open(target)?;
    target.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
         PRAGMA wal_autocheckpoint = 4000; PRAGMA cache_size = -16384",
    )?;
    copy_schema(&source, &target)?;

    let marks = vec!["?"; columns].join(", ");
    let insert = format!("INSERT INTO leads VALUES ({marks})");
    let cpu_before = proc::cpu(process::id())?;
    let began = Instant::now();
    for batch in rows.chunks(BATCH) {
        let transaction = target.transaction()?;
        {
            let mut insert = transaction.prepare_cached(&insert)?;
            for row in batch {
                insert.execute(params_from_iter(row))?;
            }
        }
        transaction.commit()?;
    }
    let time = began.elapsed();
    let cpu = proc::cpu(process::id())?.saturating_sub(cpu_before);
    let count = number(&target, "SELECT count(*) FROM leads")?;
    if count != rows.len() as u64 {
        return Err("not every row was inserted".into());
    }
    Ok(Inserted {
        rows: count,
        time,
        cpu,
    })
}

/// Makes every table, index and trigger of the source.
fn copy_schema(source: &Connection, target: &Connection) -> Result<(), Failure> {
    let mut select = source.prepare(
        "SELECT sql FROM sqlite_schema
         WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' AND type <> 'view'
         ORDER BY type = 'table' DESC",
    )?;
    let statements = select.query_map([], |row| row.get::<_, String>(0))?;
    for statement in statements {
        target.execute_batch(&statement?)?;
    }
    Ok(())
}

fn number(store: &Connection, sql: &str) -> Result<u64, Failure> {
    Ok(u64::try_from(
        store.query_row(sql, [], |row| row.get::<_, i64>(0))?,
    )?)
}
