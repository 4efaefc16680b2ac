//! The accounts of a first start in development.

use auth::ports::{AccountStore, AccountStoreError, PasswordHasher};
use auth::{EmailAddress, NewAccount, NewPassword, PasswordHash, Role, Roles, Username};
use kernel::{Cause, UserId};
use password_bcrypt::{BcryptHasher, development};

use crate::Ports;

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

/// Makes them where there is no account at all.
pub(crate) async fn create_for_development(
    ports: &Ports,
    bcrypt_cost: u32,
) -> Result<(), AccountStoreError> {
    let accounts: &dyn AccountStore = &*ports.accounts;
    if !accounts.list(None, 1).await?.is_empty() {
        return Ok(());
    }
    for known in DEVELOPMENT_ACCOUNTS {
        let account = NewAccount {
            id: UserId(ports.ids.next()),
            username: Username::parse(known.username).map_err(corrupt)?,
            email: EmailAddress::parse(known.email).map_err(corrupt)?,
            password: hash_of(&known, &*ports.hasher, bcrypt_cost).await?,
            roles: Roles::new(known.roles.iter().copied())
                .ok_or_else(|| corrupt("an account without a role"))?,
            created_at: ports.clock.now(),
        };
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
