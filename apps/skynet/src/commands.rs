//! Does what the command line asks for.
//!
//! Every command starts from a [`Context`]. What reads, and what changes accounts or parked
//! messages, opens the store beside a server that may run ([`Context::beside`]); what lives in the
//! server's memory is asked for through its API ([`Context::server`]).

mod api;
mod cache;
mod config;
mod doctor;
mod failed;
mod logs;
mod migrate;
mod queue;
mod serve;
mod user;

use std::path::PathBuf;
use std::time::Duration;

use backends::{Config, DataLock, LockError, OpenError, Ports};

use self::api::Api;
pub(crate) use self::api::no_admin;
use crate::cli::{Cli, Command, ConfigCommand};
use crate::failure::Failure;
use crate::{export, generate, import};

/// How long what still runs in the background may take when a command is over.
const LAST_BREATH: Duration = Duration::from_millis(100);

/// Does what the command line asks for.
///
/// # Errors
///
/// [`Failure`], with the code to exit with.
pub(crate) fn run(cli: Cli) -> Result<(), Failure> {
    logs::start(&cli.command);
    let context = Context {
        config_file: cli.config,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format_args!("no runtime: {error}")))?;
    let done = runtime.block_on(async {
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
    });
    runtime.shutdown_timeout(LAST_BREATH);
    done
}

/// What every command starts from.
pub(crate) struct Context {
    /// The file of settings that was asked for by name.
    pub(crate) config_file: Option<PathBuf>,
}

/// The backends, and what keeps others off them.
pub(crate) struct Opened {
    pub(crate) ports: Ports,
    /// None beside a process that works on them.
    _lock: Option<DataLock>,
}

impl Context {
    /// What this installation is told.
    pub(crate) fn config(&self) -> Result<Config, Failure> {
        Config::load(self.config_file.as_deref()).map_err(Failure::configuration)
    }

    /// The backends, alone where nobody works on them and beside whoever does.
    pub(crate) async fn open(&self, config: &Config) -> Result<Opened, Failure> {
        match DataLock::take(config) {
            Ok(lock) => Ok(Opened {
                ports: backends::open(config).await.map_err(|it| not_open(&it))?,
                _lock: Some(lock),
            }),
            Err(LockError::Held { .. }) => Ok(Opened {
                ports: self.beside(config).await?,
                _lock: None,
            }),
            Err(LockError::Folder(error)) => Err(not_open(&OpenError::Folder(error))),
        }
    }

    /// The backends as they are, beside whoever works on them.
    pub(crate) async fn beside(&self, config: &Config) -> Result<Ports, Failure> {
        backends::open_beside(config)
            .await
            .map_err(|it| not_open(&it))
    }

    /// The server that works on the data folder; none when nobody does.
    pub(crate) async fn server(&self, config: &Config) -> Result<Option<Api>, Failure> {
        match backends::look(config) {
            Ok(()) => Ok(None),
            Err(LockError::Held {
                address: Some(address),
            }) => {
                let ports = self.beside(config).await?;
                Ok(Some(Api::as_admin(&address, &ports).await?))
            }
            Err(LockError::Held { address: None }) => Err(Failure::failed(
                "another command works on the data folder, or a server is just starting",
            )),
            Err(LockError::Folder(error)) => Err(not_open(&OpenError::Folder(error))),
        }
    }
}

/// The failure of a command whose backends do not open.
pub(crate) fn not_open(error: &OpenError) -> Failure {
    let line = format_args!("{}: {error}", error.setting());
    if error.is_configuration() {
        Failure::configuration(line)
    } else {
        Failure::failed(line)
    }
}
