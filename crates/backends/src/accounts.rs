//! The accounts of a first start in development.

use auth::ports::{AccountStore, AccountStoreError, PasswordHasher};
use auth::{Account, EmailAddress, NewAccount, NewPassword, PasswordHash, Role, Roles, Username};
use kernel::{Cause, UserId};
use password_bcrypt::{BcryptHasher, development};

use crate::Ports;
use crate::error::{OpenError, Part};

/// An account that everybody knows.
#[derive(Clone, Copy, Debug)]
pub struct DevelopmentAccount {
    /// The name to sign in with.
    pub username: &'static str,
    /// The password.
    pub password: &'static str,
    email: &'static str,
    hash: &'static str,
    roles: &'static [Role],
}

/// The accounts that a first start in development makes, and no other start ever.
pub const DEVELOPMENT_ACCOUNTS: [DevelopmentAccount; 3] = [
    DevelopmentAccount {
        username: "admin",
        password: "password",
        email: "admin@example.com",
        hash: development::ADMIN,
        roles: &[Role::Admin, Role::User],
    },
    DevelopmentAccount {
        username: "user",
        password: "password123",
        email: "user@example.com",
        hash: development::USER,
        roles: &[Role::User],
    },
    DevelopmentAccount {
        username: "api_user",
        password: "api123",
        email: "api_user@example.com",
        hash: development::API_USER,
        roles: &[Role::User],
    },
];

/// Makes those that are missing where nobody has added another account. So a start that was broken
/// off is made good by the next one, and of several processes that start at once each account is
/// made by one.
pub(crate) async fn create_for_development(
    ports: &Ports,
    bcrypt_cost: u32,
) -> Result<(), OpenError> {
    make_missing(ports, bcrypt_cost)
        .await
        .map_err(|error| match error {
            AccountStoreError::Unavailable(cause) => OpenError::Unreachable {
                part: Part::Store,
                cause,
            },
            error @ AccountStoreError::Corrupt(_) => OpenError::Accounts(error),
        })
}

async fn make_missing(ports: &Ports, bcrypt_cost: u32) -> Result<(), AccountStoreError> {
    const ONE_MORE: u16 = 4;
    const _: () = assert!(ONE_MORE as usize == DEVELOPMENT_ACCOUNTS.len() + 1);
    let accounts: &dyn AccountStore = &*ports.accounts;
    let there = accounts.list(None, ONE_MORE).await?;
    let is_there = |known: &DevelopmentAccount| {
        let same = |it: &&Account| it.username.as_str() == known.username;
        there.iter().filter(same).count()
    };
    if DEVELOPMENT_ACCOUNTS.iter().map(is_there).sum::<usize>() < there.len() {
        return Ok(());
    }
    for known in DEVELOPMENT_ACCOUNTS.iter().filter(|it| is_there(it) == 0) {
        let account = NewAccount {
            id: UserId(ports.ids.next()),
            username: Username::parse(known.username).map_err(corrupt)?,
            email: EmailAddress::parse(known.email).map_err(corrupt)?,
            password: hash_of(known, &*ports.hasher, bcrypt_cost).await?,
            roles: Roles::new(known.roles.iter().copied())
                .ok_or_else(|| corrupt("an account without a role"))?,
            created_at: ports.clock.now(),
        };
        // Taken names and addresses are those of a process that started at the same time.
        accounts.add(&account).await?;
    }
    Ok(())
}

fn corrupt(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> AccountStoreError {
    AccountStoreError::Corrupt(Cause::new(error))
}

/// The constant at the cost it was made for, so that a start does not wait; else a fresh one,
/// where the password is one that may be chosen.
async fn hash_of(
    known: &DevelopmentAccount,
    hasher: &dyn PasswordHasher,
    bcrypt_cost: u32,
) -> Result<PasswordHash, AccountStoreError> {
    let constant = || PasswordHash::new(known.hash.to_owned());
    if bcrypt_cost == BcryptHasher::DEFAULT_COST {
        return Ok(constant());
    }
    match NewPassword::parse(known.password.to_owned()) {
        Ok(password) => hasher
            .hash(&password)
            .await
            .map_err(|error| AccountStoreError::Unavailable(Cause::new(error))),
        Err(_) => Ok(constant()),
    }
}
