//! What the server did for each question that a user can ask.
//!
//! The statements and their plans are read from the slow log of the server, which is told to write
//! all of a time. The server has to be a `MariaDB` of this machine that lets us set that.

use std::path::PathBuf;
use std::sync::Arc;

use auth::TokenId;
use auth::ports::AccountStore;
use kernel::Batch;
use lead::ports::{Claims, DeadLetters, LeadFinder, LeadStore, ResultKind, ResultsQuery};
use lead::{
    BatchId, ClaimKey, Filter, Fingerprint, KeyText, LeadId, ListQuery, Position, SearchText,
    Status,
};
use store_mysql::MysqlStore;
use testkit::fixtures::{any_account, any_id, email, now, parked_bytes};
use testkit::flood::intakes;

use crate::common::{connect, existing, run};
use crate::{BATCH, name_leads, rows, text};

/// Leads that arrive once more, and messages that are parked, so that there is something to look at.
const DUPLICATES: usize = 20_000;
const PARKED: usize = 1_000;
/// A longer list of columns or values is left out.
const LONG: usize = 60;
const PAGE: u16 = 51;

/// Prints a table of calls, their statements, and what the server did for each.
pub(crate) async fn print(name: &str, store: &Arc<MysqlStore>) {
    let mut root = connect("").await;
    let version = text(&rows(&mut root, "SELECT version()").await[0], 0);
    if !version.contains("MariaDB") {
        println!("the server is no MariaDB, which alone tells the plan of a statement it runs");
        return;
    }
    let batch = prepare(store).await;
    while store.index().await.unwrap().more {}
    let log = Log::begin(name).await;
    // Its connections know of the log.
    let store = existing(name).await;
    log.skip();
    println!("{version}\n");
    println!("| Question | Statement | Table | Access | Key | Extra | Times | Rows |");
    println!("|---|---|---|---|---|---|---|---|");
    ask_leads(&store, &log).await;
    ask_others(&store, &log, batch).await;
    log.end().await;
}

/// Makes rows of all tables; says which submission has some.
async fn prepare(store: &Arc<MysqlStore>) -> BatchId {
    let mut batch = None;
    for mut intake in intakes(DUPLICATES, BATCH) {
        name_leads(&mut intake);
        for arrival in &mut intake.leads {
            Arc::make_mut(&mut arrival.lead).id = LeadId(any_id());
            batch = arrival.row.map(|it| it.batch).or(batch);
        }
        store.append(&intake).await.unwrap();
    }
    for at in 0..PARKED {
        let parked = parked_bytes(at.to_string().as_bytes());
        store
            .park(&Batch::new(vec![parked]).unwrap())
            .await
            .unwrap();
    }
    batch.unwrap()
}

async fn ask_leads(store: &MysqlStore, log: &Log) {
    let plain = Filter::default();
    let by = |search: Option<&str>, email: Option<&str>, status: Option<Status>| Filter {
        status,
        email: email.map(|it| SearchText::parse(it).unwrap()),
        search: search.map(|it| SearchText::parse(it).unwrap()),
    };
    let list = async |filter: &Filter, position: Position| {
        let query = ListQuery {
            filter: filter.clone(),
            position,
            limit: PAGE,
        };
        LeadFinder::list(store, &query).await.unwrap()
    };
    let first = Position::Offset(0);
    let page = list(&plain, first).await;
    log.told("list, first page");
    let lead = page.last().unwrap();
    let deep = Position::Before(LeadId(kernel::uuid_at(lead.id.created_at(), 0)));
    list(&plain, deep).await;
    log.told("list, cursor");
    list(&plain, Position::After(lead.id)).await;
    log.told("export, after a lead");
    list(&plain, Position::Offset(9_900)).await;
    log.told("list, page 199 by number");
    list(&by(None, None, Some(Status::Inactive)), first).await;
    log.told("list, a status");
    list(&by(None, None, Some(Status::Inactive)), deep).await;
    log.told("list, a status, cursor");
    store.total(&plain).await.unwrap();
    log.told("list, its total");

    let address = lead.details.email.as_str();
    for (what, filter) in [
        ("email, whole address", by(None, Some(address), None)),
        ("email, part", by(None, Some(&address[2..9]), None)),
        ("search, part of a name", by(Some("bel"), None, None)),
        ("search, in every lead", by(Some("example.com"), None, None)),
        ("search, in no lead", by(Some("qqqqq"), None, None)),
        (
            "search, part of a name of a status",
            by(Some("bel"), None, Some(Status::Inactive)),
        ),
    ] {
        list(&filter, first).await;
        log.told(what);
        list(&filter, deep).await;
        log.told(&format!("{what}, cursor"));
        store.total(&filter).await.unwrap();
        log.told(&format!("{what}, its total"));
    }

    store.find(lead.id).await.unwrap();
    log.told("one lead");
    store.holder(lead.details.email.key()).await.unwrap();
    log.told("who holds an address");
    let today = lead.id.created_at().day().start();
    store.stats(today).await.unwrap();
    log.told("stats");
    store.receipt(lead.id).await.unwrap();
    log.told("receipt of a stored lead");
    let held = store.holder(email("nobody@example.com").key()).await;
    assert_eq!(held.unwrap(), None);
    log.told("who holds an address, nobody");
    store.receipt(LeadId(any_id())).await.unwrap();
    log.told("receipt of no lead");
}

async fn ask_others(store: &MysqlStore, log: &Log, batch: BatchId) {
    store.batch(batch).await.unwrap();
    log.told("batch");
    for (what, kind, after) in [
        ("results", None, None),
        ("results, later page", None, Some(5_000)),
        ("results, duplicates", Some(ResultKind::Duplicate), None),
        ("results, failed", Some(ResultKind::Failed), None),
    ] {
        let query = ResultsQuery {
            batch,
            kind,
            after,
            limit: PAGE,
        };
        store.results(&query).await.unwrap();
        log.told(what);
    }
    let letters = DeadLetters::list(store, None, PAGE).await.unwrap();
    log.told("failed, first page");
    let last = letters.last().unwrap().id;
    DeadLetters::list(store, Some(last), PAGE).await.unwrap();
    log.told("failed, later page");
    store.show(last).await.unwrap();
    log.told("failed, one");
    store.count().await.unwrap();
    log.told("failed, how many");

    let account = any_account();
    store.add(&account).await.unwrap();
    log.skip();
    store.by_username(&account.username).await.unwrap();
    log.told("sign-in");
    let token = TokenId(any_id());
    store.session(account.id, token).await.unwrap();
    log.told("every request of somebody signed in");
    AccountStore::list(store, None, PAGE).await.unwrap();
    log.told("accounts");
    let key = ClaimKey {
        owner: account.id,
        path: "/api/v1/lead/process".to_owned(),
        key: KeyText::parse("plans").unwrap(),
    };
    for what in ["a free idempotency key", "a held idempotency key"] {
        store
            .claim(&key, Fingerprint([1; 32]), now())
            .await
            .unwrap();
        log.told(what);
    }
}

/// The slow log, with all statements in it.
struct Log {
    path: PathBuf,
    name: String,
    read: std::cell::Cell<usize>,
}

impl Log {
    async fn begin(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("{name}.log"));
        let sql = format!(
            "SET GLOBAL log_output = 'FILE', slow_query_log_file = '{}', long_query_time = 0, \
             log_slow_filter = '', log_slow_verbosity = 'query_plan,explain', slow_query_log = 1",
            path.display()
        );
        run(&mut connect("").await, &sql).await;
        Self {
            path,
            name: name.to_owned(),
            read: 0.into(),
        }
    }

    async fn end(self) {
        let sql = "SET GLOBAL log_output = DEFAULT, slow_query_log_file = DEFAULT, \
                   long_query_time = DEFAULT, log_slow_filter = DEFAULT, \
                   log_slow_verbosity = DEFAULT, slow_query_log = DEFAULT";
        run(&mut connect("").await, sql).await;
        std::fs::remove_file(&self.path).unwrap();
    }

    /// Leaves out what was done since the last time.
    fn skip(&self) {
        self.read.set(std::fs::read(&self.path).unwrap().len());
    }

    /// Prints what was done since the last time: for each statement of a shape one line, with the
    /// rows that were read in all.
    fn told(&self, question: &str) {
        let log = std::fs::read(&self.path).unwrap();
        let new = String::from_utf8_lossy(&log[self.read.get()..]).into_owned();
        self.read.set(log.len());
        let here = format!("Schema: {} ", self.name);
        let mut lines: Vec<(String, usize, f64)> = Vec::new();
        for entry in new.split("# User@Host:").filter(|it| it.contains(&here)) {
            let statement = statement(entry);
            for (line, read) in entry.lines().filter_map(plan) {
                let line = format!("`{statement}` | {line}");
                match lines.iter_mut().find(|it| it.0 == line) {
                    Some(same) => (same.1, same.2) = (same.1 + 1, same.2 + read),
                    None => lines.push((line, 1, read)),
                }
            }
        }
        for (line, times, read) in lines {
            println!("| {question} | {line} | {times} | {read} |");
        }
    }
}

/// The key, the kind of access and what else a line of a plan says, and the rows that were read.
fn plan(line: &str) -> Option<(String, f64)> {
    let columns: Vec<&str> = line.strip_prefix("# explain: ")?.split('\t').collect();
    let [_, _, table, kind, _, key, _, _, _, read, _, _, extra] = columns[..] else {
        return None;
    };
    let says = format!("{table} | {kind} | {key} | {extra}");
    (table != "table").then(|| (says, read.parse().unwrap_or(0.0)))
}

/// The statement of an entry, with a mark for each value and list.
fn statement(entry: &str) -> String {
    let lines = entry
        .lines()
        .skip_while(|it| !it.starts_with("SET timestamp"));
    let all = lines.skip(1).collect::<Vec<_>>().join(" ").replace('`', "");
    let mut short = String::new();
    let mut chars = all.chars();
    while let Some(it) = chars.next() {
        if it != '\'' {
            short.push(it);
            continue;
        }
        short.push('?');
        while let Some(it) = chars.next() {
            match it {
                '\\' => drop(chars.next()),
                '\'' => break,
                _ => {}
            }
        }
    }
    // Columns and lists say little.
    for (from, to) in [("SELECT ", " FROM "), (" IN (", ")")] {
        if let Some(begin) = short.find(from).map(|it| it + from.len())
            && let Some(length) = short[begin..].find(to)
            && length > LONG
        {
            short.replace_range(begin..begin + length, "...");
        }
    }
    short.truncate(short.trim_end_matches(';').len());
    short
}
