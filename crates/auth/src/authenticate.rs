//! Finding out who a caller is.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kernel::{Cause, Clock, Timestamp, UserId};

use crate::ports::{AccountStore, AccountStoreError, Session, TokenCodec, TokenError};
use crate::{Principal, Roles, TokenId, Verified};

/// The longest that a change of status or roles, or a revocation on another node, goes unseen.
pub const SESSION_MAX_AGE: Duration = Duration::from_secs(5);

/// The most sessions that are remembered, and the most tokens.
const SESSIONS_MAX: usize = 10_000;

/// A longer token is read each time, in bytes.
const REMEMBERED_MAX_BYTES: usize = 1_024;

/// How much of a token's end it is looked up by, in bytes. It is of the signature, so that two tokens
/// have the same only by chance.
const END_BYTES: usize = 16;

/// Checks tokens, asking the store at most once each [`SESSION_MAX_AGE`].
pub struct Authenticate {
    accounts: Arc<dyn AccountStore>,
    tokens: Arc<dyn TokenCodec>,
    clock: Arc<dyn Clock>,
    sessions: Mutex<HashMap<(UserId, TokenId), Remembered>>,
    /// What good tokens say, by their ends: checking a signature takes longer than all else that is
    /// done here.
    read: Mutex<HashMap<[u8; END_BYTES], Read>>,
}

/// A token that was good then. It is good until it expires, since nothing else about it changes
/// but what its session tells.
struct Read {
    token: String,
    bearer: Bearer,
    at: Timestamp,
}

/// What a token says of its bearer, as far as it is asked here.
#[derive(Clone, Copy)]
struct Bearer {
    user: UserId,
    token: TokenId,
    roles: Roles,
    expires_at: Timestamp,
}

#[derive(Clone, Copy)]
struct Remembered {
    session: Option<Session>,
    asked_at: Timestamp,
}

/// Why a caller is not let in.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticateError {
    /// The token is malformed, not ours, or not good yet.
    #[error("token is not valid")]
    Invalid,
    /// The token has ended.
    #[error("token has expired")]
    Expired,
    /// The token was revoked, or its account is disabled or gone.
    #[error("token was revoked")]
    Revoked,
    /// The accounts hold something that cannot be read.
    #[error("authentication failed")]
    Failed(#[source] Cause),
}

impl Authenticate {
    /// Authentication over these ports.
    pub fn new(
        accounts: Arc<dyn AccountStore>,
        tokens: Arc<dyn TokenCodec>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            accounts,
            tokens,
            clock,
            sessions: Mutex::new(HashMap::new()),
            read: Mutex::new(HashMap::new()),
        }
    }

    /// The bearer of `token`. While the store is away and nothing else is known of the token, its
    /// signature is enough for a [`Verified::TokenOnly`] principal.
    ///
    /// # Errors
    ///
    /// See [`AuthenticateError`].
    pub async fn run(&self, token: &str) -> Result<Principal, AuthenticateError> {
        let now = self.clock.now();
        let bearer = self.bearer(token, now).map_err(|error| match error {
            TokenError::Expired => AuthenticateError::Expired,
            TokenError::Invalid | TokenError::Failed(_) => AuthenticateError::Invalid,
        })?;
        let key = (bearer.user, bearer.token);
        let remembered = self.remembered(key);
        let (session, verified) = match remembered {
            Some(it) if now.since(it.asked_at) < SESSION_MAX_AGE && it.asked_at <= now => {
                (it.session, Verified::Account)
            }
            stale => match self.accounts.session(bearer.user, bearer.token).await {
                Ok(session) => {
                    self.remember(
                        key,
                        Remembered {
                            session,
                            asked_at: now,
                        },
                    );
                    (session, Verified::Account)
                }
                Err(AccountStoreError::Corrupt(cause)) => {
                    return Err(AuthenticateError::Failed(cause));
                }
                // What was known last still counts against the token, never for it.
                Err(AccountStoreError::Unavailable(_)) => match stale {
                    Some(it) => (it.session, Verified::TokenOnly),
                    None => return Ok(principal(bearer, None, Verified::TokenOnly)),
                },
            },
        };
        match session {
            Some(session) if session.is_active && !session.is_revoked => {
                Ok(principal(bearer, Some(session), verified))
            }
            _ => Err(AuthenticateError::Revoked),
        }
    }

    /// Revokes the token of `principal`, at once on this node.
    ///
    /// # Errors
    ///
    /// [`AccountStoreError`]; the token may still be good.
    pub async fn revoke(&self, token: &str) -> Result<(), AccountStoreError> {
        let now = self.clock.now();
        let Ok(claims) = self.tokens.read(token, now) else {
            return Ok(());
        };
        self.accounts
            .revoke(claims.token, claims.expires_at, now)
            .await?;
        self.remember(
            (claims.user, claims.token),
            Remembered {
                session: None,
                asked_at: now,
            },
        );
        Ok(())
    }

    /// Forgets what is known of an account, so that a change made on this node counts at once.
    pub fn forget(&self, user: UserId) {
        lock(&self.sessions).retain(|(it, _), _| *it != user);
    }

    /// What a good token says.
    fn bearer(&self, token: &str, now: Timestamp) -> Result<Bearer, TokenError> {
        let is_good = |it: &Read| it.at <= now && now <= it.bearer.expires_at;
        let end = token.as_bytes().last_chunk();
        if let Some(end) = end
            && let Some(known) = lock(&self.read).get(end)
            && known.token == token
            && is_good(known)
        {
            return Ok(known.bearer);
        }
        let claims = self.tokens.read(token, now)?;
        let bearer = Bearer {
            user: claims.user,
            token: claims.token,
            roles: claims.roles,
            expires_at: claims.expires_at,
        };
        if let Some(end) = end
            && token.len() <= REMEMBERED_MAX_BYTES
        {
            let mut read = lock(&self.read);
            if read.len() >= SESSIONS_MAX {
                read.retain(|_, it| is_good(it));
                if read.len() >= SESSIONS_MAX {
                    read.clear();
                }
            }
            let known = Read {
                token: token.to_owned(),
                bearer,
                at: now,
            };
            read.insert(*end, known);
        }
        Ok(bearer)
    }

    fn remembered(&self, key: (UserId, TokenId)) -> Option<Remembered> {
        lock(&self.sessions).get(&key).copied()
    }

    fn remember(&self, key: (UserId, TokenId), it: Remembered) {
        let mut sessions = lock(&self.sessions);
        if sessions.len() >= SESSIONS_MAX && !sessions.contains_key(&key) {
            let fresh_from = it.asked_at.minus(SESSION_MAX_AGE);
            sessions.retain(|_, it| it.asked_at >= fresh_from);
            if sessions.len() >= SESSIONS_MAX {
                sessions.clear();
            }
        }
        sessions.insert(key, it);
    }
}

/// What is behind a lock; every change of it is whole.
fn lock<T>(locked: &Mutex<T>) -> MutexGuard<'_, T> {
    locked.lock().unwrap_or_else(PoisonError::into_inner)
}

fn principal(bearer: Bearer, session: Option<Session>, verified: Verified) -> Principal {
    Principal {
        user: bearer.user,
        roles: session.map_or(bearer.roles, |session| session.roles),
        token: bearer.token,
        verified,
    }
}
