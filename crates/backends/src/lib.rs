//! Opens a family of backends: the only crate that says both "port" and "technology".
//!
//! [`Config`] is what a process is told, [`DataLock`] keeps others off its folders, and [`open`]
//! gives it its [`Ports`] and, where there are servers, what has to be seen to first: the
//! [`Preparation`].

mod accounts;
mod backoff;
mod config;
mod embedded;
mod error;
mod host;
mod lock;
mod open;
mod ports;
mod preparation;
mod production;
mod signing;

pub use self::accounts::{DEVELOPMENT_ACCOUNTS, DevelopmentAccount};
pub use self::backoff::Backoff;
pub use self::config::{
    ApiConfig, Config, ConfigError, Environment, Family, Fault, InForce, JournalConfig,
    JournalPayload, SETTINGS, Setting, Signing, WorkerConfig, in_force, reference,
};
pub use self::error::{OpenError, Part};
pub use self::host::{OsEntropy, SystemClock};
pub use self::lock::{DataLock, LockError, look};
pub use self::open::{find_admin, issue_token, migrate, open, open_beside};
pub use self::ports::Ports;
pub use self::preparation::Preparation;
pub use self::production::Work;
