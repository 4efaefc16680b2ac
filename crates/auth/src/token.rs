//! What a token says.

use kernel::{Timestamp, UserId};
use uuid::Uuid;

use crate::{Roles, Username};

/// The identity of a token (`jti`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId(pub Uuid);

/// What a token says of its bearer. Issuer and audience are the codec's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Whose it is (`sub`).
    pub user: UserId,
    /// The name.
    pub username: Username,
    /// The roles at the time of issue.
    pub roles: Roles,
    /// Its identity (`jti`).
    pub token: TokenId,
    /// When it was made (`iat`, `nbf`), to the second.
    pub issued_at: Timestamp,
    /// When it ends (`exp`), to the second.
    pub expires_at: Timestamp,
}
