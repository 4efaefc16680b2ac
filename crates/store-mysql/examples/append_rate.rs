//! How fast leads are appended, beside raw batch inserts of the same rows into the same schema.
//!
//! Two connections each, batches of 500. The raw rows are inserted in the order of their ids, by
//! statements whose text or values were made before the clock started. CPU is this process's and,
//! where `SERVER_PID` names a process of this machine, the server's.
//!
//! `cargo run --release -p store-mysql --example append_rate [LEADS]`, with the server in
//! `SKYNET_TEST_DATABASE_URL`.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a program for measuring, which prints rates and stops at the first error"
)]

mod common;

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use lead::Filter;
use lead::ports::{LeadFinder, LeadStore};
use sea_orm::sqlx::mysql::MySqlRow;
use sea_orm::sqlx::{AssertSqlSafe, Row as _, query};
use store_mysql::MysqlStore;
use testkit::flood::intakes;
use testkit::servers::run_name;

use crate::common::{CONNECTIONS, append, connect, cpu_us, fresh, halves, run, server_us};

const BATCH: usize = 500;
/// How many columns `leads` has.
const COLUMNS: usize = 15;
const INSERT: &str = "INSERT INTO leads (id, first_name, last_name, email, phone, date_of_birth, \
    status, created_at, updated_at, submitted_by, attempts, ingest_id, match_key, search_text, \
    attributes) VALUES ";

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let leads: usize = std::env::args()
        .nth(1)
        .and_then(|it| it.parse().ok())
        .unwrap_or(100_000);
    for round in 1..=4 {
        let (appended, raw) = (run_name(), run_name());
        let store = fresh(&appended).await;
        let stored = append_rate(&store, leads).await;
        store.close().await.unwrap();
        fresh(&raw).await.close().await.unwrap();
        let rows = rows_of(&appended).await;
        // In turns, since the second of two may find pages in memory that the first had to make.
        let as_text_first = round % 2 == 1;
        let first = raw_rate(&raw, &rows, as_text_first).await;
        run(&mut connect(&raw).await, "TRUNCATE leads").await;
        let second = raw_rate(&raw, &rows, !as_text_first).await;
        let (text, prepared) = if as_text_first {
            (first, second)
        } else {
            (second, first)
        };
        println!("round {round}: append       {stored}");
        println!("         raw text     {text}");
        println!("         raw prepared {prepared}");
        let best = text.rate.max(prepared.rate);
        println!("         ratio {:.2}", stored.rate / best);
        let drop = format!("DROP DATABASE {appended}; DROP DATABASE {raw}");
        run(&mut connect("").await, &drop).await;
    }
}

async fn append_rate(store: &Arc<MysqlStore>, leads: usize) -> Measured {
    let mut intakes = intakes(leads, BATCH);
    store.append(&intakes.remove(0)).await.unwrap();
    let count = intakes.iter().map(|it| it.leads.len()).sum();
    let halves = halves(intakes);
    let clock = Clock::start();
    append(store, halves).await;
    let measured = clock.stop(count);
    let total = store.total(&Filter::default()).await.unwrap();
    assert_eq!(total.count, leads as u64);
    measured
}

/// A row as a literal, and as values to bind.
struct RawRow {
    text: String,
    values: Vec<Option<Vec<u8>>>,
}

/// The rows of a store.
async fn rows_of(name: &str) -> Vec<RawRow> {
    let select = "SELECT id, first_name, last_name, email, phone, CAST(date_of_birth AS CHAR), \
         status, CAST(created_at AS CHAR), CAST(updated_at AS CHAR), submitted_by, \
         CAST(attempts AS CHAR), CAST(ingest_id AS CHAR), match_key, search_text, attributes \
         FROM leads ORDER BY id";
    let rows = query(select).fetch_all(&mut connect(name).await).await;
    rows.unwrap().iter().map(raw_row).collect()
}

fn raw_row(row: &MySqlRow) -> RawRow {
    let values: Vec<Option<Vec<u8>>> = (0..COLUMNS)
        .map(|at| row.try_get_unchecked(at).unwrap())
        .collect();
    let mut text = String::from("(");
    for (at, value) in values.iter().enumerate() {
        text.push_str(if at > 0 { "," } else { "" });
        match value.as_deref().map(|it| (it, str::from_utf8(it))) {
            None => text.push_str("NULL"),
            Some((_, Ok(plain))) => {
                let escaped = plain.replace('\\', "\\\\").replace('\'', "\\'");
                write!(text, "'{escaped}'").unwrap();
            }
            Some((bytes, Err(_))) => {
                text.push_str("X'");
                for byte in bytes {
                    write!(text, "{byte:02x}").unwrap();
                }
                text.push('\'');
            }
        }
    }
    text.push(')');
    RawRow { text, values }
}

async fn raw_rate(name: &str, rows: &[RawRow], as_text: bool) -> Measured {
    let marks = format!("({})", vec!["?"; COLUMNS].join(","));
    let prepared = format!("{INSERT}{}", vec![marks; BATCH].join(","));
    let batches: Vec<(String, Vec<Option<Vec<u8>>>)> = rows
        .chunks_exact(BATCH)
        .map(|chunk| {
            let texts: Vec<&str> = chunk.iter().map(|it| it.text.as_str()).collect();
            let values = chunk.iter().flat_map(|it| it.values.clone()).collect();
            (format!("{INSERT}{}", texts.join(",")), values)
        })
        .collect();
    let count = batches.len() * BATCH;
    let mut inserting = Vec::new();
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        connections.push(connect(name).await);
    }
    let clock = Clock::start();
    for (half, mut connection) in halves(batches).into_iter().zip(connections) {
        let prepared = prepared.clone();
        inserting.push(tokio::spawn(async move {
            for (text, values) in half {
                run(&mut connection, "BEGIN").await;
                if as_text {
                    run(&mut connection, &text).await;
                } else {
                    let mut insert = query(AssertSqlSafe(prepared.as_str()));
                    for value in values {
                        insert = insert.bind(value);
                    }
                    insert.execute(&mut connection).await.unwrap();
                }
                run(&mut connection, "COMMIT").await;
            }
        }));
    }
    for half in inserting {
        half.await.unwrap();
    }
    clock.stop(count)
}

/// A rate, and the CPU behind it.
struct Measured {
    rate: f64,
    own: f64,
    server: Option<f64>,
}

impl std::fmt::Display for Measured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:.0} leads/s, CPU µs a lead: own {:.1}",
            self.rate, self.own
        )?;
        match self.server {
            Some(server) => write!(f, ", server {server:.1}"),
            None => Ok(()),
        }
    }
}

struct Clock {
    began: Instant,
    own: f64,
    server: Option<f64>,
}

impl Clock {
    fn start() -> Self {
        Self {
            own: cpu_us("self").unwrap_or_default(),
            server: server_us(),
            began: Instant::now(),
        }
    }

    fn stop(self, leads: usize) -> Measured {
        let seconds = self.began.elapsed().as_secs_f64();
        let leads = leads as f64;
        Measured {
            rate: leads / seconds,
            own: (cpu_us("self").unwrap_or_default() - self.own) / leads,
            server: server_us()
                .zip(self.server)
                .map(|(now, then)| (now - then) / leads),
        }
    }
}
