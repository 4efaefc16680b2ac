//! The servers of a run: private, durable, on disk.

use std::path::PathBuf;

use sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _, Row as _};
use test_rig::{Servers, Setup};

use crate::Failure;
use crate::counter::Counter;
use crate::machine::Machine;
use crate::proc::Role;
use crate::redis::Redis;

/// What the database is told, as docs/operations.md says: a buffer pool and a log of 1 GiB each, and
/// every commit on disk.
const DATABASE: [&str; 4] = [
    "innodb-buffer-pool-size=1G",
    "innodb-log-file-size=1G",
    "innodb-flush-log-at-trx-commit=1",
    "innodb-doublewrite=ON",
];
/// As the application's own connections, the time zone and the isolation.
const SESSION: &str = "SET time_zone = '+00:00'; \
     SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";

/// A database, a broker and a cache.
pub(crate) struct Rig {
    servers: Servers,
    pub(crate) machine: Machine,
}

impl Rig {
    /// Starts them; the database's data is kept in `keep`, where that is given.
    pub(crate) async fn start(keep: Option<PathBuf>, more: &[String]) -> Result<Self, Failure> {
        let data = keep.clone().unwrap_or_else(std::env::temp_dir);
        let mut machine = Machine::look(&data)?;
        if machine.filesystem == "tmpfs" {
            let data = data.display();
            return Err(format!("{data} is in memory: name a folder on a disk in TMPDIR").into());
        }
        let told = DATABASE.iter().map(|it| (*it).to_owned());
        let setup = Setup {
            data: keep.map(|it| it.join("database")),
            arguments: told.chain(more.iter().cloned()).collect(),
        };
        let servers = Servers::start_with(&setup).await?;
        let mut rig = Self {
            servers,
            machine: machine.clone(),
        };
        machine.servers = rig.versions().await?;
        rig.machine = machine;
        Ok(rig)
    }

    /// Ends the database in good order, so that what is kept can be used again at once.
    pub(crate) async fn stop(mut self) {
        self.servers.database.stop().await;
    }

    /// What programs are told in order to work on a database of that name.
    pub(crate) fn settings(&self, database: &str) -> Vec<(&'static str, String)> {
        let mut settings = self.servers.settings().to_vec();
        settings.retain(|it| it.0 != "SKYNET_DATABASE_URL");
        let url = format!("mysql://skynet@{}/{database}", self.database_address());
        settings.push(("SKYNET_DATABASE_URL", url));
        settings
    }

    /// The servers' processes.
    pub(crate) fn processes(&self) -> Vec<(Role, u32)> {
        let servers = [
            (Role::Broker, self.servers.broker.id()),
            (Role::Database, self.servers.database.id()),
            (Role::Cache, self.servers.cache.id()),
        ];
        let running = servers.into_iter();
        running.filter_map(|(role, id)| Some((role, id?))).collect()
    }

    /// A connection with all rights.
    pub(crate) async fn connect(&self, database: &str) -> Result<MySqlConnection, Failure> {
        let url = format!("mysql://root@{}/{database}", self.database_address());
        let options: MySqlConnectOptions = url.parse()?;
        let mut connection = options.disable_statement_logging().connect().await?;
        run(&mut connection, SESSION).await?;
        Ok(connection)
    }

    /// A connection to look at a store.
    pub(crate) async fn counter(&self, database: &str) -> Result<Counter, Failure> {
        Ok(Counter::Mysql(Box::new(self.connect(database).await?)))
    }

    /// An empty database, whatever was there, an empty broker and an empty cache.
    pub(crate) async fn fresh(&self, database: &str) -> Result<(), Failure> {
        self.drop(database).await?;
        self.create(database).await?;
        self.forget().await
    }

    /// A database of that name, if it is not there.
    pub(crate) async fn create(&self, database: &str) -> Result<(), Failure> {
        let create = format!("CREATE DATABASE IF NOT EXISTS {database}");
        run(&mut self.connect("").await?, &create).await
    }

    /// No database of that name.
    pub(crate) async fn drop(&self, database: &str) -> Result<(), Failure> {
        let drop = format!("DROP DATABASE IF EXISTS {database}");
        run(&mut self.connect("").await?, &drop).await
    }

    /// Empties the cache.
    pub(crate) async fn forget(&self) -> Result<(), Failure> {
        match self.servers.cache.command("FLUSHALL").await?.as_str() {
            "+OK" => Ok(()),
            said => Err(format!("the cache says {said}").into()),
        }
    }

    /// Where the broker answers.
    pub(crate) fn queue_url(&self) -> String {
        format!("amqp://guest:guest@{}/%2f", self.servers.broker.address())
    }

    /// Where the cache answers.
    pub(crate) fn cache_address(&self) -> std::net::SocketAddr {
        self.servers.cache.address()
    }

    /// A folder for the programs of a run, gone with the servers.
    pub(crate) fn folder(&self) -> PathBuf {
        self.servers.folder().join("programs")
    }

    fn database_address(&self) -> std::net::SocketAddr {
        self.servers.database.address()
    }

    async fn versions(&self) -> Result<Vec<String>, Failure> {
        let database = text(&mut self.connect("").await?, "SELECT version()").await?;
        let broker = self.servers.broker.control(&["version"]).await;
        let mut cache = Redis::connect(self.cache_address()).await?;
        let about = cache.ask(&[b"INFO", b"server"]).await?;
        let about = String::from_utf8_lossy(about);
        let cache = about
            .lines()
            .find_map(|it| it.strip_prefix("redis_version:"));
        Ok(vec![
            if database.contains("MariaDB") {
                database
            } else {
                format!("MySQL {database}")
            },
            format!("RabbitMQ {}", broker.trim()),
            format!("Redis {}", cache.unwrap_or("of no version")),
        ])
    }
}

/// Runs statements.
pub(crate) async fn run(connection: &mut MySqlConnection, sql: &str) -> Result<(), Failure> {
    connection.execute(AssertSqlSafe(sql.to_owned())).await?;
    Ok(())
}

/// The text in the first column of the first row.
pub(crate) async fn text(connection: &mut MySqlConnection, sql: &str) -> Result<String, Failure> {
    let row = connection.fetch_one(AssertSqlSafe(sql.to_owned())).await?;
    Ok(row.try_get_unchecked(0)?)
}
