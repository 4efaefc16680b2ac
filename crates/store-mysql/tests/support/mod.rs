//! Stores in databases of their own.

#![allow(dead_code, reason = "each test file uses a part")]

use std::ops::Deref;
use std::sync::Arc;

use kernel::Secret;
use lead::{Filter, ListQuery, Position};
use sea_orm::sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use sea_orm::sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _, query_scalar};
use store_mysql::{MysqlStore, Options};
use testkit::fixtures::random_seed;
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
        blocking(format!("DROP DATABASE IF EXISTS {}", self.name));
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

/// A user with a password; gone with the value.
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) password: String,
}

impl User {
    /// One with these rights on a database.
    pub(crate) async fn fresh(rights: &str, database: &Database) -> Self {
        let user = Self {
            name: format!("skynet_{:x}", random_seed()),
            password: format!("{:x}", random_seed()),
        };
        let (name, password) = (&user.name, &user.password);
        server(&format!(
            "CREATE USER {name}@'%' IDENTIFIED BY '{password}'; \
             GRANT {rights} ON {}.* TO {name}@'%'",
            database.name
        ))
        .await;
        user
    }

    /// Where the database is, for this user, with that password and those parameters.
    pub(crate) fn url(&self, database: &Database, password: &str, parameters: &str) -> String {
        let url = database_url();
        let after_scheme = url.split_once("://").unwrap().1;
        let host = after_scheme.split_once('@').map_or(after_scheme, |it| it.1);
        let host = host.split(['/', '?']).next().unwrap();
        let (name, database) = (&self.name, &database.name);
        format!("mysql://{name}:{password}@{host}/{database}?{parameters}")
    }
}

impl Drop for User {
    fn drop(&mut self) {
        blocking(format!("DROP USER IF EXISTS {}@'%'", self.name));
    }
}

pub(crate) async fn is_mariadb() -> bool {
    let mut connection = connect(&database_url()).await;
    let version: String = query_scalar("SELECT VERSION()")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    version.contains("MariaDB")
}

/// The connections of stores to a database.
pub(crate) async fn connections(database: &Database) -> Vec<u64> {
    let mut sql = connect(&database_url()).await;
    // Each server has a list that the other lacks, or cannot read while statements hold bytes.
    let select = if is_mariadb().await {
        "SELECT CAST(id AS UNSIGNED) FROM information_schema.processlist WHERE db = ?"
    } else {
        "SELECT processlist_id FROM performance_schema.threads WHERE processlist_db = ?"
    };
    query_scalar(select)
        .bind(&database.name)
        .fetch_all(&mut sql)
        .await
        .unwrap()
}

/// Runs statements to their end: a destructor cannot wait, but a thread with a runtime can.
fn blocking(statements: String) {
    let running = std::thread::spawn(move || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(server(&statements));
    });
    let ran = running.join();
    assert!(ran.is_ok() || std::thread::panicking());
}

/// Rows of a table.
pub(crate) async fn count(sql: &mut MySqlConnection, what: &str) -> i64 {
    let count = format!("SELECT COUNT(*) FROM {what}");
    query_scalar(AssertSqlSafe(count))
        .fetch_one(sql)
        .await
        .unwrap()
}

/// The first page of all leads.
pub(crate) fn first_page() -> ListQuery {
    ListQuery {
        filter: Filter::default(),
        position: Position::Offset(0),
        limit: 10,
    }
}
