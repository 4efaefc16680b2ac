//! Servers that are there already, and what a run makes on them.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};

use lapin::{Connection, ConnectionProperties};
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Connection as _, Row as _};
use test_rig::{Probe, Servers};

pub(crate) const ROLES: [Role; 3] = [Role::Database, Role::Queue, Role::Cache];

/// What a server is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Database,
    Queue,
    Cache,
}

impl Role {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Queue => "queue",
            Self::Cache => "cache",
        }
    }

    pub(crate) fn variable(self) -> &'static str {
        match self {
            Self::Database => "SKYNET_TEST_DATABASE_URL",
            Self::Queue => "SKYNET_TEST_QUEUE_URL",
            Self::Cache => "SKYNET_TEST_CACHE_URL",
        }
    }

    pub(crate) fn standard_port(self) -> u16 {
        match self {
            Self::Database => 3306,
            Self::Queue => 5672,
            Self::Cache => 6379,
        }
    }

    /// How to sign in where nothing was changed after installing.
    pub(crate) fn url(self, address: SocketAddr) -> String {
        match self {
            Self::Database => format!("mysql://root@{address}/"),
            Self::Queue => format!("amqp://guest:guest@{address}/%2f"),
            Self::Cache => format!("redis://{address}/0"),
        }
    }

    /// One of some private servers.
    pub(crate) fn of(self, servers: &Servers) -> SocketAddr {
        match self {
            Self::Database => servers.database.address(),
            Self::Queue => servers.broker.address(),
            Self::Cache => servers.cache.address(),
        }
    }

    /// The server whose URL is set, or that lets one in at its standard port, and how it was found.
    pub(crate) async fn find(self) -> Option<(String, String)> {
        let variable = self.variable();
        if let Some(url) = std::env::var(variable).ok().filter(|it| !it.is_empty()) {
            return Some((url, format!("the one that {variable} names")));
        }
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.standard_port()));
        let url = self.url(address);
        let is_open = match self {
            Self::Database => MySqlConnection::connect(&url).await.is_ok(),
            Self::Queue => Connection::connect(&url, ConnectionProperties::default())
                .await
                .is_ok(),
            Self::Cache => Probe::Redis.answers(address).await,
        };
        is_open.then(|| (url, format!("the one at {address}")))
    }
}

/// A virtual host for one run on the broker at the standard port, deleted in the end.
pub(crate) struct VirtualHost(String);

impl VirtualHost {
    /// None where `rabbitmqctl` cannot make one; then names alone keep runs apart.
    pub(crate) fn make(name: &str, urls: &mut [(Role, String)]) -> Option<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, Role::Queue.standard_port()));
        let standard = Role::Queue.url(address);
        let (_, url) = urls.iter_mut().find(|(_, url)| *url == standard)?;
        if !control(&["add_vhost", name]) {
            return None;
        }
        let host = Self(name.to_owned());
        if !control(&["set_permissions", "-p", name, "guest", ".*", ".*", ".*"]) {
            return None;
        }
        *url = standard.replace("%2f", name);
        Some(host)
    }
}

impl Drop for VirtualHost {
    fn drop(&mut self) {
        control(&["delete_vhost", &self.0]);
    }
}

fn control(arguments: &[&str]) -> bool {
    let mut command = Command::new("rabbitmqctl");
    let command = command.args(arguments).stdin(Stdio::null());
    let ended = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    ended.is_ok_and(|it| it.success())
}

/// Drops what tests of this run made and left.
pub(crate) async fn drop_databases(url: &str, run_name: &str) -> Result<(), String> {
    let told = |error: sqlx::Error| format!("databases of the run cannot be dropped: {error}");
    let mut connection = MySqlConnection::connect(url).await.map_err(told)?;
    let rows = sqlx::query("SHOW DATABASES").fetch_all(&mut connection);
    for row in rows.await.map_err(told)? {
        let name: String = row.try_get(0).map_err(told)?;
        if name.starts_with(run_name) {
            let sql = AssertSqlSafe(format!("DROP DATABASE `{name}`"));
            let dropped = sqlx::query(sql).execute(&mut connection).await;
            dropped.map_err(told)?;
        }
    }
    Ok(())
}
