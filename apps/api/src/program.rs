//! `skynet-api`: serves the API over the servers of the production family.
//!
//! It listens at once, and is ready as soon as its servers are. On SIGTERM or SIGINT `ready` turns
//! 503; after the drain delay the listener closes and running requests finish.

use std::path::PathBuf;
use std::process::ExitCode;

use backends::Work;
use clap::Parser;
use process::{Failure, PROGRAM_LEVEL, Signals, output};

use crate::{Server, Services, Settings};

const NAME: &str = "skynet-api";

/// Answers consumers: takes in leads, and finds them.
#[derive(Debug, Parser)]
#[command(name = NAME, version)]
struct Cli {
    /// Settings that the environment does not give [default: skynet.toml, where there is one]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Reads the command line and serves until the process is asked to end.
pub fn program() -> ExitCode {
    match process::parse::<Cli>() {
        Ok(cli) => {
            process::start_logs(PROGRAM_LEVEL);
            process::log_panics_by_place();
            process::run(NAME, serve(cli))
        }
        Err(exit) => exit.into(),
    }
}

async fn serve(cli: Cli) -> Result<(), Failure> {
    let config = process::configuration(cli.config.as_deref())?;
    process::servers_only(NAME, &config)?;
    let mut signals = Signals::new()?;
    let unusable = |error: &dyn std::fmt::Display| {
        Failure::configuration(format_args!("SKYNET_BIND: {error}"))
    };
    let listener = Server::bind(config.api.bind).map_err(|error| unusable(&error))?;
    let (ports, preparation) = backends::open(&config, Work::Publish).await?;
    let services = Services::new(ports, Settings::of(&config));
    let server = Server::start(listener, services).map_err(|error| unusable(&error))?;
    if !process::is_asked_to_end(preparation, &mut signals).await? {
        output::line(format_args!("{NAME} is ready at {}", server.url()));
        signals.next().await;
    }
    let stop = async {
        if let Err(error) = server.stop().await {
            tracing::error!(%error, "api ended with an error");
        }
    };
    signals.drain(config.shutdown, stop).await;
    Ok(())
}
