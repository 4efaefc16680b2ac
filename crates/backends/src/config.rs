//! What a process is told: from the environment and `skynet.toml`, checked once.

mod error;
mod settings;
mod source;
mod value;

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use kernel::{Batch, Secret};
use lead::{Message, RetryPolicy};

pub use self::error::{ConfigError, Fault};
pub use self::settings::{SETTINGS, Setting, reference};
use self::source::Source;
use self::value::{duration, list, number, origin, scheme, sqlite_file};

/// Everything a process is told. It is whole: what contradicts itself is never built.
#[derive(Clone, Debug)]
pub struct Config {
    /// Development or production.
    pub environment: Environment,
    /// Where the data lives.
    pub family: Family,
    /// The folder of the embedded family's files, of the lock and of a made signing key.
    pub data_dir: PathBuf,
    /// How tokens are signed, and how long they are good.
    pub signing: Signing,
    /// How long a token is good.
    pub token_life: Duration,
    /// Cost of new password hashes.
    pub bcrypt_cost: u32,
    /// Waits between attempts.
    pub retry: RetryPolicy,
    /// The API.
    pub api: ApiConfig,
    /// The worker.
    pub worker: WorkerConfig,
    /// The request journal.
    pub journal: JournalConfig,
    /// Where metrics are shown; none when they are off.
    pub metrics_bind: Option<SocketAddr>,
    /// How long a process may take to finish what it holds.
    pub shutdown: Duration,
}

/// Whether unsafe defaults are welcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Environment {
    /// They make a first try easy.
    Development,
    /// They are refused.
    Production,
}

/// Backends that go together.
#[derive(Clone, Debug)]
pub enum Family {
    /// Files and memory of one machine.
    Embedded {
        /// The store's file.
        store: PathBuf,
        /// The queue's file; not the store's.
        queue: PathBuf,
    },
    /// Servers.
    Production {
        /// `MySQL`.
        store: Secret<String>,
        /// `RabbitMQ`.
        queue: Secret<String>,
        /// Redis.
        cache: Secret<String>,
        /// What the names of queues and keys begin with; empty but where several installations
        /// share servers. No setting says it.
        namespace: String,
    },
}

impl Family {
    /// Has the names of queues and keys begin with `namespace`, so that several installations can
    /// share servers; files are each installation's own.
    pub fn begin_names_with(&mut self, namespace: &str) {
        if let Self::Production { namespace: it, .. } = self {
            namespace.clone_into(it);
        }
    }
}

/// What signs tokens.
#[derive(Clone, Debug)]
pub enum Signing {
    /// This shared secret, at least [`Signing::SECRET_MIN_BYTES`] long.
    Secret(Secret<String>),
    /// The private key in this PEM file.
    KeyFile(PathBuf),
    /// A secret that is made at the first start and kept in the data folder.
    Made,
}

impl Signing {
    /// The shortest shared secret, in bytes.
    pub const SECRET_MIN_BYTES: usize = 32;
}

/// What the API is told.
#[derive(Clone, Debug)]
pub struct ApiConfig {
    /// Where it listens.
    pub bind: SocketAddr,
    /// Pages of which origins may call; none for those of this host, any port.
    pub cors_origins: Option<Vec<String>>,
    /// Networks of proxies that are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Requests a minute of one caller.
    pub rate_per_minute: u32,
    /// Sign-ins a minute to one user name from one address.
    pub sign_in_rate_per_minute: u32,
    /// How long `ready` answers 503 before the listener closes.
    pub drain_delay: Duration,
}

/// What the worker is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkerConfig {
    /// Leads that are stored at once, 1 to [`Message::MAX_LEADS`].
    pub batch: u16,
    /// The longest that a part-full batch waits.
    pub linger: Duration,
    /// How long batches and outcomes are kept.
    pub results_age: Duration,
}

/// What the request journal is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalConfig {
    /// Its folder.
    pub dir: PathBuf,
    /// What it keeps of bodies.
    pub payload: JournalPayload,
}

/// What the journal keeps of bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JournalPayload {
    /// Names and shapes; values that came with a lead are hidden.
    Masked,
    /// Nothing.
    None,
    /// Everything; development only.
    Full,
}

impl Config {
    /// Reads the process's environment and `file`; without one, `skynet.toml` where it exists.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the first setting that cannot be used.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        Self::read(file, std::env::vars_os())
    }

    /// As [`Config::load`], with an environment of the caller's.
    ///
    /// # Errors
    ///
    /// As [`Config::load`].
    pub fn read(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigError> {
        let source = Source::read(file, environment)?;
        let environment = source.parse(
            "SKYNET_ENV",
            "development or production",
            Environment::Development,
            |text| match text {
                "development" => Some(Environment::Development),
                "production" => Some(Environment::Production),
                _ => None,
            },
        )?;
        let data_dir = PathBuf::from(source.get("SKYNET_DATA_DIR").unwrap_or("data"));
        Ok(Self {
            environment,
            family: family(&source, &data_dir)?,
            signing: signing(&source, environment)?,
            token_life: seconds(&source, "SKYNET_JWT_TTL_SECONDS", 3_600, 1, 30 * 86_400)?,
            bcrypt_cost: source.parse(
                "SKYNET_BCRYPT_COST",
                "a whole number from 4 to 20",
                12,
                number(4..=20),
            )?,
            retry: source.parse(
                "SKYNET_RETRY_DELAYS",
                "a list of at most 20 durations such as 1s,2s, each up to 24h",
                RetryPolicy::default(),
                |text| list(duration)(text).and_then(RetryPolicy::new),
            )?,
            api: api(&source)?,
            worker: worker(&source)?,
            journal: journal(&source, environment, &data_dir)?,
            metrics_bind: source.parse(
                "SKYNET_METRICS_BIND",
                "an address and port such as 127.0.0.1:9001, or off",
                Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 9001))),
                |text| match text {
                    "off" => Some(None),
                    text => text.parse().ok().map(Some),
                },
            )?,
            shutdown: seconds(&source, "SKYNET_SHUTDOWN_SECONDS", 30, 1, 3_600)?,
            data_dir,
        })
    }
}

/// What is in force of a setting, for a person to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InForce {
    /// The setting.
    pub name: &'static str,
    /// Its value, without secrets.
    pub value: String,
    /// Somebody gave it; else it is the default.
    pub given: bool,
}

/// Every setting as it is in force.
///
/// # Errors
///
/// As [`Config::load`].
pub fn in_force(file: Option<&Path>) -> Result<Vec<InForce>, ConfigError> {
    let source = Source::read(file, std::env::vars_os())?;
    let shown = |setting: &Setting| {
        let given = source.get(setting.name);
        InForce {
            name: setting.name,
            value: given.map_or_else(
                || setting.default.replace('`', ""),
                |value| without_secrets(setting.name, value),
            ),
            given: given.is_some(),
        }
    };
    Ok(SETTINGS.iter().map(shown).collect())
}

fn without_secrets(name: &str, value: &str) -> String {
    match (name, value.split_once("://")) {
        ("SKYNET_JWT_SECRET", _) => "(hidden)".to_owned(),
        (name, Some((scheme, rest))) if name.ends_with("_URL") && rest.contains('@') => {
            let host = rest.rsplit_once('@').map_or("", |(_, host)| host);
            format!("{scheme}://(hidden)@{host}")
        }
        _ => value.to_owned(),
    }
}

fn family(source: &Source, data_dir: &Path) -> Result<Family, ConfigError> {
    const STORE: &str = "SKYNET_DATABASE_URL";
    const QUEUE: &str = "SKYNET_QUEUE_URL";
    const CACHE: &str = "SKYNET_CACHE_URL";
    let schemes = [(STORE, "sqlite"), (QUEUE, "sqlite"), (CACHE, "memory")]
        .map(|(name, fallback)| source.get(name).map_or(fallback, scheme));
    let secret = |name| Secret::new(source.get(name).unwrap_or_default().to_owned());
    let file = |name, default: &str| {
        source.parse(
            name,
            "a URL of the form sqlite://FILE",
            data_dir.join(default),
            sqlite_file,
        )
    };
    match schemes {
        ["sqlite", "sqlite", "memory"] => {
            let (store, queue) = (file(STORE, "skynet.db")?, file(QUEUE, "queue.db")?);
            source.parse(CACHE, "memory://", (), |text| {
                matches!(text, "memory:" | "memory://").then_some(())
            })?;
            if store == queue {
                return Err(ConfigError::new(QUEUE, Fault::SharedFile));
            }
            Ok(Family::Embedded { store, queue })
        }
        ["mysql", "amqp" | "amqps", "redis" | "rediss"] => Ok(Family::Production {
            store: secret(STORE),
            queue: secret(QUEUE),
            cache: secret(CACHE),
            namespace: String::new(),
        }),
        [store, queue, cache] => {
            let (name, form) = if !matches!(store, "sqlite" | "mysql") {
                (STORE, "a URL that begins with sqlite:// or mysql://")
            } else if !matches!(queue, "sqlite" | "amqp" | "amqps") {
                (QUEUE, "a URL that begins with sqlite:// or amqp://")
            } else if !matches!(cache, "memory" | "redis" | "rediss") {
                (CACHE, "a URL that begins with memory:// or redis://")
            } else {
                // The one that is not as the store is; the queue where both are not.
                let stray = match (store, queue) {
                    ("sqlite", "sqlite") | ("mysql", "amqp" | "amqps") => CACHE,
                    _ => QUEUE,
                };
                return Err(ConfigError::new(stray, Fault::MixedFamilies));
            };
            Err(ConfigError::new(name, Fault::Malformed(form)))
        }
    }
}

/// Parts of secrets that stand in examples and templates, in lower case.
const EXAMPLE_PARTS: [&str; 6] = [
    "changeme",
    "change-me",
    "change_me",
    "example",
    "placeholder",
    "your-secret",
];

fn signing(source: &Source, environment: Environment) -> Result<Signing, ConfigError> {
    const SECRET: &str = "SKYNET_JWT_SECRET";
    const KEY_FILE: &str = "SKYNET_JWT_PRIVATE_KEY_FILE";
    match (source.get(SECRET), source.get(KEY_FILE), environment) {
        (Some(_), Some(_), _) => Err(ConfigError::new(KEY_FILE, Fault::Exclusive(SECRET))),
        (None, Some(file), _) => Ok(Signing::KeyFile(PathBuf::from(file))),
        (None, None, Environment::Development) => Ok(Signing::Made),
        (None, None, Environment::Production) => {
            Err(ConfigError::new(SECRET, Fault::MissingInProduction))
        }
        (Some(secret), None, environment) => {
            if secret.len() < Signing::SECRET_MIN_BYTES {
                return Err(ConfigError::new(SECRET, Fault::TooShort));
            }
            let folded = secret.to_ascii_lowercase();
            let from_example = EXAMPLE_PARTS.iter().any(|part| folded.contains(part));
            if from_example && environment == Environment::Production {
                return Err(ConfigError::new(SECRET, Fault::Example));
            }
            Ok(Signing::Secret(Secret::new(secret.to_owned())))
        }
    }
}

fn api(source: &Source) -> Result<ApiConfig, ConfigError> {
    const RATE: &str = "a whole number from 1 to 4294967295";
    Ok(ApiConfig {
        bind: source.parse(
            "SKYNET_BIND",
            "an address and port such as 127.0.0.1:8001",
            SocketAddr::from((Ipv4Addr::LOCALHOST, 8001)),
            |text| text.parse().ok(),
        )?,
        cors_origins: source.parse(
            "SKYNET_CORS_ORIGINS",
            "a list of exact origins such as https://crm.example.com",
            None,
            |text| list(origin)(text).map(Some),
        )?,
        trusted_proxies: source.parse(
            "SKYNET_TRUSTED_PROXIES",
            "a list of networks such as 10.0.0.0/8",
            Vec::new(),
            list(network),
        )?,
        rate_per_minute: source.parse(
            "SKYNET_RATE_LIMIT_PER_MINUTE",
            RATE,
            60_000,
            number(1..=u32::MAX),
        )?,
        sign_in_rate_per_minute: source.parse(
            "SKYNET_LOGIN_RATE_PER_MINUTE",
            RATE,
            10,
            number(1..=u32::MAX),
        )?,
        drain_delay: seconds(source, "SKYNET_DRAIN_DELAY_SECONDS", 0, 0, 600)?,
    })
}

/// A network; a single address is one of its own.
fn network(text: &str) -> Option<IpNet> {
    let single = || text.parse::<IpAddr>().ok().map(IpNet::from);
    text.parse().ok().or_else(single)
}

fn worker(source: &Source) -> Result<WorkerConfig, ConfigError> {
    const BATCH_MAX: u16 = 1_000;
    const _: () = assert!(BATCH_MAX as usize == Message::MAX_LEADS);
    const _: () = assert!(BATCH_MAX as usize == Batch::<()>::MAX_LEN);
    const LINGER_MAX: Duration = Duration::from_secs(10);
    let days: u64 = source.parse(
        "SKYNET_RESULTS_DAYS",
        "a whole number from 1 to 36500",
        30,
        number(1..=36_500),
    )?;
    Ok(WorkerConfig {
        batch: source.parse(
            "SKYNET_WORKER_BATCH",
            "a whole number from 1 to 1000",
            500,
            number(1..=BATCH_MAX),
        )?,
        linger: source.parse(
            "SKYNET_WORKER_LINGER",
            "a duration such as 20ms, up to 10s",
            Duration::from_millis(20),
            |text| duration(text).filter(|it| *it <= LINGER_MAX),
        )?,
        results_age: Duration::from_secs(days * 86_400),
    })
}

fn journal(
    source: &Source,
    environment: Environment,
    data_dir: &Path,
) -> Result<JournalConfig, ConfigError> {
    const PAYLOAD: &str = "SKYNET_JOURNAL_PAYLOAD";
    let payload = source.parse(
        PAYLOAD,
        "masked, none or full",
        JournalPayload::Masked,
        |text| match text {
            "masked" => Some(JournalPayload::Masked),
            "none" => Some(JournalPayload::None),
            "full" => Some(JournalPayload::Full),
            _ => None,
        },
    )?;
    if payload == JournalPayload::Full && environment == Environment::Production {
        return Err(ConfigError::new(PAYLOAD, Fault::RefusedInProduction));
    }
    let dir = source
        .get("SKYNET_JOURNAL_DIR")
        .map_or_else(|| data_dir.join("journal"), PathBuf::from);
    Ok(JournalConfig { dir, payload })
}

fn seconds(
    source: &Source,
    name: &'static str,
    fallback: u64,
    least: u64,
    most: u64,
) -> Result<Duration, ConfigError> {
    source
        .parse(
            name,
            "a whole number of seconds within bounds",
            fallback,
            number(least..=most),
        )
        .map(Duration::from_secs)
}
