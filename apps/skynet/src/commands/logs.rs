//! Logs: to stderr, for a person or a collector.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use crate::cli::Command;

/// Starts logging as `RUST_LOG` says; without it a server tells what happens, and a command only
/// what is wrong.
pub(super) fn start(command: &Command) {
    let level = match command {
        Command::Serve => "info,sea_orm_migration=warn,actix_server=warn",
        _ => "error",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    // Where somebody else has set up logging before, that holds.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        // Where a line cannot be written, writing of that would fail too, and end the process.
        .log_internal_errors(false)
        .try_init();
}
