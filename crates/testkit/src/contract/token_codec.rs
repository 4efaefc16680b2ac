//! `TokenCodec`: what a token says, and which are no good.

#![allow(
    clippy::unused_async,
    reason = "every promise of every suite is asked the same way"
)]

use std::sync::Arc;
use std::time::Duration;

use auth::ports::{TOKEN_LEEWAY, TokenCodec, TokenError};
use auth::{Claims, Role, Roles, TokenId, Username};
use kernel::Timestamp;

use crate::fixtures::{any_id, any_user, now, unique};

/// The codec, and others of its kind whose tokens it must not take.
pub struct TokenCodecs {
    /// The codec.
    pub codec: Arc<dyn TokenCodec>,
    /// Each has another key, issuer or audience.
    pub strangers: Vec<Arc<dyn TokenCodec>>,
}

suite! {
    ($)
    /// What `TokenCodec` promises. Takes a future of
    /// [`TokenCodecs`](crate::contract::token_codec::TokenCodecs).
    token_codec_contract, token_codec:
    token_codec {
        a_token_says_what_was_put_into_it,
        a_token_that_was_tampered_with_is_not_valid,
        what_is_no_token_is_not_valid,
        a_strangers_token_is_not_valid,
        a_token_ends_with_leeway,
        a_token_of_the_future_is_not_valid_yet,
    }
}

const SECOND: Duration = Duration::from_secs(1);

fn this_second() -> Timestamp {
    Timestamp::from_unix_ms(now().unix_seconds() * 1_000)
}

fn any_claims() -> Claims {
    Claims {
        user: any_user(),
        username: Username::parse(&format!("Zoë-🦀-{}", unique())).unwrap(),
        roles: Roles::new([Role::User]).unwrap(),
        token: TokenId(any_id()),
        issued_at: this_second(),
        expires_at: this_second().plus(Duration::from_hours(1)),
    }
}

impl TokenCodecs {
    fn issue(&self, claims: &Claims) -> String {
        self.codec.issue(claims).unwrap().expose().clone()
    }

    fn is_invalid(&self, token: &str) -> bool {
        matches!(self.codec.read(token, now()), Err(TokenError::Invalid))
    }
}

/// Whoever it is of.
pub async fn a_token_says_what_was_put_into_it(codecs: &TokenCodecs) {
    for roles in [vec![Role::User], vec![Role::Admin], Role::ALL.to_vec()] {
        let claims = Claims {
            roles: Roles::new(roles).unwrap(),
            ..any_claims()
        };
        let token = codecs.issue(&claims);
        let fits_a_header = token.bytes().all(|byte| byte.is_ascii_graphic());
        assert!(fits_a_header && token.len() < 4_096);
        assert_eq!(codecs.codec.read(&token, now()).unwrap(), claims);
    }
}

/// Wherever a character is another one, is missing, or is added.
pub async fn a_token_that_was_tampered_with_is_not_valid(codecs: &TokenCodecs) {
    let token = codecs.issue(&any_claims());
    // The last character may carry bits that mean nothing.
    for at in 0..token.len() - 1 {
        let mut bytes = token.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let tampered = String::from_utf8(bytes).unwrap();
        assert!(codecs.is_invalid(&tampered), "at {at}");
        assert!(codecs.is_invalid(&token[..at]), "cut at {at}");
    }
    for tampered in [
        format!("{token}A"),
        format!("{token}."),
        format!(" {token}"),
        format!("{token}\n"),
    ] {
        assert!(codecs.is_invalid(&tampered));
    }
}

/// And harms nobody.
pub async fn what_is_no_token_is_not_valid(codecs: &TokenCodecs) {
    let long = "a.".repeat(100_000);
    for text in [
        "",
        ".",
        "..",
        "a.b.c",
        "🦀",
        "null",
        "e30.e30.e30",
        "eyJhbGciOiJub25lIn0.e30.",
        &long,
    ] {
        assert!(codecs.is_invalid(text));
    }
}

/// Another key, issuer or audience.
pub async fn a_strangers_token_is_not_valid(codecs: &TokenCodecs) {
    assert!(!codecs.strangers.is_empty());
    for stranger in &codecs.strangers {
        let token = stranger.issue(&any_claims()).unwrap();
        assert!(stranger.read(token.expose(), now()).is_ok());
        assert!(codecs.is_invalid(token.expose()));
    }
}

/// Clocks of two hosts may be apart.
pub async fn a_token_ends_with_leeway(codecs: &TokenCodecs) {
    let claims = any_claims();
    let token = codecs.issue(&claims);
    let last = claims.expires_at.plus(TOKEN_LEEWAY);

    assert_eq!(
        codecs.codec.read(&token, last.minus(SECOND)).unwrap(),
        claims
    );
    let ended = codecs.codec.read(&token, last.plus(SECOND));
    assert!(matches!(ended, Err(TokenError::Expired)));
    let long_ended = codecs.codec.read(&token, Timestamp::MAX);
    assert!(matches!(long_ended, Err(TokenError::Expired)));
}

/// With the same leeway.
pub async fn a_token_of_the_future_is_not_valid_yet(codecs: &TokenCodecs) {
    let claims = any_claims();
    let token = codecs.issue(&claims);
    let first = claims.issued_at.minus(TOKEN_LEEWAY);

    assert_eq!(
        codecs.codec.read(&token, first.plus(SECOND)).unwrap(),
        claims
    );
    for too_early in [first.minus(SECOND), Timestamp::from_unix_ms(0)] {
        let answer = codecs.codec.read(&token, too_early);
        assert!(matches!(answer, Err(TokenError::Invalid)));
    }
}
