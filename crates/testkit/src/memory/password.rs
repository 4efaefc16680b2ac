//! Passwords that are kept as they are: fast, and for tests only.

use async_trait::async_trait;
use auth::ports::{HashError, PasswordHasher};
use auth::{NewPassword, PasswordHash};
use kernel::Secret;

/// "Hashes" by writing `plain:` in front.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlainHasher;

#[async_trait]
impl PasswordHasher for PlainHasher {
    async fn hash(&self, password: &NewPassword) -> Result<PasswordHash, HashError> {
        let text = password.secret().expose();
        Ok(PasswordHash::new(format!("plain:{text}")))
    }

    async fn verify(
        &self,
        password: &Secret<String>,
        hash: Option<&PasswordHash>,
    ) -> Result<bool, HashError> {
        let kept = hash.and_then(|it| it.expose().strip_prefix("plain:"));
        let choosable = NewPassword::parse(password.expose().clone()).is_ok();
        Ok(choosable && kept == Some(password.expose().as_str()))
    }
}
