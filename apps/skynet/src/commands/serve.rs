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

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::time::Duration;

use backends::{Config, DEVELOPMENT_ACCOUNTS, DataLock, Environment, LockError, OpenError, Ports};
use skynet_api::{CorsOrigins, Running, Server, Services};
use skynet_worker::Worker;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{Context, not_open};
use crate::failure::{Exit, Failure};
use crate::output;

/// Of the shutdown time, what is kept for ending the process itself.
const LEAVING: Duration = Duration::from_millis(500);

/// Serves until a signal, then drains.
pub(super) async fn run(context: &Context) -> Result<(), Failure> {
    let config = context.config()?;
    let mut signals = Signals::new()?;
    let mut lock = DataLock::take(&config).map_err(|error| match error {
        LockError::Held { address } => Failure::configuration(format_args!(
            "SKYNET_DATA_DIR: another process works on the folder{}",
            address.map(|it| format!(", at {it}")).unwrap_or_default()
        )),
        LockError::Folder(error) => not_open(&OpenError::Folder(error)),
    })?;
    let listener = Server::bind(config.api.bind)
        .map_err(|error| Failure::configuration(format_args!("SKYNET_BIND: {error}")))?;
    let ports = backends::open(&config).await.map_err(|error| {
        // Whatever the reason, it is one that starting again does not remove.
        Failure::configuration(format_args!("{}: {error}", error.setting()))
    })?;

    let services = Services::new(ports.clone(), api_settings(&config));
    let server = Server::start(listener, services)
        .map_err(|error| Failure::configuration(format_args!("SKYNET_BIND: {error}")))?;
    let stop = CancellationToken::new();
    let worker = tokio::spawn(worker(&config, &ports).run(stop.clone()));
    let address = address_of(server.address);
    lock.announce(&address)
        .map_err(|error| not_open(&OpenError::Folder(error)))?;
    greet(&config, &address);

    signals.next().await;
    tracing::info!("draining");
    tokio::select! {
        () = drain(&config, server, worker, stop) => tracing::info!("stopped"),
        () = signals.next() => {
            tracing::warn!("stopped at once by a second signal");
            std::process::exit(Exit::Failed as i32);
        }
    }
    drop(lock);
    Ok(())
}

/// Stops both within the shutdown time. What is not done by then is safe in the queue.
async fn drain(config: &Config, server: Running, worker: JoinHandle<()>, stop: CancellationToken) {
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
    let both = async { tokio::join!(api, worker) };
    if timeout(drain_time(config) + LEAVING / 2, both)
        .await
        .is_err()
    {
        tracing::warn!("time is up, leaving what still runs");
    }
}

/// The part of the shutdown time in which work is finished.
fn drain_time(config: &Config) -> Duration {
    config.shutdown.saturating_sub(LEAVING)
}

fn api_settings(config: &Config) -> skynet_api::Settings {
    let finishing = drain_time(config).saturating_sub(config.api.drain_delay);
    skynet_api::Settings {
        bind: config.api.bind,
        production: config.environment == Environment::Production,
        cors: match &config.api.cors_origins {
            None => CorsOrigins::Local,
            Some(origins) => CorsOrigins::Exact(origins.clone()),
        },
        trusted_proxies: config.api.trusted_proxies.clone(),
        rate_per_minute: config.api.rate_per_minute,
        sign_in_rate_per_minute: config.api.sign_in_rate_per_minute,
        token_life: config.token_life,
        drain_delay: config.api.drain_delay,
        shutdown: finishing,
        ..skynet_api::Settings::default()
    }
}

fn worker(config: &Config, ports: &Ports) -> Worker {
    let settings = skynet_worker::Settings {
        batch: config.worker.batch,
        linger: config.worker.linger,
        // The embedded store has one writer: while it works for one loop, the other takes and
        // settles.
        concurrency: NonZeroUsize::MIN.saturating_add(1),
        retry: config.retry.clone(),
        results_age: config.worker.results_age,
        drain: drain_time(config),
    };
    Worker::new(ports, settings)
}

/// An address that this machine can call, also where the server listens on all of them.
fn address_of(listener: SocketAddr) -> String {
    let ip = match listener.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, listener.port()))
}

fn greet(config: &Config, address: &str) {
    output::line(format_args!("skynet is ready at {address}"));
    output::line(format_args!("  data        {}", config.data_dir.display()));
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

/// SIGTERM and SIGINT.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind).map_err(|error| Failure::failed(format_args!("no signals: {error}")))
        };
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
