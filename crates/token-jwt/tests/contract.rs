//! The promises of the port, for each kind of key.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a test may stop at the first surprise"
)]

#[allow(dead_code, reason = "one kind of key is of use to other tests only")]
mod keys;

use std::sync::Arc;

use kernel::Secret;
use testkit::contract::token_codec::TokenCodecs;
use token_jwt::{JwtCodec, SigningKey};

mod by_secret {
    use super::*;

    testkit::token_codec_contract!(async {
        codecs(|| secret("the secret of this test, 32 bytes"))
    });
}

mod by_rsa_key {
    use super::*;

    testkit::token_codec_contract!(async {
        let pem = keys::rsa();
        codecs(|| SigningKey::from_pem(&pem).unwrap())
    });
}

mod by_ed25519_key {
    use super::*;

    testkit::token_codec_contract!(async {
        let pem = keys::ed25519();
        codecs(|| SigningKey::from_pem(&pem).unwrap())
    });
}

fn secret(text: &str) -> SigningKey {
    SigningKey::from_secret(&Secret::new(text.to_owned())).unwrap()
}

/// A codec with this key, and others: of another key, issuer and audience.
fn codecs(key: impl Fn() -> SigningKey) -> TokenCodecs {
    let other_key = secret("the secret of somebody else, 32 bytes");
    TokenCodecs {
        codec: Arc::new(JwtCodec::new(key(), "skynet", "skynet-api")),
        strangers: vec![
            Arc::new(JwtCodec::new(other_key, "skynet", "skynet-api")),
            Arc::new(JwtCodec::new(key(), "skynet2", "skynet-api")),
            Arc::new(JwtCodec::new(key(), "skynet", "other")),
        ],
    }
}
