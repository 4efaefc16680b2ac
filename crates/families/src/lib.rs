//! Every family as ports, for tests of what is built on them.
//!
//! A test that is about behaviour takes [`Place::of_this_run`], and so runs over whichever family
//! [`FAMILY_VARIABLE`] names. A test that makes adapters fail on purpose takes
//! [`Place::reference`], whose adapters can be hurt.
//!
//! On servers a place has a database, queues and keys of its own. The queues go with it, since a
//! broker has few descriptors for files; databases go with the run, and keys by themselves.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a test stops where something is not as it should be"
)]

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::thread;
use std::time::Duration;

use backends::{Config, Ports, Work};
use lapin::options::QueueDeleteOptions;
use lapin::{Connection, ConnectionProperties};
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use tempfile::TempDir;
use testkit::memory::{Family, family};
use testkit::servers::{
    DATABASE_VARIABLE, cache_url, database_url, queue_url, run_name, unreachable,
};
use tokio::runtime::Builder;
use tokio::time::timeout;

/// Names the family: `reference`, which is the default, `embedded` or `production`.
pub const FAMILY_VARIABLE: &str = "SKYNET_TEST_FAMILY";

const RETRY_DELAY: &str = "1000ms";
const QUEUES: [&str; 3] = ["leads.work.v1", "leads.suspect.v1", "leads.failed.v1"];

/// How long servers may take for an empty place: brokers make queues one after the other.
const PATIENCE: Duration = Duration::from_mins(1);

const SECRET: &str = "k3v9-Q7fz-2mXw-81Lp-0aBd-55Rt-cc9Y";

/// Which adapters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Those of `testkit`.
    Reference,
    /// Files.
    Embedded,
    /// Servers.
    Production,
}

impl Kind {
    /// What [`FAMILY_VARIABLE`] says.
    pub fn of_this_run() -> Self {
        match std::env::var(FAMILY_VARIABLE).as_deref() {
            Err(_) | Ok("" | "reference") => Self::Reference,
            Ok("embedded") => Self::Embedded,
            Ok("production") => Self::Production,
            Ok(other) => panic!("{FAMILY_VARIABLE}: there is no family {other}"),
        }
    }
}

/// An empty family that no other test uses.
pub struct Place {
    /// Its ports.
    pub ports: Ports,
    /// Which it is.
    pub kind: Kind,
    doubles: Option<Family>,
    /// Gone with the place.
    _folder: Option<TempDir>,
    _queues: Option<Queues>,
}

impl Place {
    /// Of the family that this run is about.
    pub async fn of_this_run() -> Self {
        match Kind::of_this_run() {
            Kind::Reference => Self::reference(),
            kind @ Kind::Embedded => Self::open(kind, Vec::new(), "").await,
            kind @ Kind::Production => {
                let name = run_name();
                let settings = vec![
                    ("SKYNET_DATABASE_URL", new_database(&name).await),
                    ("SKYNET_QUEUE_URL", queue_url()),
                    ("SKYNET_CACHE_URL", cache_url()),
                ];
                Self::open(kind, settings, &format!("{name}.")).await
            }
        }
    }

    /// Of the reference adapters.
    pub fn reference() -> Self {
        let family = family();
        Self {
            ports: ports(&family),
            kind: Kind::Reference,
            doubles: Some(family),
            _folder: None,
            _queues: None,
        }
    }

    /// The reference adapters themselves, which can be hurt, on a clock that stands still.
    pub fn doubles(&self) -> &Family {
        let doubles = self.doubles.as_ref();
        doubles.expect("only reference adapters can be hurt")
    }

    async fn open(kind: Kind, settings: Vec<(&str, String)>, namespace: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let own = [
            ("SKYNET_ENV", "production".to_owned()),
            ("SKYNET_JWT_SECRET", SECRET.to_owned()),
            ("SKYNET_BCRYPT_COST", "4".to_owned()),
            ("SKYNET_RETRY_DELAYS", RETRY_DELAY.to_owned()),
            ("SKYNET_DATA_DIR", folder.path().display().to_string()),
        ];
        let pairs = settings.into_iter().chain(own);
        let pairs = pairs.map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let mut config = Config::read(None, pairs).unwrap();
        config.family.begin_names_with(namespace);
        backends::migrate(&config).await.unwrap();
        let opened = backends::open(&config, Work::Consume(NonZeroUsize::MIN)).await;
        let (ports, preparation) = opened.unwrap();
        let prepared = timeout(PATIENCE, preparation.wait()).await;
        prepared
            .expect("the servers can be reached: `make test` starts them")
            .unwrap();
        Self {
            ports,
            kind,
            doubles: None,
            _folder: Some(folder),
            _queues: (kind == Kind::Production).then(|| Queues(namespace.to_owned())),
        }
    }
}

/// The reference adapters as ports.
pub fn ports(family: &Family) -> Ports {
    Ports {
        clock: family.clock.clone(),
        entropy: family.entropy.clone(),
        ids: family.ids.clone(),
        publisher: family.queue.clone(),
        consumer: family.consumer.clone(),
        monitor: family.queue.clone(),
        store: family.store.clone(),
        finder: family.store.clone(),
        dead_letters: family.store.clone(),
        cache: family.cache.clone(),
        waiting: family.waiting.clone(),
        store_claims: family.store_claims.clone(),
        queue_claims: family.queue_claims.clone(),
        accounts: family.accounts.clone(),
        hasher: family.hasher.clone(),
        tokens: family.tokens.clone(),
        throttle: family.throttle.clone(),
        store_probe: family.store_probe.clone(),
        queue_probe: family.queue_probe.clone(),
        cache_probe: family.cache_probe.clone(),
    }
}

/// The URL of a database made for it.
async fn new_database(name: &str) -> String {
    let server = database_url();
    let made = async {
        let mut connection = MySqlConnection::connect(&server).await?;
        let create = AssertSqlSafe(format!("CREATE DATABASE {name}"));
        connection.execute(create).await?;
        connection.close().await
    };
    made.await
        .unwrap_or_else(|error| panic!("{error}; {}", unreachable(DATABASE_VARIABLE)));
    let (server, query) = match server.split_once('?') {
        Some((server, query)) => (server, format!("?{query}")),
        None => (server.as_str(), String::new()),
    };
    format!("{}/{name}{query}", server.trim_end_matches('/'))
}

/// The queues whose names begin so; gone with the value.
struct Queues(String);

impl Drop for Queues {
    fn drop(&mut self) {
        let namespace = std::mem::take(&mut self.0);
        // What is left behind is in nobody's way but the broker's.
        let _ = thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().ok()?;
            runtime.block_on(delete_queues(&namespace)).ok()
        })
        .join();
    }
}

async fn delete_queues(namespace: &str) -> lapin::Result<()> {
    let connection = Connection::connect(&queue_url(), ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    let retry = format!("leads.retry.v1.{RETRY_DELAY}");
    for name in QUEUES.into_iter().chain([retry.as_str()]) {
        let queue = format!("{namespace}{name}");
        let options = QueueDeleteOptions::default();
        channel.queue_delete(queue.as_str().into(), options).await?;
    }
    connection.close(200, "deleted".into()).await
}
