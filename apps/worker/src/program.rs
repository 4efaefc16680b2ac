//! `skynet-worker`: stores leads over the servers of the production family.
//!
//! On SIGTERM or SIGINT it takes no more messages, and finishes those it holds or gives them back.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use backends::Work;
use clap::{Parser, ValueEnum};
use process::{Failure, PROGRAM_LEVEL, Signals, output};
use tokio_util::sync::CancellationToken;

use crate::{Settings, Worker};

const NAME: &str = "skynet-worker";

/// Takes leads from the queue and stores them.
#[derive(Debug, Parser)]
#[command(name = NAME, version)]
struct Cli {
    /// Settings that the environment does not give [default: skynet.toml, where there is one]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// What to work on
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Queue::Leads])]
    queues: Vec<Queue>,
    /// Batches that are stored side by side
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=64))]
    concurrency: u8,
}

/// A queue, as it is written on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Queue {
    /// Leads that wait to be stored
    Leads,
    /// Requests and answers that wait to be written down; not in this version
    Journal,
}

/// Reads the command line and works until the process is asked to end.
pub fn program() -> ExitCode {
    match process::parse::<Cli>() {
        Ok(cli) => {
            process::start_logs(PROGRAM_LEVEL);
            process::log_panics_by_place();
            process::run(NAME, work(cli))
        }
        Err(exit) => exit.into(),
    }
}

async fn work(cli: Cli) -> Result<(), Failure> {
    if cli.queues.contains(&Queue::Journal) {
        return Err(Failure::wrong_use(
            "--queues: this version keeps no journal, so leads is the only queue to work on",
        ));
    }
    let config = process::configuration(cli.config.as_deref())?;
    process::servers_only(NAME, &config)?;
    let mut signals = Signals::new()?;
    let loops = NonZeroUsize::new(cli.concurrency.into()).unwrap_or(NonZeroUsize::MIN);
    let (ports, preparation) = backends::open(&config, Work::Consume(loops)).await?;
    if process::is_asked_to_end(preparation, &mut signals).await? {
        return Ok(());
    }
    let stop = CancellationToken::new();
    let worker = Worker::new(&ports, Settings::of(&config, loops));
    let working = tokio::spawn(worker.run(stop.clone()));
    output::line(format_args!("{NAME} is ready"));
    signals.next().await;
    stop.cancel();
    let finish = async {
        if let Err(error) = working.await {
            tracing::error!(%error, "worker ended with an error");
        }
    };
    signals.drain(config.shutdown, finish).await;
    Ok(())
}
