//! All three servers.

use std::path::PathBuf;

use tempfile::TempDir;

use crate::{Broker, Cache, Database};

/// What the database is given beside what it needs.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// Where it keeps its data, over the end of the servers; their own folder where none is named.
    pub data: Option<PathBuf>,
    /// Arguments that win over the rig's own, without the dashes.
    pub arguments: Vec<String>,
}

/// A database, a broker and a cache of the caller's own.
#[derive(Debug)]
pub struct Servers {
    /// `MariaDB` or `MySQL`.
    pub database: Database,
    /// `RabbitMQ`.
    pub broker: Broker,
    /// Redis.
    pub cache: Cache,
    folder: TempDir,
}

impl Servers {
    /// Starts them side by side and waits until each answers.
    ///
    /// # Errors
    ///
    /// [`RigError`], of the first that does not start.
    pub async fn start() -> Result<Self, RigError> {
        Self::start_with(&Setup::default()).await
    }

    /// As [`Servers::start`], with a database of another kind.
    ///
    /// # Errors
    ///
    /// [`RigError`], of the first that does not start.
    pub async fn start_with(setup: &Setup) -> Result<Self, RigError> {
        let folder = TempDir::with_prefix("skynet-rig").map_err(RigError::Folder)?;
        let mut broker = Broker::prepare(folder.path())?;
        broker.spawn()?;
        let mut cache = Cache::prepare(folder.path())?;
        cache.spawn()?;
        let mut database = Database::prepare(folder.path(), setup)?;
        database.start().await?;
        cache.ready().await?;
        broker.ready().await?;
        Ok(Self {
            database,
            broker,
            cache,
            folder,
        })
    }

    /// Whether the programs of all three are installed.
    ///
    /// # Errors
    ///
    /// [`RigError::Missing`], of the first that is not.
    pub fn programs() -> Result<(), RigError> {
        Database::programs()?;
        Broker::programs()?;
        Cache::program()?;
        Ok(())
    }

    /// What an application is told in order to use them, by the names of its settings: an empty
    /// database, a virtual host without queues, and no keys.
    pub fn settings(&self) -> [(&'static str, String); 3] {
        let (store, queue) = (self.database.address(), self.broker.address());
        let cache = self.cache.address();
        [
            (
                "SKYNET_DATABASE_URL",
                format!("mysql://skynet@{store}/skynet"),
            ),
            (
                "SKYNET_QUEUE_URL",
                format!("amqp://guest:guest@{queue}/%2f"),
            ),
            ("SKYNET_CACHE_URL", format!("redis://{cache}/0")),
        ]
    }

    /// Where they keep data and logs; gone with the servers.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }
}

/// Why there are no servers.
#[derive(Debug, thiserror::Error)]
pub enum RigError {
    /// A program is not installed.
    #[error("{program} is not installed (Debian: apt-get install {package})")]
    Missing {
        /// Its name.
        program: String,
        /// The distribution's package.
        package: &'static str,
    },
    /// A folder or file could not be made.
    #[error("no folder for servers: {0}")]
    Folder(#[source] std::io::Error),
    /// A program does not run.
    #[error("{name} cannot be run: {error}")]
    Spawn {
        /// The server.
        name: &'static str,
        /// Why.
        #[source]
        error: std::io::Error,
    },
    /// A server ended, or does not answer.
    #[error("{name} does not answer\n{log}")]
    NotReady {
        /// The server.
        name: &'static str,
        /// The end of its log.
        log: String,
    },
}
