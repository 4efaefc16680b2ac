//! Measures the system beside the limits of what it stands on, in turns, in one run.
//!
//! `make bench` builds the programs and runs everything; `ONLY=p1,p3` picks measures. Servers are
//! private ones: their data lies in a temporary folder, or in the one that `--keep` names. A rate
//! whose balance is not right ends the run.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a program for measuring prints figures"
)]
#![allow(
    clippy::similar_names,
    reason = "what is fed by a feed reads best as that"
)]

mod cli;
mod counter;
mod feed;
mod http;
mod latency;
mod leads;
mod machine;
mod measures;
mod proc;
mod programs;
mod raw;
mod redis;
mod report;
mod rig;
mod scale;
mod system;
mod volley;

use std::process::ExitCode;

use clap::Parser as _;

/// Whatever goes wrong ends the run: a half-measured figure is none.
type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    match cli::Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("skynet-bench: {error}");
            ExitCode::FAILURE
        }
    }
}
