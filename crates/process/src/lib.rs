//! What the programs of this workspace have in common: how each reads its command line, logs, is
//! asked to end, and ends.

mod exit;
mod logs;
mod memory;
pub mod output;
mod program;
mod signals;

pub use self::exit::{Exit, Failure};
pub use self::logs::{PROGRAM_LEVEL, log_panics_by_place, start_logs};
pub use self::program::{configuration, is_asked_to_end, parse, run, servers_only};
pub use self::signals::{Signals, drain_time};
