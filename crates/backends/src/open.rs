//! From a configuration to ports.

use std::time::Duration;

use auth::ports::{AccountStoreError, TokenError};
use auth::{Account, Claims, Role, TokenId};
use kernel::Secret;

use crate::accounts::create_for_development;
use crate::error::OpenError;
use crate::preparation::Preparation;
use crate::production::{self, Urls, Work};
use crate::{Config, Environment, Family, Ports, embedded};

/// Opens every backend of the chosen family, or none. Of the embedded family the caller holds the
/// [`DataLock`](crate::DataLock).
///
/// Files are ready to be used. Servers are not even connected: the [`Preparation`] does that, and
/// until then every call may fail as unavailable.
///
/// In development the store is migrated first, and a store without accounts gets those of a first
/// start. In production a schema of another version is refused and no account is made.
///
/// # Errors
///
/// [`OpenError`] names the first setting that cannot be used.
pub async fn open(config: &Config, work: Work) -> Result<(Ports, Preparation), OpenError> {
    match &config.family {
        Family::Embedded { store, queue } => {
            let ports = embedded::open(config, store, queue).await?;
            if config.environment == Environment::Development {
                create_for_development(&ports, config.bcrypt_cost).await?;
            }
            Ok((ports, Preparation::none()))
        }
        Family::Production {
            store,
            queue,
            cache,
            namespace,
        } => {
            let urls = Urls {
                store,
                queue,
                cache,
                namespace,
            };
            let (ports, servers) = production::connect(config, &urls, work)?;
            Ok((ports, Preparation::of(servers)))
        }
    }
}

/// Opens the backends beside a process that works on them: everything can be read, accounts and
/// parked messages can be changed and messages be published; no message can be taken. Caches and
/// limits of the embedded family are this process's own. Nothing is migrated or made but queues: a
/// schema of another version is refused.
///
/// # Errors
///
/// As [`open`].
pub async fn open_beside(config: &Config) -> Result<(Ports, Preparation), OpenError> {
    match &config.family {
        Family::Embedded { store, queue } => {
            let ports = embedded::open_beside(config, store, queue).await?;
            Ok((ports, Preparation::none()))
        }
        Family::Production {
            store,
            queue,
            cache,
            namespace,
        } => {
            let urls = Urls {
                store,
                queue,
                cache,
                namespace,
            };
            let (ports, servers) = production::connect_beside(config, &urls)?;
            Ok((ports, Preparation::of(servers)))
        }
    }
}

/// Brings the store's schema to that of this version. Of the embedded family the caller holds the
/// [`DataLock`](crate::DataLock).
///
/// # Errors
///
/// As [`open`], and [`OpenError::Unreachable`].
pub async fn migrate(config: &Config) -> Result<(), OpenError> {
    match &config.family {
        Family::Embedded { store, .. } => embedded::migrate(store).await,
        Family::Production { store, .. } => production::migrate(store).await,
    }
}
/// An account that may do everything; none when no active one is there.
///
/// # Errors
///
/// [`AccountStoreError`] when the accounts cannot be read.
pub async fn find_admin(ports: &Ports) -> Result<Option<Account>, AccountStoreError> {
    const PAGE: u16 = 100;
    let mut after = None;
    loop {
        let page = ports.accounts.list(after, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(None);
        };
        after = Some(last.id);
        let admin = page
            .into_iter()
            .find(|it| it.is_active && it.roles.allow(Role::Admin));
        if admin.is_some() {
            return Ok(admin);
        }
    }
}

/// A token for an account, good for `life`.
///
/// # Errors
///
/// [`TokenError::Failed`] when it cannot be signed.
pub fn issue_token(
    ports: &Ports,
    account: &Account,
    life: Duration,
) -> Result<Secret<String>, TokenError> {
    let now = ports.clock.now();
    ports.tokens.issue(&Claims {
        user: account.id,
        username: account.username.clone(),
        roles: account.roles,
        token: TokenId(ports.ids.next()),
        issued_at: now,
        expires_at: now.plus(life),
    })
}
