//! What tokens on the wire must and must not do, beyond the port's promises.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test may stop at the first surprise"
)]

mod keys;

use auth::ports::{TokenCodec, TokenError};
use auth::{Claims, Role, Roles, TokenId, Username};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use kernel::{Secret, Timestamp, UserId};
use proptest::prelude::*;
use serde_json::{Value, json};
use token_jwt::{JwtCodec, KeyError, SigningKey, TOKEN_MAX_BYTES};
use uuid::Uuid;

const SECRET: &str = "only for the tests of this crate, 32 bytes and more";
const NOW: u64 = 1_795_000_000;

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

fn codec_of(key: SigningKey) -> JwtCodec {
    JwtCodec::new(key, "skynet", "skynet-api")
}

fn codec() -> JwtCodec {
    codec_of(SigningKey::from_secret(&secret(SECRET)).unwrap())
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix_ms(seconds * 1_000)
}

fn claims() -> Claims {
    Claims {
        user: UserId(Uuid::from_u128(7)),
        username: Username::parse("admin").unwrap(),
        roles: Roles::new(Role::ALL).unwrap(),
        token: TokenId(Uuid::from_u128(9)),
        issued_at: at(NOW),
        expires_at: at(NOW + 3_600),
    }
}

/// The claims of a good token, as JSON.
fn body() -> Value {
    json!({
        "iss": "skynet", "aud": "skynet-api", "sub": Uuid::from_u128(7), "exp": NOW + 3_600,
        "nbf": NOW, "iat": NOW, "jti": Uuid::from_u128(9), "roles": ["ROLE_ADMIN", "ROLE_USER"],
        "username": "admin",
    })
}

fn signed(header: &Header, body: &Value) -> String {
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::encode(header, body, &key).unwrap()
}

fn read_with(name: &str, value: Value) -> Result<Claims, TokenError> {
    let mut body = body();
    body[name] = value;
    codec().read(&signed(&Header::new(Algorithm::HS256), &body), at(NOW))
}

#[test]
fn the_claims_on_the_wire_are_the_documented_ones() {
    let token = codec().issue(&claims()).unwrap();
    let read: jsonwebtoken::TokenData<Value> =
        jsonwebtoken::dangerous::insecure_decode(token.expose()).unwrap();

    assert_eq!(read.claims, body());
    assert_eq!(read.header.alg, Algorithm::HS256);
}

#[test]
fn every_kind_of_key_reads_what_it_signed() {
    for key in [
        SigningKey::from_secret(&secret(SECRET)).unwrap(),
        SigningKey::from_pem(&keys::rsa()).unwrap(),
        SigningKey::from_pem(&keys::ed25519()).unwrap(),
    ] {
        let codec = codec_of(key);
        let token = codec.issue(&claims()).unwrap();

        assert_eq!(codec.read(token.expose(), at(NOW)).unwrap(), claims());
    }
}

#[test]
fn a_key_pair_publishes_its_public_half_and_names_it_in_each_token() {
    for (pem, kind) in [(keys::rsa(), "RSA"), (keys::ed25519(), "OKP")] {
        let codec = codec_of(SigningKey::from_pem(&pem).unwrap());
        let keys: Value = serde_json::from_str(&codec.public_keys().unwrap()).unwrap();
        let key = &keys["keys"][0];
        let token = codec.issue(&claims()).unwrap();
        let header = jsonwebtoken::decode_header(token.expose()).unwrap();

        assert_eq!(key["kty"], kind);
        assert_eq!(key["use"], "sig");
        assert_eq!(key["kid"].as_str(), header.kid.as_deref());
        for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            assert_eq!(key.get(private), None);
        }

        let jwk = serde_json::from_value(key.clone()).unwrap();
        let public = jsonwebtoken::DecodingKey::from_jwk(&jwk).unwrap();
        let mut validation = jsonwebtoken::Validation::new(header.alg);
        validation.validate_exp = false;
        validation.set_audience(&["skynet-api"]);
        let read = jsonwebtoken::decode::<Value>(token.expose(), &public, &validation).unwrap();
        assert_eq!(read.claims["sub"], body()["sub"]);
    }
}

#[test]
fn a_shared_secret_is_never_published() {
    assert_eq!(codec().public_keys(), None);
}

#[test]
fn an_end_counts_from_thirty_seconds_after_it() {
    let token = codec().issue(&claims()).unwrap();
    let read = |now| codec().read(token.expose(), at(now));

    assert!(read(NOW + 3_600 + 29).is_ok());
    assert!(matches!(read(NOW + 3_600 + 31), Err(TokenError::Expired)));
}

#[test]
fn a_start_or_issue_ahead_counts_up_to_thirty_seconds_before_it() {
    for name in ["nbf", "iat"] {
        assert!(read_with(name, json!(NOW + 29)).is_ok());
        assert!(matches!(
            read_with(name, json!(NOW + 31)),
            Err(TokenError::Invalid)
        ));
        assert!(matches!(
            read_with(name, json!(NOW + 600)),
            Err(TokenError::Invalid)
        ));
        assert!(matches!(
            read_with(name, json!(u64::MAX)),
            Err(TokenError::Invalid)
        ));
    }
}

#[test]
fn a_missing_or_mistyped_claim_is_invalid() {
    for name in [
        "iss", "aud", "sub", "exp", "nbf", "iat", "jti", "roles", "username",
    ] {
        let mut without = body();
        without.as_object_mut().unwrap().remove(name);
        let token = signed(&Header::new(Algorithm::HS256), &without);

        assert!(
            matches!(codec().read(&token, at(NOW)), Err(TokenError::Invalid)),
            "{name}"
        );
        assert!(
            matches!(read_with(name, json!(null)), Err(TokenError::Invalid)),
            "{name}"
        );
        assert!(
            matches!(read_with(name, json!({"a": 1})), Err(TokenError::Invalid)),
            "{name}"
        );
        assert!(
            matches!(read_with(name, json!(-1)), Err(TokenError::Invalid)),
            "{name}"
        );
    }
}

#[test]
fn another_issuer_or_audience_or_no_known_role_is_invalid() {
    for (name, value) in [
        ("iss", json!("skynet2")),
        ("aud", json!("other")),
        ("roles", json!([])),
        ("roles", json!(["ROLE_GOD"])),
        ("username", json!("")),
        ("sub", json!("admin")),
    ] {
        assert!(
            matches!(read_with(name, value), Err(TokenError::Invalid)),
            "{name}"
        );
    }
}

#[test]
fn the_algorithm_is_never_taken_from_the_token() {
    let good = codec().issue(&claims()).unwrap();
    let rest = &good.expose()[good.expose().find('.').unwrap()..];
    // {"alg":"none"}, {"alg":"None","typ":"JWT"}, {"alg":"RS256"}
    for header in [
        "eyJhbGciOiJub25lIn0",
        "eyJhbGciOiJOb25lIiwidHlwIjoiSldUIn0",
        "eyJhbGciOiJSUzI1NiJ9",
    ] {
        let forged = format!("{header}{rest}");
        let unsigned = format!("{}.", forged.rsplit_once('.').unwrap().0);

        assert!(matches!(
            codec().read(&forged, at(NOW)),
            Err(TokenError::Invalid)
        ));
        assert!(matches!(
            codec().read(&unsigned, at(NOW)),
            Err(TokenError::Invalid)
        ));
    }
    for other in [Algorithm::HS384, Algorithm::HS512] {
        let token = signed(&Header::new(other), &body());

        assert!(matches!(
            codec().read(&token, at(NOW)),
            Err(TokenError::Invalid)
        ));
    }
}

#[test]
fn a_public_key_is_no_shared_secret() {
    let pair = codec_of(SigningKey::from_pem(&keys::rsa()).unwrap());
    let published = pair.public_keys().unwrap();
    let key = EncodingKey::from_secret(published.as_bytes());
    let forged = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &body(), &key).unwrap();

    assert!(matches!(
        pair.read(&forged, at(NOW)),
        Err(TokenError::Invalid)
    ));
}

#[test]
fn a_token_of_another_key_is_invalid() {
    let other =
        codec_of(SigningKey::from_secret(&secret(&SECRET.replace("only", "ONLY"))).unwrap());
    let token = other.issue(&claims()).unwrap();

    assert!(matches!(
        codec().read(token.expose(), at(NOW)),
        Err(TokenError::Invalid)
    ));
}

#[test]
fn a_token_over_eight_kib_is_invalid_although_its_signature_is_good() {
    let mut long = body();
    long["more"] = json!("x".repeat(TOKEN_MAX_BYTES));
    let token = signed(&Header::new(Algorithm::HS256), &long);

    assert!(matches!(
        codec().read(&token, at(NOW)),
        Err(TokenError::Invalid)
    ));
}

#[test]
fn keys_that_are_too_short_or_no_keys_are_refused() {
    let short = SigningKey::from_secret(&secret(&SECRET[..31]));
    assert!(matches!(short, Err(KeyError::SecretTooShort)));
    assert!(SigningKey::from_secret(&secret(&SECRET[..32])).is_ok());

    let rsa = keys::rsa();
    let cut = &rsa.expose()[..rsa.expose().len() / 2];
    for text in ["", "garbage", cut, &keys::ec()] {
        assert!(matches!(
            SigningKey::from_pem(&secret(text)),
            Err(KeyError::NotAKey)
        ));
    }
}

#[test]
fn no_debug_output_shows_a_key() {
    let shown = format!("{:?}", codec());

    assert!(shown.contains("HS256"));
    assert!(!shown.contains(SECRET) && !shown.contains("111, 110, 108, 121"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_invalid_and_no_panic(text in "\\PC{0,80}|[A-Za-z0-9_-]{0,40}(\\.[A-Za-z0-9_-]{0,40}){1,4}") {
        prop_assert!(matches!(codec().read(&text, at(NOW)), Err(TokenError::Invalid)));
    }

    #[test]
    fn a_token_with_a_changed_character_is_invalid(at_index in any::<prop::sample::Index>(), to in "[A-Za-z0-9._-]") {
        let token = codec().issue(&claims()).unwrap();
        let mut changed = token.expose().clone();
        let at_index = at_index.index(changed.len());
        changed.replace_range(at_index..=at_index, &to);
        prop_assume!(&changed != token.expose());

        prop_assert!(matches!(codec().read(&changed, at(NOW)), Err(TokenError::Invalid)));
    }
}
