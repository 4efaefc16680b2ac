//! Accounts and revoked tokens.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use auth::ports::{AccountStore, AccountStoreError, Added, Session};
use auth::{Account, AccountChange, NewAccount, TokenId, Username};
use kernel::{Cause, Timestamp, UserId};

use super::{Away, lock};

/// The accounts of a test.
#[derive(Debug, Default)]
pub struct MemoryAccounts {
    state: Mutex<State>,
    away: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    accounts: BTreeMap<UserId, Account>,
    /// With the end of each token.
    revoked: HashMap<TokenId, Timestamp>,
}

impl MemoryAccounts {
    /// From now on every call is [`AccountStoreError::Unavailable`], or no longer.
    pub fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
    }

    fn state(&self) -> Result<MutexGuard<'_, State>, AccountStoreError> {
        if self.away.load(Ordering::SeqCst) {
            Err(AccountStoreError::Unavailable(Cause::new(Away)))
        } else {
            Ok(lock(&self.state))
        }
    }
}

#[async_trait]
impl AccountStore for MemoryAccounts {
    async fn by_username(&self, username: &Username) -> Result<Option<Account>, AccountStoreError> {
        let state = self.state()?;
        let found = state
            .accounts
            .values()
            .find(|it| it.username.key() == username.key());
        Ok(found.cloned())
    }

    async fn by_id(&self, user: UserId) -> Result<Option<Account>, AccountStoreError> {
        Ok(self.state()?.accounts.get(&user).cloned())
    }

    async fn list(
        &self,
        after: Option<UserId>,
        limit: u16,
    ) -> Result<Vec<Account>, AccountStoreError> {
        let state = self.state()?;
        Ok(state
            .accounts
            .values()
            .filter(|it| after.is_none_or(|after| it.id > after))
            .take(usize::from(limit))
            .cloned()
            .collect())
    }

    async fn add(&self, account: &NewAccount) -> Result<Added, AccountStoreError> {
        let mut state = self.state()?;
        if state.accounts.contains_key(&account.id) {
            return Ok(Added::Yes);
        }
        let email_key = account.email.as_str().to_lowercase();
        for held in state.accounts.values() {
            if held.username.key() == account.username.key() {
                return Ok(Added::UsernameTaken);
            }
            if held.email.as_str().to_lowercase() == email_key {
                return Ok(Added::EmailTaken);
            }
        }
        let added = Account {
            id: account.id,
            username: account.username.clone(),
            email: account.email.clone(),
            password: account.password.clone(),
            roles: account.roles,
            is_active: true,
            created_at: account.created_at,
            last_login_at: None,
        };
        state.accounts.insert(account.id, added);
        Ok(Added::Yes)
    }

    async fn change(
        &self,
        user: UserId,
        change: &AccountChange,
    ) -> Result<Option<Account>, AccountStoreError> {
        let mut state = self.state()?;
        let Some(account) = state.accounts.get_mut(&user) else {
            return Ok(None);
        };
        let AccountChange {
            roles,
            password,
            is_active,
        } = change.clone();
        account.roles = roles.unwrap_or(account.roles);
        account.password = password.unwrap_or_else(|| account.password.clone());
        account.is_active = is_active.unwrap_or(account.is_active);
        Ok(Some(account.clone()))
    }

    async fn signed_in(&self, user: UserId, at: Timestamp) -> Result<(), AccountStoreError> {
        if let Some(account) = self.state()?.accounts.get_mut(&user) {
            account.last_login_at = Some(at);
        }
        Ok(())
    }

    async fn session(
        &self,
        user: UserId,
        token: TokenId,
    ) -> Result<Option<Session>, AccountStoreError> {
        let state = self.state()?;
        Ok(state.accounts.get(&user).map(|account| Session {
            is_active: account.is_active,
            roles: account.roles,
            is_revoked: state.revoked.contains_key(&token),
        }))
    }

    async fn revoke(
        &self,
        token: TokenId,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), AccountStoreError> {
        let mut state = self.state()?;
        state.revoked.retain(|_, ends_at| *ends_at >= now);
        state.revoked.insert(token, expires_at);
        Ok(())
    }
}
