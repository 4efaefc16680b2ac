//! The one binary of a single machine: API, worker and the operator's commands.

use std::process::ExitCode;

fn main() -> ExitCode {
    skynet::run()
}
