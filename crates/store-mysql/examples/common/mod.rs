//! What the programs that measure have in common: databases of their own, and processor time.

use std::sync::Arc;

use kernel::Secret;
use lead::ports::{Intake, LeadStore as _};
use sea_orm::sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use sea_orm::sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _};
use store_mysql::{MysqlStore, Options};
use testkit::servers::database_url;

/// A store in a database that is not there yet.
pub(crate) async fn fresh(name: &str) -> Arc<MysqlStore> {
    let create = format!("CREATE DATABASE {name}");
    run(&mut connect("").await, &create).await;
    existing(name).await
}

/// The store in a database.
pub(crate) async fn existing(name: &str) -> Arc<MysqlStore> {
    let options = Options::new(Secret::new(url_of(name)));
    Arc::new(store_mysql::open(&options).await.unwrap())
}

pub(crate) async fn connect(name: &str) -> MySqlConnection {
    let options: MySqlConnectOptions = url_of(name).parse().unwrap();
    options.disable_statement_logging().connect().await.unwrap()
}

pub(crate) async fn run(connection: &mut MySqlConnection, statements: &str) {
    let statements = AssertSqlSafe(statements.to_owned());
    connection.execute(statements).await.unwrap();
}

fn url_of(name: &str) -> String {
    format!("{}/{name}", database_url().trim_end_matches('/'))
}

/// How many transactions are under way at once.
pub(crate) const CONNECTIONS: usize = 2;

/// Everything, in turns, in as many parts as there are connections.
pub(crate) fn halves<T>(all: Vec<T>) -> [Vec<T>; CONNECTIONS] {
    let mut halves = [(); CONNECTIONS].map(|()| Vec::new());
    for (at, it) in all.into_iter().enumerate() {
        halves[at % CONNECTIONS].push(it);
    }
    halves
}

/// Appends all of them, over both connections at once.
pub(crate) async fn append(store: &Arc<MysqlStore>, halves: [Vec<Intake>; CONNECTIONS]) {
    let appending = halves.map(|half| {
        let store = Arc::clone(store);
        tokio::spawn(async move {
            for intake in &half {
                store.append(intake).await.unwrap();
            }
        })
    });
    for half in appending {
        half.await.unwrap();
    }
}

/// What the server has used, where `SERVER_PID` names its process.
pub(crate) fn server_us() -> Option<f64> {
    cpu_us(&std::env::var("SERVER_PID").ok()?)
}

/// User and system time of a process in µs, in steps of 10 ms.
pub(crate) fn cpu_us(process: &str) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let after_name = stat.rsplit_once(')')?.1;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks: f64 = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
    Some(ticks * 10_000.0)
}
