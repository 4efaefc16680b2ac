//! Listening, serving, stopping.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use actix_http::HttpService;
use actix_service::{apply_fn_factory, map_config};
use actix_web::App;
use actix_web::dev::{AppConfig, ServerHandle};
use actix_web::http::KeepAlive;
use tokio::task::JoinHandle;

use crate::resting::{Lent, resting, told};
use crate::routes::routes;
use crate::services::Services;

/// The most connections of a worker.
const CONNECTIONS_PER_WORKER_MAX: usize = 10_000;

/// The HTTP server.
pub struct Server;

/// A server that runs until it is told to stop.
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    services: Arc<Services>,
    handle: ServerHandle,
    task: JoinHandle<io::Result<()>>,
}

/// Why nothing listens.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody else listens there.
    #[error("address {0} is in use")]
    InUse(SocketAddr),
    /// The address cannot be had.
    #[error("cannot listen on {0}")]
    Failed(SocketAddr, #[source] io::Error),
}

impl Server {
    /// Takes an address; port 0 takes any free port.
    ///
    /// # Errors
    ///
    /// See [`BindError`].
    pub fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
        TcpListener::bind(address).map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => BindError::InUse(address),
            _ => BindError::Failed(address, error),
        })
    }

    /// Serves on `listener`. Call it within a tokio runtime.
    ///
    /// # Errors
    ///
    /// When the listener cannot be used.
    pub fn start(listener: TcpListener, services: Arc<Services>) -> io::Result<Running> {
        let address = listener.local_addr()?;
        let settings = services.settings.clone();
        let shared = Arc::clone(&services);
        let builder = actix_server::Server::build()
            .workers(settings.workers.max(1))
            .max_concurrent_connections(CONNECTIONS_PER_WORKER_MAX)
            .shutdown_timeout(settings.shutdown.as_secs())
            .disable_signals();
        let signal = builder.graceful_shutdown_signal();
        // What `actix_web::HttpServer` does, which has no place for what goes on around a request.
        let server = builder
            .listen("http", listener, move || {
                let app = App::new().configure(routes(Arc::clone(&shared)));
                let app = map_config(app, |()| AppConfig::default());
                let signal = signal.clone();
                let stopping = move || {
                    let signal = signal.clone();
                    async move { signal.notified().await }
                };
                let http = HttpService::build()
                    .keep_alive(KeepAlive::Timeout(settings.times.keep_alive))
                    .client_request_timeout(settings.times.head)
                    .client_disconnect_timeout(settings.times.disconnect)
                    .graceful_shutdown_signal(stopping.clone())
                    .local_addr(address)
                    .on_connect_ext(|lent: &Lent, data| {
                        data.insert(lent.line());
                    })
                    .finish(apply_fn_factory(app, told));
                resting(http, settings.times, stopping)
            })?
            .run();
        Ok(Running {
            address,
            services,
            handle: server.handle(),
            task: tokio::spawn(server),
        })
    }
}

/// Where this machine can call what listens at `address`.
pub fn url_of(address: SocketAddr) -> String {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, address.port()))
}

impl Running {
    /// Where this machine can call it, also when it listens on all addresses.
    pub fn url(&self) -> String {
        url_of(self.address)
    }

    /// Turns `ready` to 503, waits the drain delay, closes the listener, and lets running
    /// requests finish within the shutdown time.
    ///
    /// # Errors
    ///
    /// When the server ended with an error.
    pub async fn stop(self) -> io::Result<()> {
        self.services.draining.store(true, Ordering::Relaxed);
        tokio::time::sleep(self.services.settings.drain_delay).await;
        self.handle.stop(true).await;
        self.task.await.map_err(io::Error::other)?
    }

    /// Closes the listener and every connection at once.
    ///
    /// # Errors
    ///
    /// As [`Running::stop`].
    pub async fn kill(self) -> io::Result<()> {
        self.handle.stop(false).await;
        self.task.await.map_err(io::Error::other)?
    }
}
