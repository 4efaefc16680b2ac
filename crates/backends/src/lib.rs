//! Opens a family of backends: the only crate that says both "port" and "technology".

mod config;
mod host;
mod ports;

pub use self::config::{
    ApiConfig, Config, ConfigError, Environment, Family, Fault, JournalConfig, JournalPayload,
    SETTINGS, Setting, Signing, WorkerConfig, reference,
};
pub use self::host::{OsEntropy, SystemClock};
pub use self::ports::Ports;
