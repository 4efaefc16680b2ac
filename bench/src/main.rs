//! Measures the whole way of a lead beside the best that the database alone can do, in one run.
//!
//! `cargo run --release -p skynet-bench -- embedded [--leads N] [--rounds N]`
//!
//! A round feeds a fresh `skynet serve` with bulk requests until every lead is stored, then
//! inserts the very rows it wrote into an empty file of the same schema, with all its indexes. A
//! rate whose balance is not right ends the program.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_precision_loss,
    reason = "a program for measuring prints figures"
)]

mod cpu;
mod embedded;
mod raw;
mod server;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Measures the pipeline.
#[derive(Debug, Parser)]
#[command(arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The embedded family beside raw `SQLite`
    Embedded(embedded::Args),
}

/// Whatever goes wrong ends the run: a half-measured figure is none.
type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    let Command::Embedded(args) = Cli::parse().command;
    match embedded::run(&args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("skynet-bench: {error}");
            ExitCode::FAILURE
        }
    }
}
