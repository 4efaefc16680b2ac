//! `skynet`: API and worker in one process, and the commands of an operator.
//!
//! [`cli`] says what can be asked for, and `commands` does it.

pub mod cli;
mod commands;
pub mod export;
pub mod generate;
pub mod import;

use std::process::ExitCode;

use process::PROGRAM_LEVEL;

use self::cli::{Cli, Command};

/// Reads the command line and does what it says.
pub fn run() -> ExitCode {
    let cli: Cli = match process::parse() {
        Ok(cli) => cli,
        Err(exit) => return exit.into(),
    };
    match cli.command {
        Command::Serve => {
            process::start_logs(PROGRAM_LEVEL);
            process::log_panics_by_place();
        }
        _ => process::start_logs("error,sqlx::pool=off,lapin=off"),
    }
    process::run("skynet", commands::run(cli))
}
