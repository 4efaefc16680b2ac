//! What accounts need of the world.

use async_trait::async_trait;
use kernel::{Cause, Secret, Timestamp, UserId};

use crate::{
    Account, AccountChange, Allowance, Claims, NewAccount, PasswordHash, Quota, Roles, ThrottleKey,
    TokenId, Username,
};

/// The accounts, and the tokens that were revoked. Both survive every cache.
///
/// `Err` promises nothing: the same call may be made again.
#[async_trait]
pub trait AccountStore: Send + Sync + 'static {
    /// The account of that name, without regard to case.
    ///
    /// # Errors
    ///
    /// [`AccountStoreError`], as all of this port.
    async fn by_username(&self, username: &Username) -> Result<Option<Account>, AccountStoreError>;

    /// The account of that id.
    ///
    /// # Errors
    ///
    /// As all of this port.
    async fn by_id(&self, user: UserId) -> Result<Option<Account>, AccountStoreError>;

    /// A page of accounts in order of their ids: those after `after`, at most `limit` (up to 1,000).
    ///
    /// # Errors
    ///
    /// As all of this port.
    async fn list(
        &self,
        after: Option<UserId>,
        limit: u16,
    ) -> Result<Vec<Account>, AccountStoreError>;

    /// Adds an account. Of two with one name, or one e-mail without regard to case, one is added.
    /// Adding the same one (by id) again is [`Added::Yes`].
    ///
    /// # Errors
    ///
    /// As all of this port.
    async fn add(&self, account: &NewAccount) -> Result<Added, AccountStoreError>;

    /// Changes an account and gives it back; none when there is no such account.
    ///
    /// # Errors
    ///
    /// As all of this port.
    async fn change(
        &self,
        user: UserId,
        change: &AccountChange,
    ) -> Result<Option<Account>, AccountStoreError>;

    /// Notes a sign-in.
    ///
    /// # Errors
    ///
    /// As all of this port.
    async fn signed_in(&self, user: UserId, at: Timestamp) -> Result<(), AccountStoreError>;

    /// Status, roles and revocation in one look-up; none when there is no such account.
    ///
    /// # Errors
    ///
    /// As all of this port.
    async fn session(
        &self,
        user: UserId,
        token: TokenId,
    ) -> Result<Option<Session>, AccountStoreError>;

    /// Revokes a token. Revoking it again changes nothing. Revocations of tokens that ended
    /// before `now` may be forgotten.
    ///
    /// # Errors
    ///
    /// As all of this port.
    async fn revoke(
        &self,
        token: TokenId,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), AccountStoreError>;
}

/// What became of an account to add.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// It is there.
    Yes,
    /// Its name is taken.
    UsernameTaken,
    /// Its e-mail is taken.
    EmailTaken,
}

/// What the store says of a token's bearer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// The account may act.
    pub is_active: bool,
    /// What it may do now.
    pub roles: Roles,
    /// The token was revoked.
    pub is_revoked: bool,
}

/// Why the accounts could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum AccountStoreError {
    /// The call may be made again.
    #[error("account store unavailable")]
    Unavailable(#[source] Cause),
    /// A row breaks a rule of this crate.
    #[error("account store holds a row that cannot be read")]
    Corrupt(#[source] Cause),
}

/// Slow hashes. Work is done off the caller's thread, a few at a time, with a bounded wait.
#[async_trait]
pub trait PasswordHasher: Send + Sync + 'static {
    /// The hash of a new password.
    ///
    /// # Errors
    ///
    /// [`HashError`].
    async fn hash(&self, password: &crate::NewPassword) -> Result<PasswordHash, HashError>;

    /// Whether a password belongs to a hash. Without a hash the answer is `false` after the same
    /// time, so that nobody learns which accounts exist. A password that could not have been
    /// chosen, or a hash that cannot be read, is `false` after the same time too.
    ///
    /// # Errors
    ///
    /// [`HashError`].
    async fn verify(
        &self,
        password: &Secret<String>,
        hash: Option<&PasswordHash>,
    ) -> Result<bool, HashError>;
}

/// Why nothing was hashed.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// Too many wait already; trying again shortly helps.
    #[error("password hashing is busy")]
    Busy,
    /// It failed.
    #[error("password hashing failed")]
    Failed(#[source] Cause),
}

/// Makes and reads tokens. Its algorithm is its own and never taken from a token.
pub trait TokenCodec: Send + Sync + 'static {
    /// A signed token that says this.
    ///
    /// # Errors
    ///
    /// [`TokenError::Failed`].
    fn issue(&self, claims: &Claims) -> Result<Secret<String>, TokenError>;

    /// What a token says, when its signature, issuer, audience and times are good at `now`, give
    /// or take [`TOKEN_LEEWAY`].
    ///
    /// # Errors
    ///
    /// [`TokenError::Invalid`] or [`TokenError::Expired`].
    fn read(&self, token: &str, now: Timestamp) -> Result<Claims, TokenError>;

    /// The public keys as a JSON Web Key Set (RFC 7517); none when the key is a shared secret.
    fn public_keys(&self) -> Option<String>;
}

/// How far clocks of two hosts may be apart, for `exp`, `nbf` and `iat`.
pub const TOKEN_LEEWAY: std::time::Duration = std::time::Duration::from_secs(30);

/// Why a token is no good.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// Its form, signature, issuer, audience or times are wrong.
    #[error("token is not valid")]
    Invalid,
    /// It has ended.
    #[error("token has expired")]
    Expired,
    /// It could not be signed.
    #[error("token could not be made")]
    Failed(#[source] Cause),
}

/// Counts how often something is done. A throttle that is away falls back to the node's own count.
#[async_trait]
pub trait Throttle: Send + Sync + 'static {
    /// Takes one from the quota of `key`, if there is one to take.
    async fn take(&self, key: &ThrottleKey, quota: Quota) -> Allowance;
}
