//! `skynet`: API and worker in one process, and the commands of an operator.
//!
//! [`cli`] says what can be asked for, `commands` does it, [`output`] is the only place that
//! prints, and [`failure`] knows the exit codes.

pub mod cli;
mod commands;
pub mod export;
pub mod failure;
pub mod generate;
pub mod import;
pub mod output;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use self::cli::Cli;
use self::failure::Exit;

/// Reads the command line and does what it says.
pub fn run() -> ExitCode {
    match Cli::try_parse() {
        Ok(cli) => dispatch(cli).into(),
        Err(error) => {
            let asked_for = matches!(
                error.kind(),
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
            );
            // Where nobody reads, nobody misses it.
            let _ = error.print();
            if asked_for {
                Exit::Done.into()
            } else {
                Exit::WrongUse.into()
            }
        }
    }
}

fn dispatch(cli: Cli) -> Exit {
    match commands::run(cli) {
        Ok(()) => Exit::Done,
        Err(failure) => {
            output::failure(&failure);
            failure.exit()
        }
    }
}
