//! How long a lone lead takes to be stored, beside a bare commit of the same row.
//!
//! One call after the other, in turns of a hundred: a lead by the store, and a row by a prepared
//! statement on a connection of its own. Medians, and the ratio of the two.
//!
//! `cargo run --release -p store-mysql --example lone_lead [LEADS]`, with the server in
//! `SKYNET_TEST_DATABASE_URL`.

#![allow(
    dead_code,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a program for measuring, which prints times and stops at the first error"
)]

mod common;

use std::time::{Duration, Instant};

use lead::ports::{Intake, LeadStore};
use sea_orm::sqlx::mysql::MySqlConnection;
use sea_orm::sqlx::{AssertSqlSafe, Executor as _, Row as _, query};
use testkit::flood::intakes;
use testkit::servers::run_name;

use crate::common::{connect, fresh, run};

type Bytes = Vec<u8>;

const TURN: usize = 100;
const COLUMNS: &str = "id, first_name, last_name, email, phone, date_of_birth, status, created_at, \
    updated_at, submitted_by, attempts, ingest_id, match_key, search_text, attributes";

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let leads: usize = std::env::args()
        .nth(1)
        .and_then(|it| it.parse().ok())
        .unwrap_or(4_000);
    let (stored, bare) = (run_name(), run_name());
    let store = fresh(&stored).await;
    fresh(&bare).await.close().await.unwrap();
    let (mut from, mut to) = (connect(&stored).await, connect(&bare).await);
    let (mut by_store, mut by_row) = (Vec::new(), Vec::new());
    for turn in lone(leads).chunks(TURN) {
        for intake in turn {
            let began = Instant::now();
            store.append(intake).await.unwrap();
            by_store.push(began.elapsed());
        }
        for intake in turn {
            let id = intake.leads[0].lead.id.0;
            let select = format!("SELECT {COLUMNS} FROM leads WHERE id = ?");
            let row = query(AssertSqlSafe(select)).bind(id);
            let row = row.fetch_one(&mut from).await.unwrap();
            by_row.push(insert(&mut to, &row).await);
        }
    }
    store.close().await.unwrap();
    let (by_store, by_row) = (median(by_store), median(by_row));
    println!("a lead by the store  {by_store:?}");
    println!("a bare commit        {by_row:?}");
    println!(
        "ratio                {:.2}",
        by_store.as_secs_f64() / by_row.as_secs_f64()
    );
    let drop = format!("DROP DATABASE {stored}; DROP DATABASE {bare}");
    run(&mut connect("").await, &drop).await;
}

/// Leads that each come alone.
fn lone(leads: usize) -> Vec<Intake> {
    let mut intakes = intakes(leads, 1);
    for intake in &mut intakes {
        intake.notes.clear();
        intake.leads[0].row = None;
    }
    intakes
}

async fn insert(to: &mut MySqlConnection, row: &sea_orm::sqlx::mysql::MySqlRow) -> Duration {
    let marks = vec!["?"; row.len()].join(", ");
    let insert = format!("INSERT INTO leads ({COLUMNS}) VALUES ({marks})");
    let mut statement = query(AssertSqlSafe(insert));
    macro_rules! bind {
        ($($kind:ty),*) => {{
            let mut at = 0;
            $(statement = statement.bind(row.get::<$kind, _>(at)); at += 1;)*
            assert_eq!(at, row.len());
        }};
    }
    bind!(
        Bytes,
        String,
        String,
        String,
        Option<String>,
        Option<sea_orm::prelude::TimeDate>,
        String,
        sea_orm::prelude::TimeDateTime,
        sea_orm::prelude::TimeDateTime,
        Bytes,
        u16,
        i64,
        Bytes,
        Bytes,
        String
    );
    let began = Instant::now();
    to.execute(statement).await.unwrap();
    began.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
