//! How fast leads are appended, beside raw batch inserts of the same rows into the same schema.
//!
//! `cargo run --release -p store-sqlite --example append_rate [LEADS]`

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a program for measuring, which prints rates and stops at the first error"
)]

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use lead::Filter;
use lead::ports::{Intake, LeadFinder, LeadStore};
use store_sqlite::SqliteStore;
use testkit::flood::intakes;

const BATCH: usize = 500;

#[tokio::main]
async fn main() {
    let leads: usize = std::env::args()
        .nth(1)
        .and_then(|it| it.parse().ok())
        .unwrap_or(100_000);
    let folder = tempfile::TempDir::new().unwrap();
    for round in 1..=3 {
        let raw = raw_rate(&folder.path().join(format!("raw-{round}.db")), leads).await;
        let store = folder.path().join(format!("store-{round}.db"));
        let store = Arc::new(store_sqlite::open(&store).await.unwrap());
        let stored = append_rate(&store, leads).await;
        println!(
            "round {round}: append {stored:.0} leads/s, raw {raw:.0} leads/s, ratio {:.2}",
            stored / raw
        );
        store.close().await.unwrap();
    }
}

async fn append_rate(store: &Arc<SqliteStore>, leads: usize) -> f64 {
    let mut intakes: Vec<Intake> = intakes(leads, BATCH);
    let warm_up = intakes.remove(0);
    store.append(&warm_up).await.unwrap();
    let count: usize = intakes.iter().map(|it| it.leads.len()).sum();
    let began = Instant::now();
    for intake in &intakes {
        store.append(intake).await.unwrap();
    }
    let rate = count as f64 / began.elapsed().as_secs_f64();
    let total = store.total(&Filter::default()).await.unwrap();
    assert_eq!(total.count, leads as u64);
    rate
}

/// The rows that the store wrote for the same leads, inserted by a bare loop.
async fn raw_rate(path: &Path, leads: usize) -> f64 {
    let source = path.with_extension("source");
    let store = Arc::new(store_sqlite::open(&source).await.unwrap());
    for intake in intakes(leads, BATCH) {
        store.append(&intake).await.unwrap();
    }
    store.close().await.unwrap();
    store_sqlite::open(path)
        .await
        .unwrap()
        .close()
        .await
        .unwrap();
    let (source, path) = (source, path.to_owned());
    tokio::task::spawn_blocking(move || raw_copy(&source, &path))
        .await
        .unwrap()
}

fn raw_copy(source: &Path, path: &Path) -> f64 {
    let rows: Vec<Vec<rusqlite::types::Value>> = {
        let source = rusqlite::Connection::open(source).unwrap();
        let mut select = source
            .prepare("SELECT * FROM leads ORDER BY rowid")
            .unwrap();
        let columns = select.column_count();
        let rows = select
            .query_map([], |row| (0..columns).map(|at| row.get(at)).collect())
            .unwrap();
        rows.map(Result::unwrap).collect()
    };
    let mut target = rusqlite::Connection::open(path).unwrap();
    target
        .execute_batch("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000; PRAGMA cache_size = -16384")
        .unwrap();
    let marks = vec!["?"; rows[0].len()].join(", ");
    let insert = format!("INSERT INTO leads VALUES ({marks})");
    let began = Instant::now();
    for batch in rows.chunks(BATCH) {
        let tx = target.transaction().unwrap();
        {
            let mut insert = tx.prepare_cached(&insert).unwrap();
            for row in batch {
                insert.execute(rusqlite::params_from_iter(row)).unwrap();
            }
        }
        tx.commit().unwrap();
    }
    rows.len() as f64 / began.elapsed().as_secs_f64()
}
