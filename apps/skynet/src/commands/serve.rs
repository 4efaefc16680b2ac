//! `skynet serve`: API and worker in one process.
//!
//! # Threads
//!
//! The process has one tokio runtime with a thread for each core. On it run the worker's loops,
//! the queue's writer, housekeeping, signals, and the task that accepts connections. Requests are
//! served by the threads of the API's own actix workers, one for each core, each with a runtime of
//! one thread; a handler never waits for the worker, only for ports. `SQLite` has threads of its
//! own for each connection, and passwords are hashed on a bounded pool, so neither holds up
//! requests.
//!
//! # Stopping
//!
//! On SIGTERM or SIGINT `ready` turns 503; after the drain delay the listener closes and running
//! requests finish, while the worker finishes or returns what it holds. Both have the shutdown
//! time together. A second signal ends the process at once.

use std::num::NonZeroUsize;

use backends::{
    Config, DEVELOPMENT_ACCOUNTS, DataLock, Environment, Family, LockError, OpenError, Work,
};
use process::{Failure, Signals, output};
use skynet_api::{Server, Services};
use skynet_worker::Worker;
use tokio_util::sync::CancellationToken;

use super::Context;

/// Loops of the worker. The embedded store has one writer: while it works for one loop, the other
/// takes and settles.
const LOOPS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);

/// Serves until a signal, then drains.
pub(super) async fn run(context: &Context) -> Result<(), Failure> {
    let config = context.config()?;
    let mut signals = Signals::new()?;
    let mut lock = DataLock::take(&config).map_err(|error| match error {
        LockError::Held { address } => Failure::configuration(format_args!(
            "SKYNET_DATA_DIR: another process works on the folder{}",
            address.map(|it| format!(", at {it}")).unwrap_or_default()
        )),
        LockError::Folder(error) => OpenError::Folder(error).into(),
    })?;
    let listener = Server::bind(config.api.bind)
        .map_err(|error| Failure::configuration(format_args!("SKYNET_BIND: {error}")))?;
    let (ports, preparation) = backends::open(&config, Work::Consume(LOOPS))
        .await
        .map_err(|error| {
            // Whatever the reason, it is one that starting again does not remove.
            Failure::configuration(format_args!("{}: {error}", error.setting()))
        })?;

    let services = Services::new(ports.clone(), skynet_api::Settings::of(&config));
    let server = Server::start(listener, services)
        .map_err(|error| Failure::configuration(format_args!("SKYNET_BIND: {error}")))?;
    if process::is_asked_to_end(preparation, &mut signals).await? {
        return server.stop().await.map_err(Failure::failed);
    }
    let stop = CancellationToken::new();
    let worker = Worker::new(&ports, skynet_worker::Settings::of(&config, LOOPS));
    let worker = tokio::spawn(worker.run(stop.clone()));
    let address = server.url();
    lock.announce(&address).map_err(OpenError::Folder)?;
    greet(&config, &address);

    signals.next().await;
    stop.cancel();
    let api = async {
        if let Err(error) = server.stop().await {
            tracing::error!(%error, "api ended with an error");
        }
    };
    let worker = async {
        if let Err(error) = worker.await {
            tracing::error!(%error, "worker ended with an error");
        }
    };
    let both = async {
        tokio::join!(api, worker);
    };
    signals.drain(config.shutdown, both).await;
    drop(lock);
    Ok(())
}

fn greet(config: &Config, address: &str) {
    output::line(format_args!("skynet is ready at {address}"));
    if let Family::Embedded { .. } = config.family {
        output::line(format_args!("  data        {}", config.data_dir.display()));
    }
    if config.environment == Environment::Production {
        return;
    }
    let accounts: Vec<String> = DEVELOPMENT_ACCOUNTS
        .iter()
        .map(|it| format!("{} / {}", it.username, it.password))
        .collect();
    output::line(format_args!(
        "  accounts    {} (development only)",
        accounts.join(", ")
    ));
    let [admin, ..] = DEVELOPMENT_ACCOUNTS;
    output::line("  first call");
    output::line(format_args!(
        "    curl -s {address}/api/v1/login -H 'Content-Type: application/json' \\\n      \
         -d '{{\"username\":\"{}\",\"password\":\"{}\"}}'",
        admin.username, admin.password
    ));
}
