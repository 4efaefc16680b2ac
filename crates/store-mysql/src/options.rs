//! What an operator may choose.

use std::time::Duration;

use kernel::Secret;

/// How the store connects, and how long it waits.
#[derive(Clone, Debug)]
pub struct Options {
    /// `mysql://user:password@host:port/database`, with these parameters: `ssl-mode` (`DISABLED`,
    /// `PREFERRED`, which is the default, `REQUIRED`, `VERIFY_CA`, `VERIFY_IDENTITY`), `ssl-ca`,
    /// `ssl-cert` and `ssl-key` (PEM files), and `socket` (a path, in place of host and port).
    pub url: Secret<String>,
    /// The most connections that write, at least one; each thread with a runtime of its own has one
    /// more.
    pub writers: u32,
    /// The most connections that read, at least one.
    pub readers: u32,
    /// How long a call waits for a connection of its kind.
    pub acquire_timeout: Duration,
    /// The longest that a read, or one run of a transaction, may take once it has a connection.
    /// It is more than [`Options::LOCK_WAIT`], so that a wait for a lock ends by itself.
    pub statement_timeout: Duration,
    /// How long [`prepare`](crate::prepare()) waits for another process that migrates.
    pub migration_wait: Duration,
}

impl Options {
    /// Connections that write. More gain nothing: their transactions meet at the counters.
    pub const WRITERS: u32 = 8;
    /// Connections that read.
    pub const READERS: u32 = 8;
    /// See [`Options::acquire_timeout`].
    pub const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
    /// See [`Options::statement_timeout`].
    pub const STATEMENT_TIMEOUT: Duration = Duration::from_secs(8);
    /// See [`Options::migration_wait`].
    pub const MIGRATION_WAIT: Duration = Duration::from_mins(1);
    /// How long a statement waits for a row that another transaction holds.
    pub const LOCK_WAIT: Duration = Duration::from_secs(5);

    /// The defaults, for the server and database in `url`.
    pub fn new(url: Secret<String>) -> Self {
        Self {
            url,
            writers: Self::WRITERS,
            readers: Self::READERS,
            acquire_timeout: Self::ACQUIRE_TIMEOUT,
            statement_timeout: Self::STATEMENT_TIMEOUT,
            migration_wait: Self::MIGRATION_WAIT,
        }
    }
}
