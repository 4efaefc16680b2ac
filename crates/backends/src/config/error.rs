//! Why a configuration cannot be used.

use std::fmt;

/// The setting at fault, and what is wrong with it. The value is never part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The setting, or the file, by its name.
    pub setting: String,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong with a setting.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// No such setting exists.
    #[error("no such setting")]
    Unknown,
    /// The value is not of the right form.
    #[error("not {0}")]
    Malformed(&'static str),
    /// The value is of a kind that no setting has in a file.
    #[error("neither a text nor a whole number nor a list of texts")]
    Kind,
    /// It must be given.
    #[error("must be set when SKYNET_ENV is production")]
    MissingInProduction,
    /// The value is too weak to keep anything safe.
    #[error("too short, at least 32 bytes are needed")]
    TooShort,
    /// The value is known to everybody.
    #[error("a value from an example, which production refuses")]
    Example,
    /// The value is allowed in development only.
    #[error("refused when SKYNET_ENV is production")]
    RefusedInProduction,
    /// It cannot be given together with another.
    #[error("cannot be set together with {0}")]
    Exclusive(&'static str),
    /// The URLs belong to different families.
    #[error(
        "the three URLs belong to no family: sqlite, sqlite and memory go together, and mysql, amqp and redis"
    )]
    MixedFamilies,
    /// Store and queue would share a file.
    #[error("the store's file; the queue needs its own")]
    SharedFile,
    /// The file cannot be read.
    #[error("the file cannot be read: {0}")]
    Unreadable(std::io::ErrorKind),
    /// The file is not TOML.
    #[error("line {0} is not TOML")]
    NotToml(usize),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting, self.fault)
    }
}

impl std::error::Error for ConfigError {}

impl ConfigError {
    /// A fault of a setting.
    pub(crate) fn new(setting: impl Into<String>, fault: Fault) -> Self {
        Self {
            setting: setting.into(),
            fault,
        }
    }
}
