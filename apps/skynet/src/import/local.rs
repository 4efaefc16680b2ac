//! The installation on this machine: its store, or the server that holds it.

use std::time::Duration;

use auth::Account;
use backends::{Config, DataLock, LockError, OpenError, Ports, Work};
use kernel::{Secret, UserId};
use lead::RetryPolicy;

use crate::commands::{Context, no_admin};
use process::Failure;

/// How long a token for the server is good; another one follows it.
const TOKEN_LIFE: Duration = Duration::from_mins(10);

/// The store, opened for this process alone.
pub(super) struct Local {
    pub(super) ports: Ports,
    pub(super) policy: RetryPolicy,
    /// Whose the leads are.
    pub(super) owner: UserId,
    _lock: DataLock,
}

/// What was found.
pub(super) enum Found {
    /// Nobody works on the store.
    Store(Box<Local>),
    /// A server does.
    Server {
        /// Where it answers.
        base: String,
        /// Makes tokens that it takes.
        issue: Box<dyn Fn() -> Option<Secret<String>> + Send + Sync>,
    },
}

/// What this installation is told.
pub(super) fn config(context: &Context) -> Result<Config, Failure> {
    process::configuration(context.config_file.as_deref())
}

/// Opens the store, or finds the server that holds it.
pub(super) async fn open(config: &Config) -> Result<Found, Failure> {
    match DataLock::take(config) {
        Ok(lock) => {
            let (ports, preparation) = backends::open(config, Work::Publish).await?;
            preparation.store().await?;
            let admin = admin_of(&ports).await?;
            Ok(Found::Store(Box::new(Local {
                ports,
                policy: config.retry.clone(),
                owner: admin.id,
                _lock: lock,
            })))
        }
        Err(LockError::Held {
            address: Some(base),
        }) => {
            let (ports, _) = backends::open_beside(config).await?;
            let admin = admin_of(&ports).await?;
            let issue = move || backends::issue_token(&ports, &admin, TOKEN_LIFE).ok();
            Ok(Found::Server {
                base,
                issue: Box::new(issue),
            })
        }
        Err(LockError::Held { address: None }) => Err(Failure::failed(
            "another command works on the data folder, or a server is just starting",
        )),
        Err(LockError::Folder(error)) => Err(OpenError::Folder(error).into()),
    }
}

async fn admin_of(ports: &Ports) -> Result<Account, Failure> {
    let admin = backends::find_admin(ports).await.map_err(Failure::failed)?;
    admin.ok_or_else(no_admin)
}
