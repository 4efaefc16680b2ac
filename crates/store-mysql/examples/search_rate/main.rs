//! How fast leads are searched, and what the index behind it costs.
//!
//! Fills a database of its own by `append`, while the index is made beside it or not; then asks for
//! what a list can ask, many times each. Nothing is cached but what the server keeps in memory. CPU
//! is this process's and, where `SERVER_PID` names a process of this machine, the server's.
//!
//! `cargo run --release -p store-mysql --example search_rate [LEADS] [ROUNDS] [DATABASE]`, with the
//! server in `SKYNET_TEST_DATABASE_URL`. A database that is named is filled already, and only read;
//! of one of its own it tells by which plans the server answered, too.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "a program for measuring, which prints rates and stops at the first error"
)]

#[path = "../common/mod.rs"]
mod common;
mod plans;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use lead::ports::{Intake, LeadFinder, LeadStore};
use lead::{Filter, Lead, LeadId, ListQuery, PersonName, Position, SearchText, Status};
use sea_orm::sqlx::mysql::{MySqlConnection, MySqlRow};
use sea_orm::sqlx::{AssertSqlSafe, Executor as _, Row as _};
use store_mysql::MysqlStore;
use testkit::flood::intakes;
use testkit::servers::run_name;

use crate::common::{append, connect, cpu_us, existing, fresh, halves, run, server_us};

const BATCH: usize = 500;
/// Leads that are made at a time, so that not all are in memory.
const PORTION: usize = 50_000;
const PAGE: u16 = 50;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let argument = |at: usize, default: usize| {
        let given = std::env::args().nth(at);
        given.and_then(|it| it.parse().ok()).unwrap_or(default)
    };
    let (leads, rounds) = (argument(1, 1_000_000), argument(2, 40));
    if let Some(name) = std::env::args().nth(3) {
        let store = existing(&name).await;
        tables(&name).await;
        searches(&store, leads, rounds).await;
        return;
    }
    let plain = run_name();
    let store = fresh(&plain).await;
    println!(
        "without indexing: {}",
        fill(&store, leads.min(200_000), false).await
    );
    println!("indexing alone:   {}", index_all(&store).await);
    drop_database(&plain).await;

    let name = run_name();
    let store = fresh(&name).await;
    println!("with indexing:    {}", fill(&store, leads, true).await);
    println!("what was left:    {}", index_all(&store).await);
    tables(&name).await;
    searches(&store, leads, rounds).await;
    plans::print(&name, &store).await;
    drop_database(&name).await;
}

async fn drop_database(name: &str) {
    run(&mut connect("").await, &format!("DROP DATABASE {name}")).await;
}

/// Stores leads over two connections; `indexes` says whether they are indexed meanwhile.
async fn fill(store: &Arc<MysqlStore>, leads: usize, indexes: bool) -> Measured {
    let is_over = Arc::new(AtomicBool::new(!indexes));
    let indexing = tokio::spawn({
        let (store, is_over) = (Arc::clone(store), Arc::clone(&is_over));
        async move {
            while !is_over.load(Ordering::Relaxed) {
                if !store.index().await.unwrap().more {
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
            }
        }
    });
    let mut measured = Measured::default();
    let mut all = intakes(leads, BATCH).into_iter();
    loop {
        let mut portion: Vec<Intake> = all.by_ref().take(PORTION / BATCH).collect();
        if portion.is_empty() {
            break;
        }
        portion.iter_mut().for_each(name_leads);
        let count = portion.iter().map(|it| it.leads.len()).sum();
        let halves = halves(portion);
        let clock = Clock::start();
        append(store, halves).await;
        measured.add(&clock, count);
    }
    is_over.store(true, Ordering::Relaxed);
    indexing.await.unwrap();
    measured
}

/// Gives leads names of many kinds.
fn name_leads(intake: &mut Intake) {
    const SYLLABLES: [&str; 16] = [
        "an", "bel", "cor", "da", "el", "fen", "gor", "hil", "is", "jo", "ka", "lun", "mar", "no",
        "ros", "tin",
    ];
    for arrival in &mut intake.leads {
        let lead = Arc::make_mut(&mut arrival.lead);
        let bits = lead.id.0.as_u128() as usize;
        let word = |shift: usize, count: usize| -> String {
            (0..count)
                .map(|at| SYLLABLES[bits >> (shift + 4 * at) & 15])
                .collect()
        };
        lead.details.first_name = PersonName::parse(&word(0, 2)).unwrap();
        lead.details.last_name = PersonName::parse(&word(8, 4)).unwrap();
        lead.details.status = Status::ALL[usize::from((bits >> 24).trailing_zeros() >= 5)];
    }
}

async fn index_all(store: &Arc<MysqlStore>) -> Measured {
    let (clock, mut leads) = (Clock::start(), 0);
    loop {
        let step = store.index().await.unwrap();
        leads += usize::try_from(step.leads).unwrap();
        if !step.more {
            break;
        }
    }
    let mut measured = Measured::default();
    measured.add(&clock, leads);
    measured
}

async fn tables(name: &str) {
    let sql = format!(
        "SELECT table_name, CAST(data_length + index_length AS CHAR), CAST(table_rows AS CHAR) \
         FROM information_schema.tables WHERE table_schema = '{name}' \
         AND (table_name = 'leads' OR table_name LIKE 'search%')"
    );
    for row in rows(&mut connect(name).await, &sql).await {
        let column = |at: usize| text(&row, at);
        let bytes: f64 = column(1).parse().unwrap();
        println!(
            "{:16} {:8.1} MB, about {} rows",
            column(0),
            bytes / 1e6,
            column(2)
        );
    }
}

/// What the request of a number asks for.
type Of<'a> = Box<dyn Fn(usize) -> (Filter, Position) + 'a>;

/// What is asked, by name; `sample` are leads to look for.
fn kinds(sample: &[Lead], rounds: usize) -> Vec<(&'static str, Of<'_>)> {
    let by = |search: Option<&str>, email: Option<&str>, status: Option<Status>| Filter {
        status,
        email: email.map(|it| SearchText::parse(it).unwrap()),
        search: search.map(|it| SearchText::parse(it).unwrap()),
    };
    // Of a name that is too short to be looked for, something else.
    let name = move |at: usize, most: usize| -> String {
        let details = &sample[at].details;
        let texts = [details.last_name.as_str(), details.email.as_str()];
        let long = texts
            .iter()
            .find(|it| it.chars().count() >= SearchText::MIN_CHARS);
        long.map_or_else(String::new, |it| it.chars().take(most).collect())
    };
    let first = Position::Offset(0);
    let middle = Position::Before(LeadId(sample[rounds / 2].id.0));
    vec![
        (
            "first page",
            Box::new(move |_| (by(None, None, None), first)),
        ),
        ("cursor", Box::new(move |_| (by(None, None, None), middle))),
        (
            "status",
            Box::new(move |_| (by(None, None, Some(Status::Inactive)), first)),
        ),
        (
            "whole address",
            Box::new(move |at| {
                (
                    by(None, Some(sample[at].details.email.as_str()), None),
                    first,
                )
            }),
        ),
        (
            "part of an address",
            Box::new(move |at| {
                let email = sample[at].details.email.as_str();
                (by(None, Some(&email[2..9]), None), first)
            }),
        ),
        (
            "whole last name",
            Box::new(move |at| (by(Some(&name(at, 100)), None, None), first)),
        ),
        (
            "five letters of a name",
            Box::new(move |at| (by(Some(&name(at, 5)), None, None), first)),
        ),
        (
            "three letters",
            Box::new(move |_| (by(Some("bel"), None, None), first)),
        ),
        (
            "in every lead",
            Box::new(move |_| (by(Some("example.com"), None, None), first)),
        ),
        (
            "in every lead, page 200",
            Box::new(move |_| (by(Some("example.com"), None, None), Position::Offset(9_950))),
        ),
        (
            "three letters, rarer status",
            Box::new(move |_| (by(Some("bel"), None, Some(Status::Inactive)), first)),
        ),
        (
            "in no lead",
            Box::new(move |at| (by(Some(&format!("qqq{at}")), None, None), first)),
        ),
        (
            "in no lead, known grams",
            Box::new(move |_| (by(Some("gorgorgorgorgorgorgor"), None, None), first)),
        ),
    ]
}

async fn searches(store: &Arc<MysqlStore>, leads: usize, rounds: usize) {
    let mut sample = Vec::new();
    for at in 0..rounds {
        let skip = u32::try_from(at * 9_000 / rounds)
            .unwrap()
            .min(leads as u32 - 1);
        let query = query(Filter::default(), Position::Offset(skip), 1);
        sample.push(store.list(&query).await.unwrap().pop().unwrap());
    }
    let kinds = kinds(&sample, rounds);
    println!(
        "{:32} {:>8} {:>8} {:>8} {:>8}   found",
        "ms", "p50", "p95", "total50", "total95"
    );
    for (name, of) in &kinds {
        let (mut lists, mut totals, mut found) = (Vec::new(), Vec::new(), 0);
        for at in 0..rounds {
            let (filter, position) = of(at);
            let began = Instant::now();
            store
                .list(&query(filter.clone(), position, PAGE))
                .await
                .unwrap();
            lists.push(began.elapsed());
            let began = Instant::now();
            found = store.total(&filter).await.unwrap().count;
            totals.push(began.elapsed());
        }
        let figures = [
            at(&mut lists, 50),
            at(&mut lists, 95),
            at(&mut totals, 50),
            at(&mut totals, 95),
        ];
        let [a, b, c, d] = figures;
        println!("{name:32} {a:8.1} {b:8.1} {c:8.1} {d:8.1}   {found}");
    }
}

fn query(filter: Filter, position: Position, limit: u16) -> ListQuery {
    ListQuery {
        filter,
        position,
        limit,
    }
}

fn at(times: &mut [Duration], percent: usize) -> f64 {
    times.sort_unstable();
    times[(times.len() * percent / 100).min(times.len() - 1)].as_secs_f64() * 1e3
}

async fn rows(connection: &mut MySqlConnection, sql: &str) -> Vec<MySqlRow> {
    let sql = AssertSqlSafe(sql.to_owned());
    connection.fetch_all(sql).await.unwrap()
}

fn text(row: &MySqlRow, at: usize) -> String {
    let bytes: Option<Vec<u8>> = row.try_get_unchecked(at).unwrap();
    bytes.map_or_else(
        || "-".to_owned(),
        |it| String::from_utf8_lossy(&it).into_owned(),
    )
}

/// Leads, how long they took, and the CPU behind it.
#[derive(Default)]
struct Measured {
    leads: f64,
    seconds: f64,
    own_us: f64,
    server_us: f64,
}

impl Measured {
    fn add(&mut self, clock: &Clock, leads: usize) {
        self.leads += leads as f64;
        self.seconds += clock.began.elapsed().as_secs_f64();
        self.own_us += cpu_us("self").unwrap_or(f64::NAN) - clock.own_us;
        self.server_us += server_us().unwrap_or(f64::NAN) - clock.server_us;
    }
}

impl std::fmt::Display for Measured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:.0} leads, {:.0} a second, CPU µs a lead: own {:.1}, server {:.1}",
            self.leads,
            self.leads / self.seconds,
            self.own_us / self.leads,
            self.server_us / self.leads
        )
    }
}

struct Clock {
    began: Instant,
    own_us: f64,
    server_us: f64,
}

impl Clock {
    fn start() -> Self {
        Self {
            own_us: cpu_us("self").unwrap_or(f64::NAN),
            server_us: server_us().unwrap_or(f64::NAN),
            began: Instant::now(),
        }
    }
}
