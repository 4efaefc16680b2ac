//! Logs: to stderr, for a person or a collector.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

/// What a program that serves tells: what happens, without the noise of libraries. Pools of
/// connections speak of every try; the adapters say once what matters of that.
pub const PROGRAM_LEVEL: &str =
    "info,sea_orm_migration=warn,actix_server=warn,sqlx::pool=off,lapin=off";

/// Starts logging as `RUST_LOG` says, and without it as `level` says.
pub fn start_logs(level: &str) {
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

/// From now on a panic anywhere in the process is logged by its place in the code. What it says is
/// left out, since that may be a value that came with a lead.
pub fn log_panics_by_place() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|it| (it.file(), it.line()));
        tracing::error!(?place, "panicked");
    }));
}
