//! `skynet doctor`: what is configured, reachable and wrong, in one screen. It makes and changes
//! nothing.

use std::fmt;
use std::time::Duration;

use backends::{Config, Environment, Family, LockError, OpenError, Ports, Signing};
use reqwest::Client;

use super::Context;
use crate::failure::Failure;
use crate::output;

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
    let mut findings = vec![
        ("configuration", Finding::Well(configuration(&config))),
        ("data folder", folder(&config)),
        ("server", server(&config).await),
    ];
    match backends::open_beside(&config).await {
        Ok(ports) => findings.extend(backends_of(&config, &ports).await),
        Err(OpenError::SchemaPending) if is_new(&config) => findings.push((
            "store",
            Finding::NotYet("made by the first start".to_owned()),
        )),
        Err(error) => findings.push((
            "backends",
            Finding::Wrong(format!("{}: {error}", error.setting())),
        )),
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
    let address = match backends::look(config) {
        Ok(()) => return Finding::Well("none runs".to_owned()),
        Err(LockError::Held { address: None }) => {
            return Finding::Well("another command works on the data folder".to_owned());
        }
        Err(LockError::Held {
            address: Some(address),
        }) => address,
        Err(LockError::Folder(error)) => {
            return Finding::Wrong(format!("SKYNET_DATA_DIR: {}", error.kind()));
        }
    };
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

async fn backends_of(config: &Config, ports: &Ports) -> Vec<(&'static str, Finding)> {
    let (store, queue) = match &config.family {
        Family::Embedded { store, queue } => {
            (store.display().to_string(), queue.display().to_string())
        }
        Family::Production { .. } => Default::default(),
    };
    let leads = match ports.finder.stats(ports.clock.now().day().start()).await {
        Ok(stats) => Finding::Well(format!("{store}, {} leads", stats.total())),
        Err(error) => Finding::Wrong(format!("SKYNET_DATABASE_URL: {error}")),
    };
    let waiting = match ports.monitor.depths().await {
        Ok(depths) => {
            let ready: u64 = depths.iter().map(|it| it.ready).sum();
            Finding::Well(format!("{queue}, {ready} messages wait"))
        }
        Err(error) => Finding::Wrong(format!("SKYNET_QUEUE_URL: {error}")),
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
        ("queue", waiting),
        ("parked leads", parked),
        ("accounts", accounts),
    ]
}

fn is_new(config: &Config) -> bool {
    match &config.family {
        Family::Embedded { store, .. } => {
            config.environment == Environment::Development && !store.exists()
        }
        Family::Production { .. } => false,
    }
}
