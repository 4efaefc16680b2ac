//! Claims as they are written in a token.

use std::borrow::Cow;

use auth::{Claims, Role, Roles, TokenId, Username};
use kernel::{Timestamp, UserId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Times are whole seconds since the epoch.
#[derive(Serialize, Deserialize)]
pub(crate) struct WireClaims<'a> {
    pub(crate) iss: Cow<'a, str>,
    pub(crate) aud: Cow<'a, str>,
    sub: Uuid,
    exp: u64,
    nbf: u64,
    iat: u64,
    jti: Uuid,
    roles: Vec<Cow<'a, str>>,
    username: Cow<'a, str>,
}

impl<'a> WireClaims<'a> {
    pub(crate) fn of(claims: &'a Claims, issuer: &'a str, audience: &'a str) -> Self {
        let issued_at = claims.issued_at.unix_seconds();
        let roles = claims.roles.as_slice().iter();
        Self {
            iss: Cow::Borrowed(issuer),
            aud: Cow::Borrowed(audience),
            sub: claims.user.0,
            exp: claims.expires_at.unix_seconds(),
            nbf: issued_at,
            iat: issued_at,
            jti: claims.token.0,
            roles: roles.map(|role| Cow::Borrowed(role.as_str())).collect(),
            username: Cow::Borrowed(claims.username.as_str()),
        }
    }

    pub(crate) fn not_before(&self) -> Timestamp {
        moment(self.nbf)
    }

    pub(crate) fn issued_at(&self) -> Timestamp {
        moment(self.iat)
    }

    /// What the token says; none when it names nobody, or no role of this system.
    pub(crate) fn into_domain(self) -> Option<Claims> {
        let roles = self.roles.iter().filter_map(|name| Role::from_name(name));
        Some(Claims {
            user: UserId(self.sub),
            username: Username::parse(&self.username).ok()?,
            roles: Roles::new(roles)?,
            token: TokenId(self.jti),
            issued_at: self.issued_at(),
            expires_at: moment(self.exp),
        })
    }
}

fn moment(seconds: u64) -> Timestamp {
    Timestamp::from_unix_ms(seconds.saturating_mul(1_000))
}
