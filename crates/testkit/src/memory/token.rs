//! Tokens that anybody can read and nobody without the key can make; for tests only.

use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};

use auth::ports::{TOKEN_LEEWAY, TokenCodec, TokenError};
use auth::{Claims, Role, Roles, TokenId, Username};
use kernel::{Secret, Timestamp, UserId};
use uuid::Uuid;

/// Tokens of the form `field.field. ... .checksum`, with the fields in hexadecimal.
#[derive(Clone, Debug)]
pub struct PlainTokens {
    key: String,
}

impl PlainTokens {
    /// Tokens under a key.
    pub fn new(key: impl Into<String>) -> Self {
        Self { key: key.into() }
    }

    fn checksum(&self, body: &str) -> String {
        let mut hasher = DefaultHasher::new();
        (&self.key, body).hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    }
}

impl Default for PlainTokens {
    fn default() -> Self {
        Self::new("key of the tests")
    }
}

impl TokenCodec for PlainTokens {
    fn issue(&self, claims: &Claims) -> Result<Secret<String>, TokenError> {
        let roles = claims.roles.as_slice();
        let roles: Vec<&str> = roles.iter().map(|it| it.as_str()).collect();
        let fields = [
            claims.user.0.to_string(),
            claims.username.as_str().to_owned(),
            roles.join(" "),
            claims.token.0.to_string(),
            claims.issued_at.unix_seconds().to_string(),
            claims.expires_at.unix_seconds().to_string(),
        ];
        let body = fields.map(|it| to_hex(&it)).join(".");
        let checksum = self.checksum(&body);
        Ok(Secret::new(format!("{body}.{checksum}")))
    }

    fn read(&self, token: &str, now: Timestamp) -> Result<Claims, TokenError> {
        let (body, checksum) = token.rsplit_once('.').ok_or(TokenError::Invalid)?;
        if checksum != self.checksum(body) {
            return Err(TokenError::Invalid);
        }
        let claims = claims_of(body).ok_or(TokenError::Invalid)?;
        if now > claims.expires_at.plus(TOKEN_LEEWAY) {
            return Err(TokenError::Expired);
        }
        if now.plus(TOKEN_LEEWAY) < claims.issued_at {
            return Err(TokenError::Invalid);
        }
        Ok(claims)
    }

    fn public_keys(&self) -> Option<String> {
        None
    }
}

fn claims_of(body: &str) -> Option<Claims> {
    let fields: Vec<String> = body.split('.').map(from_hex).collect::<Option<_>>()?;
    let [user, username, roles, token, issued_at, expires_at] = fields.try_into().ok()?;
    let moment = |text: &str| {
        let seconds: u64 = text.parse().ok()?;
        Some(Timestamp::from_unix_ms(seconds * 1_000))
    };
    Some(Claims {
        user: UserId(Uuid::parse_str(&user).ok()?),
        username: Username::parse(&username).ok()?,
        roles: Roles::new(roles.split(' ').filter_map(Role::from_name))?,
        token: TokenId(Uuid::parse_str(&token).ok()?),
        issued_at: moment(&issued_at)?,
        expires_at: moment(&expires_at)?,
    })
}

fn to_hex(text: &str) -> String {
    let mut hex = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        // Writing to a `String` cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

fn from_hex(hex: &str) -> Option<String> {
    let pairs = hex.as_bytes().chunks(2);
    let bytes = pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    String::from_utf8(bytes.collect::<Option<_>>()?).ok()
}
