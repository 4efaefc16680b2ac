//! Stores in databases of their own.

#![allow(dead_code, reason = "each test file uses a part")]

use std::ops::Deref;
use std::sync::Arc;

use kernel::Secret;
use sea_orm::sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use sea_orm::sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _};
use store_mysql::{MysqlStore, Options};
use testkit::servers::{DATABASE_VARIABLE, database_url, run_name, unreachable};

/// A database that no other test uses; gone with the value.
pub(crate) struct Database {
    pub(crate) name: String,
}

impl Database {
    pub(crate) async fn fresh() -> Self {
        let name = run_name();
        server(&format!("CREATE DATABASE {name} CHARACTER SET latin1")).await;
        Self { name }
    }

    /// Where it is, for the server's own user.
    pub(crate) fn url(&self) -> String {
        url_of(&database_url(), &self.name)
    }

    pub(crate) fn options(&self) -> Options {
        Options::new(Secret::new(self.url()))
    }

    /// A bare connection to it.
    pub(crate) async fn sql(&self) -> MySqlConnection {
        connect(&self.url()).await
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let drop = format!("DROP DATABASE IF EXISTS {}", self.name);
        // A destructor cannot wait, but a thread with a runtime of its own can.
        let dropping = std::thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap()
                .block_on(server(&drop));
        });
        let dropped = dropping.join();
        assert!(dropped.is_ok() || std::thread::panicking());
    }
}

/// A server's URL with that path.
pub(crate) fn url_of(server: &str, database: &str) -> String {
    let (server, query) = match server.split_once('?') {
        Some((server, query)) => (server, format!("?{query}")),
        None => (server, String::new()),
    };
    format!("{}/{database}{query}", server.trim_end_matches('/'))
}

pub(crate) async fn connect(url: &str) -> MySqlConnection {
    let options: MySqlConnectOptions = url.parse().unwrap();
    let connected = options.disable_statement_logging().connect().await;
    connected.unwrap_or_else(|error| panic!("{}: {error}", unreachable(DATABASE_VARIABLE)))
}

/// Runs statements as the server's own user.
pub(crate) async fn server(statements: &str) {
    let mut connection = connect(&database_url()).await;
    run(&mut connection, statements).await;
}

pub(crate) async fn run(connection: &mut MySqlConnection, statements: &str) {
    connection
        .execute(AssertSqlSafe(statements.to_owned()))
        .await
        .unwrap();
}

/// A store in a database of its own.
pub(crate) struct OwnStore {
    pub(crate) store: Arc<MysqlStore>,
    pub(crate) database: Database,
}

impl OwnStore {
    pub(crate) async fn fresh() -> Self {
        let database = Database::fresh().await;
        let store = store_mysql::open(&database.options()).await.unwrap();
        Self {
            store: Arc::new(store),
            database,
        }
    }
}

impl Deref for OwnStore {
    type Target = Arc<MysqlStore>;

    fn deref(&self) -> &Arc<MysqlStore> {
        &self.store
    }
}
