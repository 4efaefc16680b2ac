//! Every setting there is: the one table that the reader and the documentation share.

/// A setting: its name in the environment and in `skynet.toml`, what it is when nobody says, and
/// what it means.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The name, also the key in the file.
    pub name: &'static str,
    /// What is in force when it is not given, for a person to read.
    pub default: &'static str,
    /// What it means, for a person to read.
    pub meaning: &'static str,
}

const fn setting(name: &'static str, default: &'static str, meaning: &'static str) -> Setting {
    Setting {
        name,
        default,
        meaning,
    }
}

/// All settings, in the order in which they are explained.
pub const SETTINGS: &[Setting] = &[
    setting(
        "SKYNET_ENV",
        "`development`",
        "`development` or `production`; the second refuses unsafe values and creates no accounts",
    ),
    setting(
        "SKYNET_BIND",
        "`127.0.0.1:8001`",
        "address and port of the API; port 0 takes a free one",
    ),
    setting(
        "SKYNET_METRICS_BIND",
        "`127.0.0.1:9001`",
        "address and port of the metrics, or `off`",
    ),
    setting(
        "SKYNET_DATABASE_URL",
        "`sqlite://data/skynet.db`",
        "the store: `sqlite://FILE` or `mysql://USER:PASSWORD@HOST:PORT/NAME`; the default lies in the data folder",
    ),
    setting(
        "SKYNET_QUEUE_URL",
        "`sqlite://data/queue.db`",
        "the queue: `sqlite://FILE`, not the store's, or `amqp://USER:PASSWORD@HOST:PORT/VHOST`; the default lies in the data folder",
    ),
    setting(
        "SKYNET_CACHE_URL",
        "`memory://`",
        "the cache: `memory://` or `redis://HOST:PORT/NUMBER`",
    ),
    setting(
        "SKYNET_DATA_DIR",
        "`data`",
        "the folder that the embedded family keeps its files in; one process at a time",
    ),
    setting(
        "SKYNET_JOURNAL_DIR",
        "`data/journal`",
        "the folder of the request journal; the default lies in the data folder",
    ),
    setting(
        "SKYNET_JOURNAL_PAYLOAD",
        "`masked`",
        "what the journal keeps of bodies: `masked`, `none` or `full`; production refuses `full`",
    ),
    setting(
        "SKYNET_JWT_SECRET",
        "made at the first start in development, kept in the data folder",
        "the secret that signs tokens (HS256), at least 32 bytes; production needs it or a key file and refuses values from examples",
    ),
    setting(
        "SKYNET_JWT_PRIVATE_KEY_FILE",
        "none",
        "a private key in PEM that signs tokens (RS256 or EdDSA) instead of the secret",
    ),
    setting(
        "SKYNET_JWT_TTL_SECONDS",
        "`3600`",
        "how long a token is good: 1 to 2592000 seconds",
    ),
    setting(
        "SKYNET_CORS_ORIGINS",
        "local origins, any port",
        "list of exact origins whose pages may call, such as `https://crm.example.com`; `*` is refused",
    ),
    setting(
        "SKYNET_TRUSTED_PROXIES",
        "none",
        "list of networks (CIDR) whose `Forwarded` and `X-Forwarded-For` are believed",
    ),
    setting(
        "SKYNET_RATE_LIMIT_PER_MINUTE",
        "`60000`",
        "requests a minute of one caller",
    ),
    setting(
        "SKYNET_LOGIN_RATE_PER_MINUTE",
        "`10`",
        "sign-ins a minute to one user name from one address",
    ),
    setting(
        "SKYNET_BCRYPT_COST",
        "`12`",
        "cost of new password hashes: 4 to 20, each step doubles the time",
    ),
    setting(
        "SKYNET_RETRY_DELAYS",
        "`1s,2s,4s,8s,16s`",
        "list of waits before the attempts after the first, at most 20; then a lead is parked",
    ),
    setting(
        "SKYNET_WORKER_BATCH",
        "`500`",
        "leads that the worker stores at once: 1 to 1000",
    ),
    setting(
        "SKYNET_WORKER_LINGER",
        "`20ms`",
        "the longest that a part-full batch waits for more: up to 10s",
    ),
    setting(
        "SKYNET_SHUTDOWN_SECONDS",
        "`30`",
        "how long a process may take to finish what it holds: 1 to 3600 seconds",
    ),
    setting(
        "SKYNET_DRAIN_DELAY_SECONDS",
        "`0`",
        "how long `ready` answers 503 before the listener closes: up to 600 seconds",
    ),
    setting(
        "SKYNET_RESULTS_DAYS",
        "`30`",
        "how long batches and outcomes are kept: 1 to 36500 days",
    ),
];

/// The page of the documentation, made from [`SETTINGS`].
pub fn reference() -> String {
    let mut page = String::from(PREFACE);
    page.push_str("\n| Setting | Default | Meaning |\n|---|---|---|\n");
    for it in SETTINGS {
        for part in [
            "| `", it.name, "` | ", it.default, " | ", it.meaning, " |\n",
        ] {
            page.push_str(part);
        }
    }
    page
}

const PREFACE: &str = "\
# Configuration

Settings come from the environment, and from `skynet.toml` in the working folder (or the file that
`--config` names) under the same names. The environment wins; an empty value counts as not given. A
setting that does not exist, or a value that cannot be used, refuses the start with exit code 78 and
one line that names the setting. Secrets are never printed.

Durations are a whole number and a unit: `20ms`, `2s`, `5m`, `1h`. Lists are separated by commas; in
the file they may also be arrays. The schemes of the three URLs pick the family: `sqlite`, `sqlite`
and `memory` together are the embedded one, `mysql`, `amqp` and `redis` the production one; nothing
else goes together. This version opens the embedded family.

`skynet config check` shows what is in force, `RUST_LOG` (such as `info` or `skynet_worker=debug`)
sets what is logged to stderr. `SKYNET_TOKEN`, `SKYNET_USER` and `SKYNET_PASSWORD` are no settings: with
`skynet import --api` they say who sends.
";
