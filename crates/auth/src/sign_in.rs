//! Signing in.

use std::sync::Arc;
use std::time::Duration;

use kernel::{Cause, Clock, IdSource, Secret};

use crate::ports::{
    AccountStore, AccountStoreError, HashError, PasswordHasher, TokenCodec, TokenError,
};
use crate::{Account, Claims, TokenId, Username};

/// Checks names and passwords and gives out tokens.
pub struct SignIn {
    accounts: Arc<dyn AccountStore>,
    hasher: Arc<dyn PasswordHasher>,
    tokens: Arc<dyn TokenCodec>,
    clock: Arc<dyn Clock>,
    ids: Arc<IdSource>,
    token_life: Duration,
}

/// A successful sign-in.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// Who signed in; `last_login_at` is this sign-in.
    pub account: Account,
    /// The token.
    pub token: Secret<String>,
    /// How long it is good.
    pub token_life: Duration,
}

/// Why a sign-in failed.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Unknown name, wrong password or disabled account: nobody learns which.
    #[error("name or password is wrong")]
    Refused,
    /// Too many sign-ins at once.
    #[error("sign-in is busy")]
    Busy,
    /// The accounts cannot be read.
    #[error(transparent)]
    Accounts(#[from] AccountStoreError),
    /// Hashing or signing failed.
    #[error("sign-in failed")]
    Failed(#[source] Cause),
}

impl SignIn {
    /// Sign-in over these ports, with tokens that live that long.
    pub fn new(
        accounts: Arc<dyn AccountStore>,
        hasher: Arc<dyn PasswordHasher>,
        tokens: Arc<dyn TokenCodec>,
        clock: Arc<dyn Clock>,
        ids: Arc<IdSource>,
        token_life: Duration,
    ) -> Self {
        Self {
            accounts,
            hasher,
            tokens,
            clock,
            ids,
            token_life,
        }
    }

    /// Signs in. Takes as long for an unknown name as for a wrong password.
    ///
    /// # Errors
    ///
    /// See [`SignInError`].
    pub async fn run(
        &self,
        username: &str,
        password: &Secret<String>,
    ) -> Result<SignedIn, SignInError> {
        let account = match Username::parse(username) {
            Ok(username) => self.accounts.by_username(&username).await?,
            Err(_) => None,
        };
        let hash = account.as_ref().map(|account| &account.password);
        let matches = self
            .hasher
            .verify(password, hash)
            .await
            .map_err(|error| match error {
                HashError::Busy => SignInError::Busy,
                HashError::Failed(cause) => SignInError::Failed(cause),
            })?;
        let Some(account) = account.filter(|account| matches && account.is_active) else {
            return Err(SignInError::Refused);
        };

        let now = self.clock.now();
        let claims = Claims {
            user: account.id,
            username: account.username.clone(),
            roles: account.roles,
            token: TokenId(self.ids.next()),
            issued_at: now,
            expires_at: now.plus(self.token_life),
        };
        let token = self
            .tokens
            .issue(&claims)
            .map_err(|error: TokenError| SignInError::Failed(Cause::new(error)))?;
        self.accounts.signed_in(account.id, now).await?;
        Ok(SignedIn {
            account: Account {
                last_login_at: Some(now),
                ..account
            },
            token,
            token_life: self.token_life,
        })
    }
}
