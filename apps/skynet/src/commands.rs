//! Does what the command line asks for.
//!
//! Every command starts from a [`Context`]. What reads, and what changes accounts or parked
//! messages, opens the store beside a server that may run ([`Context::beside`]); what lives in the
//! server's memory is asked for through its API ([`Context::server`]). Servers of the production family
//! are there for all.

mod api;
mod cache;
mod config;
mod doctor;
mod failed;
mod migrate;
mod queue;
mod serve;
mod user;

use std::path::PathBuf;

use backends::{Config, DataLock, Family, LockError, OpenError, Ports, Preparation, Work};

use self::api::Api;
pub(crate) use self::api::no_admin;
use crate::cli::{Cli, Command, ConfigCommand};
use crate::{export, generate, import};
use process::Failure;

/// Does what the command line asks for.
///
/// # Errors
///
/// [`Failure`], with the code to exit with.
pub(crate) async fn run(cli: Cli) -> Result<(), Failure> {
    let context = Context {
        config_file: cli.config,
    };
    match cli.command {
        Command::Serve => serve::run(&context).await,
        Command::Migrate => migrate::run(&context).await,
        Command::User(command) => user::run(&context, command).await,
        Command::Import(args) => import::run(&context, args).await,
        Command::Export(args) => export::run(&context, args).await,
        Command::Generate(args) => generate::run(args),
        Command::Queue(command) => queue::run(&context, command).await,
        Command::Failed(command) => failed::run(&context, command).await,
        Command::Cache(command) => cache::run(&context, command).await,
        Command::Config(ConfigCommand::Check) => config::check(&context),
        Command::Doctor => doctor::run(&context).await,
    }
}

/// What every command starts from.
pub(crate) struct Context {
    /// The file of settings that was asked for by name.
    pub(crate) config_file: Option<PathBuf>,
}

/// The backends with a store that can be used, and what keeps others off them.
pub(crate) struct Opened {
    pub(crate) ports: Ports,
    preparation: Preparation,
    /// None beside a process that works on them.
    _lock: Option<DataLock>,
}

impl Opened {
    /// Sees that messages can be published.
    pub(crate) async fn queue(&self) -> Result<(), Failure> {
        Ok(self.preparation.queue().await?)
    }

    /// Sees that the cache can be used.
    pub(crate) async fn cache(&self) -> Result<(), Failure> {
        Ok(self.preparation.cache().await?)
    }
}

impl Context {
    /// What this installation is told.
    pub(crate) fn config(&self) -> Result<Config, Failure> {
        process::configuration(self.config_file.as_deref())
    }

    /// The backends: files alone where nobody works on them, and beside whoever does; servers
    /// always beside others.
    pub(crate) async fn open(&self, config: &Config) -> Result<Opened, Failure> {
        match DataLock::take(config) {
            Ok(lock) => {
                let (ports, preparation) = backends::open(config, Work::Publish).await?;
                preparation.store().await?;
                Ok(Opened {
                    ports,
                    preparation,
                    _lock: Some(lock),
                })
            }
            Err(LockError::Held { .. }) => self.beside(config).await,
            Err(LockError::Folder(error)) => Err(OpenError::Folder(error).into()),
        }
    }

    /// The backends as they are, beside whoever works on them.
    pub(crate) async fn beside(&self, config: &Config) -> Result<Opened, Failure> {
        let (ports, preparation) = backends::open_beside(config).await?;
        preparation.store().await?;
        Ok(Opened {
            ports,
            preparation,
            _lock: None,
        })
    }

    /// The server that works on the data folder, or over servers the API at this machine's address;
    /// none when nobody is there.
    pub(crate) async fn server(&self, config: &Config) -> Result<Option<Api>, Failure> {
        if let Family::Production { .. } = config.family {
            let address = skynet_api::url_of(config.api.bind);
            if !api::is_live(&address).await {
                return Ok(None);
            }
            let opened = self.open(config).await?;
            return Ok(Some(Api::as_admin(&address, &opened.ports).await?));
        }
        match backends::look(config) {
            Ok(()) => Ok(None),
            Err(LockError::Held {
                address: Some(address),
            }) => {
                let opened = self.beside(config).await?;
                Ok(Some(Api::as_admin(&address, &opened.ports).await?))
            }
            Err(LockError::Held { address: None }) => Err(Failure::failed(
                "another command works on the data folder, or a server is just starting",
            )),
            Err(LockError::Folder(error)) => Err(OpenError::Folder(error).into()),
        }
    }
}
