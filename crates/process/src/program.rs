//! From a command line to an exit code.

use std::future::Future;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use backends::{Config, Family, OpenError, Preparation};
use clap::Parser;
use clap::error::ErrorKind;

use crate::exit::{Exit, Failure};
use crate::memory;
use crate::output;
use crate::signals::Signals;

/// How long what still runs in the background may take when a program is over.
const LAST_BREATH: Duration = Duration::from_millis(100);

/// What the command line says; where that cannot be known, or help was asked for, the code to exit
/// with once it is told.
///
/// # Errors
///
/// [`Exit::Done`] after help, [`Exit::WrongUse`] else.
pub fn parse<C: Parser>() -> Result<C, Exit> {
    C::try_parse().map_err(|error| {
        // Where nobody reads, nobody misses it.
        let _ = error.print();
        match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Done,
            _ => Exit::WrongUse,
        }
    })
}

/// Runs `work` on a runtime with a thread for each core, and tells why it failed. Meanwhile memory that is
/// free goes back to the system.
pub fn run(name: &str, work: impl Future<Output = Result<(), Failure>>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format_args!("no runtime: {error}")));
    let done = runtime.and_then(|runtime| {
        runtime.spawn(memory::give_back());
        let done = runtime.block_on(work);
        runtime.shutdown_timeout(LAST_BREATH);
        done
    });
    match done {
        Ok(()) => Exit::Done.into(),
        Err(failure) => {
            output::failure(name, &failure);
            failure.exit().into()
        }
    }
}

/// What this installation is told.
///
/// # Errors
///
/// [`Exit::Configuration`], naming the setting.
pub fn configuration(file: Option<&Path>) -> Result<Config, Failure> {
    Config::load(file).map_err(Failure::configuration)
}

/// Refuses a family whose data one process at a time can work on.
///
/// # Errors
///
/// [`Exit::Configuration`].
pub fn servers_only(name: &str, config: &Config) -> Result<(), Failure> {
    match config.family {
        Family::Production { .. } => Ok(()),
        Family::Embedded { .. } => Err(Failure::configuration(format_args!(
            "SKYNET_DATABASE_URL: {name} needs mysql://, and amqp:// and redis:// with it; \
             `skynet serve` runs on files"
        ))),
    }
}

/// Waits until the backends can be used, or the process is asked to end before.
///
/// # Errors
///
/// As [`Preparation::wait`].
pub async fn is_asked_to_end(
    preparation: Preparation,
    signals: &mut Signals,
) -> Result<bool, Failure> {
    tokio::select! {
        prepared = preparation.wait() => Ok(prepared.map(|()| false)?),
        () = signals.next() => Ok(true),
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        let line = format_args!("{}: {error}", error.setting());
        if error.is_configuration() {
            Self::configuration(line)
        } else {
            Self::failed(line)
        }
    }
}
