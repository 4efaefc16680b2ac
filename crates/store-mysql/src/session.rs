//! Connections: how each begins, and when it is not used again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sea_orm::sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlPoolOptions};
use sea_orm::sqlx::{ConnectOptions as _, Connection as _, Error, Executor as _, MySqlPool};

use crate::open::OpenError;
use crate::options::Options;

/// A connection that nobody used for so long is closed, at the latest after twice that.
pub(crate) const IDLE_MAX: Duration = Duration::from_secs(3);
/// A connection is closed at this age, so that servers behind one name share the load again.
pub(crate) const AGE_MAX: Duration = Duration::from_mins(30);
/// The server ends a session that says nothing for so long, in seconds, and takes back what it had
/// begun: the locks of a client that stands still, or was cut off, would stop every other one.
const SERVER_IDLE_SECONDS: u32 = 8;
const _: () = assert!(SERVER_IDLE_SECONDS as u64 > 2 * IDLE_MAX.as_secs());
/// As [`SERVER_IDLE_SECONDS`], for a session within a transaction, where the server is a `MariaDB`.
const SERVER_IDLE_IN_TRANSACTION_SECONDS: u32 = 5;
/// A connection that was idle for so long is asked whether it still works.
pub(crate) const TRUSTED_IDLE: Duration = Duration::from_millis(100);
/// How long the answer to that takes at most.
const PING_TIMEOUT: Duration = Duration::from_secs(1);

/// What a connection is told first. Nothing is left to what the server happens to be set to.
fn session() -> String {
    let lock_wait = Options::LOCK_WAIT.as_secs();
    format!(
        "SET NAMES utf8mb4, \
         sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,\
         NO_ENGINE_SUBSTITUTION', \
         time_zone = '+00:00', \
         autocommit = 1, \
         innodb_lock_wait_timeout = {lock_wait}, \
         lock_wait_timeout = {lock_wait}, \
         wait_timeout = {SERVER_IDLE_SECONDS} \
         /*M! , idle_transaction_timeout = {SERVER_IDLE_IN_TRANSACTION_SECONDS} */; \
         SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"
    )
}

/// Makes the session of a connection.
pub(crate) async fn begin(connection: &mut MySqlConnection) -> Result<(), Error> {
    connection
        .execute(sea_orm::sqlx::AssertSqlSafe(session()))
        .await
        .map(drop)
}

/// The parameters that a URL may have.
const PARAMETERS: [&str; 5] = ["ssl-mode", "ssl-ca", "ssl-cert", "ssl-key", "socket"];

/// The connection that a URL asks for. The driver's own settings of a session are left out:
/// [`begin`] makes all of them.
pub(crate) fn connect_options(options: &Options) -> Result<MySqlConnectOptions, OpenError> {
    let url = options.url.expose();
    if !url.starts_with("mysql://") {
        return Err(OpenError::Url("it has to begin with mysql://"));
    }
    let query = url.split_once('?').map_or("", |(_, query)| query);
    for parameter in query.split('&').filter(|it| !it.is_empty()) {
        let name = parameter.split('=').next().unwrap_or_default();
        if !PARAMETERS.contains(&name) {
            return Err(OpenError::Url(
                "it has a parameter other than ssl-mode, ssl-ca, ssl-cert, ssl-key and socket",
            ));
        }
    }
    let parsed: MySqlConnectOptions = url
        .parse()
        .map_err(|_| OpenError::Url("it cannot be read as mysql://user:password@host:port/name"))?;
    if parsed.get_database().is_none() {
        return Err(OpenError::Url("it names no database"));
    }
    Ok(parsed
        .disable_statement_logging()
        .pipes_as_concat(false)
        .no_engine_substitution(false)
        .timezone(None)
        .set_names(false))
}

/// Tells connections that may be used from those that may not.
///
/// A call that ran out of time leaves a connection of which nobody knows what it still does.
/// Which one it was the pool does not tell; so every connection that was open at that moment is
/// closed as soon as it is free. That happens when a server hangs, and costs a few connects.
#[derive(Clone)]
pub(crate) struct Trust {
    epoch: Instant,
    /// Milliseconds since `epoch`; connections that began before are not trusted.
    since: Arc<AtomicU64>,
}

impl Trust {
    pub(crate) fn new() -> Self {
        Self {
            epoch: Instant::now(),
            since: Arc::new(AtomicU64::new(0)),
        }
    }

    /// From now on no connection that is open is trusted.
    pub(crate) fn withdraw(&self) {
        self.since.fetch_max(self.now(), Ordering::Relaxed);
    }

    fn now(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Whether a connection of that age is trusted.
    pub(crate) fn covers(&self, age: Duration) -> bool {
        let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        let began = self.now().saturating_sub(age);
        let since = self.since.load(Ordering::Relaxed);
        since == 0 || began > since
    }

    /// Whether a connection of that age can be used, or be kept for use.
    pub(crate) async fn holds(&self, connection: &mut MySqlConnection, age: Duration) -> bool {
        if !self.covers(age) {
            return false;
        }
        if let Ok(answer) = tokio::time::timeout(PING_TIMEOUT, connection.ping()).await {
            return answer.is_ok();
        }
        // The others lead to the same server.
        self.withdraw();
        false
    }
}

/// A pool that connects when it is used.
pub(crate) fn pool(
    connect: MySqlConnectOptions,
    connections: u32,
    acquire_timeout: Duration,
    trust: &Trust,
) -> MySqlPool {
    let (on_acquire, on_release) = (trust.clone(), trust.clone());
    MySqlPoolOptions::new()
        .max_connections(connections.max(1))
        .min_connections(0)
        .acquire_timeout(acquire_timeout)
        .idle_timeout(IDLE_MAX)
        .max_lifetime(AGE_MAX)
        .test_before_acquire(false)
        .after_connect(|connection, _| Box::pin(begin(connection)))
        .before_acquire(move |connection, about| {
            let trust = on_acquire.clone();
            Box::pin(async move {
                let fresh = about.idle_for < TRUSTED_IDLE && trust.covers(about.age);
                Ok(fresh || trust.holds(connection, about.age).await)
            })
        })
        // The pool asks too, but without end.
        .after_release(move |connection, about| {
            let trust = on_release.clone();
            Box::pin(async move { Ok(trust.holds(connection, about.age).await) })
        })
        .connect_lazy_with(connect)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use kernel::Secret;
    use sea_orm::sqlx::{AssertSqlSafe, query_scalar};

    use super::*;

    fn refusal(url: &str) -> Option<String> {
        let options = Options::new(Secret::new(url.to_owned()));
        connect_options(&options).err().map(|it| it.to_string())
    }

    #[test]
    fn a_url_names_server_database_and_tls_and_nothing_else() {
        let good = [
            "mysql://root@127.0.0.1:3306/skynet",
            "mysql://a:b%40c@db/skynet?ssl-mode=VERIFY_CA&ssl-ca=/etc/ca.pem",
        ];
        for url in good {
            assert_eq!(refusal(url), None, "{url}");
        }
        let bad = [
            "sqlite://data/skynet.db",
            "mysql://root:hidden@127.0.0.1:3306/",
            "mysql://root:hidden@127.0.0.1:3306/skynet?time-zone=Asia/Tokyo",
            "mysql://root:hidden@127.0.0.1:3306/skynet?ssl-mode=SOMETIMES",
            "mysql://root:hidden@127.0.0.1:port/skynet",
        ];
        for url in bad {
            let text = refusal(url).unwrap();
            assert!(!text.contains("hidden"), "{text}");
        }
    }

    #[tokio::test]
    async fn a_session_is_the_same_whatever_the_server_is_set_to() {
        let url = testkit::servers::database_url();
        let server: MySqlConnectOptions = url.parse().unwrap();
        let mut connection = server.connect().await.unwrap_or_else(|error| {
            let variable = testkit::servers::DATABASE_VARIABLE;
            panic!("{}: {error}", testkit::servers::unreachable(variable))
        });
        let elsewhere = "SET NAMES latin1, sql_mode = 'NO_BACKSLASH_ESCAPES,ANSI_QUOTES', \
             time_zone = '+09:00', autocommit = 0, innodb_lock_wait_timeout = 1000; \
             SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE";
        connection.execute(elsewhere).await.unwrap();

        begin(&mut connection).await.unwrap();

        let is_mariadb: bool = query_scalar("SELECT VERSION() LIKE '%MariaDB%'")
            .fetch_one(&mut connection)
            .await
            .unwrap();
        let isolation = if is_mariadb {
            "tx_isolation"
        } else {
            "transaction_isolation"
        };
        for (name, value) in [
            (
                "sql_mode",
                "STRICT_ALL_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,\
                 NO_ENGINE_SUBSTITUTION",
            ),
            ("time_zone", "+00:00"),
            ("autocommit + 0", "1"),
            ("character_set_client", "utf8mb4"),
            ("character_set_connection", "utf8mb4"),
            ("character_set_results", "utf8mb4"),
            ("innodb_lock_wait_timeout", "5"),
            ("lock_wait_timeout", "5"),
            ("wait_timeout", "8"),
            (isolation, "READ-COMMITTED"),
        ] {
            let select = format!("SELECT CAST(@@SESSION.{name} AS CHAR)");
            let read: String = query_scalar(AssertSqlSafe(select))
                .fetch_one(&mut connection)
                .await
                .unwrap();
            assert_eq!(read, value, "{name}");
        }
    }

    #[test]
    fn what_was_open_when_trust_was_withdrawn_is_not_used_again() {
        let trust = Trust {
            epoch: Instant::now().checked_sub(Duration::from_mins(1)).unwrap(),
            since: Arc::new(AtomicU64::new(0)),
        };
        let half_a_minute = Duration::from_secs(30);
        assert!(trust.covers(half_a_minute));
        trust.withdraw();
        assert!(!trust.covers(half_a_minute));
    }
}
