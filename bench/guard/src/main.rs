//! Guards the hot paths against getting slower, by counting instructions: unlike times, counts
//! are the same on a busy machine.
//!
//! `skynet-guard check` counts under valgrind and compares with the baseline in the repository;
//! `skynet-guard record` writes a new baseline.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for measuring prints figures"
)]

mod baseline;
mod count;
mod work;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::baseline::{Baseline, Verdict};
use self::work::Work;

/// The allocator of the product.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Counts the instructions that the hot paths take for one lead.
#[derive(Debug, Parser)]
#[command(arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Compares with the baseline; fails where a path takes more
    Check(File),
    /// Writes the baseline
    Record(File),
    /// Does a path's work, to be counted
    #[command(hide = true)]
    Work {
        /// Which path
        work: Work,
        /// How often
        times: u32,
    },
}

#[derive(Debug, clap::Args)]
struct File {
    /// Where the baseline is
    #[arg(long, default_value = "bench/guard/baseline.toml")]
    baseline: PathBuf,
}

/// Whatever goes wrong ends the run.
type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Check(file) => check(&file),
        Command::Record(file) => record(&file),
        Command::Work { work, times } => work.run(times).map(|()| ExitCode::SUCCESS),
    };
    done.unwrap_or_else(|error| {
        eprintln!("skynet-guard: {error}");
        ExitCode::FAILURE
    })
}

fn check(file: &File) -> Result<ExitCode, Failure> {
    let baseline = Baseline::read(&file.baseline)?;
    println!(
        "instructions for one lead; {}% more fails",
        baseline::BOUND_PERCENT
    );
    println!("{:<10} {:>9} {:>9}  ratio", "path", "baseline", "now");
    let mut code = ExitCode::SUCCESS;
    for work in Work::ALL {
        let (before, now) = (baseline.of(work)?, count::per_lead(work)?);
        let verdict = Verdict::of(before, now);
        let said = match verdict {
            Verdict::Same => "",
            Verdict::Less => "  less: `make guard-record` keeps the gain",
            Verdict::More => "  TOO MANY",
        };
        let percent = now * 100 / before;
        println!(
            "{:<10} {before:>9} {now:>9}   {}.{:02}{said}",
            work.name(),
            percent / 100,
            percent % 100
        );
        if verdict == Verdict::More {
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}

fn record(file: &File) -> Result<ExitCode, Failure> {
    let mut baseline = Baseline::default();
    for work in Work::ALL {
        let now = count::per_lead(work)?;
        println!("{:<10} {now:>9}", work.name());
        baseline.set(work, now);
    }
    baseline.write(&file.baseline)?;
    Ok(ExitCode::SUCCESS)
}
