//! `skynet doctor`: what is configured, reachable and wrong, in one screen. It changes nothing, and
//! makes nothing but queues that are missing.

use std::fmt;
use std::time::Duration;

use backends::{Config, Environment, Family, LockError, OpenError, Ports, Preparation, Signing};
use reqwest::Client;

use super::{Context, api};
use process::Failure;
use process::output;

/// How long the server may take to say whether it is ready.
const PATIENCE: Duration = Duration::from_secs(3);

/// What was found of a part.
enum Finding {
    Well(String),
    Wrong(String),
    NotYet(String),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Well(text) => write!(f, "ok       {text}"),
            Self::Wrong(text) => write!(f, "WRONG    {text}"),
            Self::NotYet(text) => write!(f, "not yet  {text}"),
        }
    }
}

/// Looks at every part.
pub(super) async fn run(context: &Context) -> Result<(), Failure> {
    let config = context.config()?;
    let mut findings = vec![("configuration", Finding::Well(configuration(&config)))];
    if let Family::Embedded { .. } = config.family {
        findings.push(("data folder", folder(&config)));
    }
    findings.push(("server", server(&config).await));
    match backends::open_beside(&config).await {
        Ok((ports, preparation)) => {
            findings.extend(backends_of(&config, &ports, &preparation).await);
        }
        Err(OpenError::SchemaPending) if is_new(&config) => findings.push((
            "store",
            Finding::NotYet("made by the first start".to_owned()),
        )),
        Err(error) => findings.push(("backends", refused(&error))),
    }
    let mut wrong = 0;
    for (part, finding) in &findings {
        wrong += usize::from(matches!(finding, Finding::Wrong(_)));
        output::line(format_args!("{part:<15}{finding}"));
    }
    match wrong {
        0 => Ok(()),
        wrong => Err(Failure::failed(format_args!("wrong: {wrong}"))),
    }
}

fn configuration(config: &Config) -> String {
    let environment = match config.environment {
        Environment::Development => "development",
        Environment::Production => "production",
    };
    let family = match config.family {
        Family::Embedded { .. } => "embedded",
        Family::Production { .. } => "production",
    };
    let signing = match config.signing {
        Signing::Secret(_) => "a secret",
        Signing::KeyFile(_) => "a key file",
        Signing::Made => "a secret made at the first start",
    };
    format!("{environment}, {family} family, tokens signed by {signing}")
}

fn folder(config: &Config) -> Finding {
    let shown = config.data_dir.display();
    match config.data_dir.metadata() {
        Ok(it) if it.is_dir() && !it.permissions().readonly() => Finding::Well(shown.to_string()),
        Ok(it) if it.is_dir() => Finding::Wrong(format!("SKYNET_DATA_DIR: {shown} is read-only")),
        Ok(_) => Finding::Wrong(format!("SKYNET_DATA_DIR: {shown} is no folder")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Finding::NotYet(format!("{shown}, made by the first start"))
        }
        Err(error) => Finding::Wrong(format!("SKYNET_DATA_DIR: {shown}: {}", error.kind())),
    }
}

async fn server(config: &Config) -> Finding {
    if let Family::Production { .. } = config.family {
        let address = skynet_api::url_of(config.api.bind);
        return if api::is_live(&address).await {
            readiness(&address).await
        } else {
            Finding::Well(format!("none answers at {address}"))
        };
    }
    match backends::look(config) {
        Ok(()) => Finding::Well("none runs".to_owned()),
        Err(LockError::Held { address: None }) => {
            Finding::Well("another command works on the data folder".to_owned())
        }
        Err(LockError::Held {
            address: Some(address),
        }) => readiness(&address).await,
        Err(LockError::Folder(error)) => {
            Finding::Wrong(format!("SKYNET_DATA_DIR: {}", error.kind()))
        }
    }
}

async fn readiness(address: &str) -> Finding {
    let ready = async {
        let client = Client::builder().timeout(PATIENCE).no_proxy().build()?;
        let url = format!("{address}/api/v1/health/ready");
        Ok::<_, reqwest::Error>(client.get(url).send().await?.status())
    };
    match ready.await {
        Ok(status) if status.is_success() => Finding::Well(format!("ready at {address}")),
        Ok(status) => Finding::Wrong(format!("{address} is not ready: {status}")),
        Err(_) => Finding::Wrong(format!("{address} does not answer")),
    }
}

fn refused(error: &OpenError) -> Finding {
    Finding::Wrong(format!("{}: {error}", error.setting()))
}

async fn backends_of(
    config: &Config,
    ports: &Ports,
    preparation: &Preparation,
) -> Vec<(&'static str, Finding)> {
    let (store, queue, cache) = tokio::join!(
        preparation.store(),
        preparation.queue(),
        preparation.cache()
    );
    let mut findings = Vec::new();
    match store {
        Ok(()) => findings.extend(in_store(config, ports).await),
        Err(error) => findings.push(("store", refused(&error))),
    }
    findings.push(match queue {
        Ok(()) => ("queue", in_queue(config, ports).await),
        Err(error) => ("queue", refused(&error)),
    });
    if let Family::Production { .. } = config.family {
        findings.push(match cache {
            Ok(()) => ("cache", Finding::Well("shared by all nodes".to_owned())),
            Err(error) => ("cache", refused(&error)),
        });
    }
    findings
}

async fn in_store(config: &Config, ports: &Ports) -> Vec<(&'static str, Finding)> {
    let place = match &config.family {
        Family::Embedded { store, .. } => format!("{}, ", store.display()),
        Family::Production { .. } => String::new(),
    };
    let leads = match ports.finder.stats(ports.clock.now().day().start()).await {
        Ok(stats) => Finding::Well(format!("{place}{} leads", stats.total())),
        Err(error) => Finding::Wrong(format!("SKYNET_DATABASE_URL: {error}")),
    };
    let parked = match ports.dead_letters.count().await {
        Ok(0) => Finding::Well("none".to_owned()),
        Ok(some) => Finding::Wrong(format!("{some}; see `skynet failed list`")),
        Err(error) => Finding::Wrong(error.to_string()),
    };
    let accounts = match backends::find_admin(ports).await {
        Ok(Some(_)) => Finding::Well("an active admin is there".to_owned()),
        Ok(None) => Finding::Wrong("no active admin; see `skynet user add`".to_owned()),
        Err(error) => Finding::Wrong(error.to_string()),
    };
    vec![
        ("store", leads),
        ("parked leads", parked),
        ("accounts", accounts),
    ]
}

async fn in_queue(config: &Config, ports: &Ports) -> Finding {
    let depths = match ports.monitor.depths().await {
        Ok(depths) => depths,
        Err(error) => return Finding::Wrong(format!("SKYNET_QUEUE_URL: {error}")),
    };
    let ready: u64 = depths.iter().map(|it| it.ready).sum();
    Finding::Well(match &config.family {
        Family::Embedded { queue, .. } => format!("{}, {ready} messages wait", queue.display()),
        Family::Production { .. } => {
            let workers = depths.first().map_or(0, |it| it.consumers);
            format!("{ready} messages wait, {workers} workers take them")
        }
    })
}

fn is_new(config: &Config) -> bool {
    match &config.family {
        Family::Embedded { store, .. } => {
            config.environment == Environment::Development && !store.exists()
        }
        Family::Production { .. } => false,
    }
}
