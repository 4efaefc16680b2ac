//! JSON Web Tokens (RFC 7519) of one algorithm, which the key decides and no token does.

mod claims;
mod key;

use std::fmt;

use auth::Claims;
use auth::ports::{TOKEN_LEEWAY, TokenCodec, TokenError};
use jsonwebtoken::{Header, Validation};
use kernel::{Cause, Secret, Timestamp};

use self::claims::WireClaims;
pub use self::key::{KeyError, SigningKey};

/// The longest token that is looked at, in bytes.
pub const TOKEN_MAX_BYTES: usize = 8 * 1024;

/// Makes and reads the tokens of one issuer for one audience, with one key.
pub struct JwtCodec {
    key: SigningKey,
    header: Header,
    validation: Validation,
    issuer: Box<str>,
    audience: Box<str>,
}

impl JwtCodec {
    /// A codec for tokens that say `iss` and `aud` like this.
    pub fn new(
        key: SigningKey,
        issuer: impl Into<Box<str>>,
        audience: impl Into<Box<str>>,
    ) -> Self {
        let mut header = Header::new(key.algorithm());
        header.kid = key.id().map(str::to_owned);
        // The algorithm and the signature are the library's to check; the claims are checked here,
        // against the moment that the caller gives.
        let mut validation = Validation::new(key.algorithm());
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        Self {
            key,
            header,
            validation,
            issuer: issuer.into(),
            audience: audience.into(),
        }
    }
}

impl TokenCodec for JwtCodec {
    fn issue(&self, claims: &Claims) -> Result<Secret<String>, TokenError> {
        let claims = WireClaims::of(claims, &self.issuer, &self.audience);
        jsonwebtoken::encode(&self.header, &claims, self.key.private())
            .map(Secret::new)
            .map_err(|error| TokenError::Failed(Cause::new(error)))
    }

    fn read(&self, token: &str, now: Timestamp) -> Result<Claims, TokenError> {
        if token.len() > TOKEN_MAX_BYTES {
            return Err(TokenError::Invalid);
        }
        let wire: WireClaims<'static> =
            jsonwebtoken::decode(token, self.key.public(), &self.validation)
                .map_err(|_| TokenError::Invalid)?
                .claims;
        if *wire.iss != *self.issuer || *wire.aud != *self.audience {
            return Err(TokenError::Invalid);
        }
        let latest_start = now.plus(TOKEN_LEEWAY);
        if wire.not_before() > latest_start || wire.issued_at() > latest_start {
            return Err(TokenError::Invalid);
        }
        let claims = wire.into_domain().ok_or(TokenError::Invalid)?;
        if now > claims.expires_at.plus(TOKEN_LEEWAY) {
            return Err(TokenError::Expired);
        }
        Ok(claims)
    }

    fn public_keys(&self) -> Option<String> {
        self.key.published().map(str::to_owned)
    }
}

impl fmt::Debug for JwtCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtCodec")
            .field("key", &self.key)
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}
