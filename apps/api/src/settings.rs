//! What a server is told at its start.

use std::net::SocketAddr;
use std::time::Duration;

use backends::{Config, Environment};
use ipnet::IpNet;
use process::drain_time;

/// How a server behaves. Everything has a default but what must be chosen.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to listen.
    pub bind: SocketAddr,
    /// Well-known passwords are refused.
    pub production: bool,
    /// Pages of which origins may call.
    pub cors: CorsOrigins,
    /// Proxies whose `Forwarded` and `X-Forwarded-For` are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Requests a minute of a caller, or of an address without a token; at least one.
    pub rate_per_minute: u32,
    /// Sign-ins a minute to one account from one address; at least one.
    pub sign_in_rate_per_minute: u32,
    /// How long a token is good.
    pub token_life: Duration,
    /// How long `ready` answers 503 before the listener closes.
    pub drain_delay: Duration,
    /// How long running requests may take to finish once the listener is closed.
    pub shutdown: Duration,
    /// Threads that serve requests; at least one.
    pub workers: usize,
    /// Requests under way at once in the process; more are answered 503.
    pub in_flight_max: usize,
    /// How much may wait in the queue.
    pub watermarks: Watermarks,
    /// How long things may take.
    pub times: Times,
}

impl Settings {
    /// What the configuration says, with the usual bounds.
    pub fn of(config: &Config) -> Self {
        let finishing = drain_time(config.shutdown).saturating_sub(config.api.drain_delay);
        Self {
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
            ..Self::default()
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            bind: SocketAddr::from(([127, 0, 0, 1], 8001)),
            production: false,
            cors: CorsOrigins::Local,
            trusted_proxies: Vec::new(),
            rate_per_minute: 60_000,
            sign_in_rate_per_minute: 10,
            token_life: Duration::from_hours(1),
            drain_delay: Duration::ZERO,
            shutdown: Duration::from_secs(30),
            workers: std::thread::available_parallelism().map_or(2, |it| it.get().min(16)),
            in_flight_max: 4_096,
            watermarks: Watermarks::default(),
            times: Times::default(),
        }
    }
}

/// Pages of which origins may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CorsOrigins {
    /// Those of this host: `localhost`, `127.0.0.1` and `[::1]`, any port, `http` or `https`.
    Local,
    /// Exactly these.
    Exact(Vec<String>),
}

/// How many messages may wait in the queue before new work is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watermarks {
    /// From here on bulk submissions are refused.
    pub bulk: u64,
    /// From here on single leads are refused as well.
    pub single: u64,
}

impl Default for Watermarks {
    fn default() -> Self {
        Self {
            bulk: 500_000,
            single: 1_000_000,
        }
    }
}

/// How long things may take. Tests shorten them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// For the head of a request.
    pub head: Duration,
    /// Between two requests of a connection.
    pub keep_alive: Duration,
    /// Without a byte, after which a connection gives its buffers back, twice that at most.
    pub rest: Duration,
    /// For a client to take note that its connection closes.
    pub disconnect: Duration,
    /// Without a byte of a body.
    pub body_idle: Duration,
    /// After which a body is held to [`Times::body_bytes_per_second`].
    pub body_grace: Duration,
    /// The least average rate of a body.
    pub body_bytes_per_second: u64,
    /// For the whole body of a small request.
    pub small_body: Duration,
    /// For a dependency to say that it works.
    pub probe: Duration,
    /// How long that answer counts.
    pub probe_age: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(5),
            keep_alive: Duration::from_secs(75),
            rest: Duration::from_secs(1),
            disconnect: Duration::from_secs(1),
            body_idle: Duration::from_secs(30),
            body_grace: Duration::from_secs(30),
            body_bytes_per_second: 16 * 1_024,
            small_body: Duration::from_secs(30),
            probe: Duration::from_secs(1),
            probe_age: Duration::from_secs(1),
        }
    }
}
