//! The installation on this machine: its store, or the server that holds it.

use backends::{Config, Ports};
use kernel::{Secret, UserId};
use lead::RetryPolicy;

use crate::commands::Context;
use crate::failure::Failure;

/// The store, opened for this process alone.
pub(super) struct Local {
    pub(super) ports: Ports,
    pub(super) policy: RetryPolicy,
    /// Whose the leads are.
    pub(super) owner: UserId,
}

/// What was found.
pub(super) enum Found {
    /// Nobody works on the store.
    Store(Box<Local>),
    /// A server does.
    Server {
        /// Where it answers.
        base: String,
        /// Makes tokens that it takes.
        issue: Box<dyn Fn() -> Option<Secret<String>> + Send + Sync>,
    },
}

/// What this installation is told.
pub(super) fn config(context: &Context) -> Result<Config, Failure> {
    Config::load(context.config_file.as_deref()).map_err(Failure::configuration)
}

/// Opens the store, or finds the server that holds it.
pub(super) async fn open(_config: &Config) -> Result<Found, Failure> {
    Err(Failure::failed("this version cannot do that"))
}
