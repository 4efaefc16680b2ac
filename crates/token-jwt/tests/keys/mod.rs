//! Fresh private keys in PEM form.

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use kernel::Secret;

pub(crate) fn rsa() -> Secret<String> {
    let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let der: Pkcs8V1Der<'_> = key.as_der().unwrap();
    pem(der.as_ref())
}

pub(crate) fn ed25519() -> Secret<String> {
    pem(Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new())
        .unwrap()
        .as_ref())
}

pub(crate) fn ec() -> String {
    let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
    pem(key.unwrap().as_ref()).expose().clone()
}

fn pem(der: &[u8]) -> Secret<String> {
    let body = base64(der);
    Secret::new(format!(
        "-----BEGIN PRIVATE KEY-----\n{body}-----END PRIVATE KEY-----\n"
    ))
}

/// Base64 with padding, in lines of 64 characters.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for (at, chunk) in bytes.chunks(3).enumerate() {
        let bits = chunk
            .iter()
            .fold(0_usize, |bits, byte| (bits << 8) | usize::from(*byte));
        let bits = bits << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            if digit <= chunk.len() {
                text.push(char::from(DIGITS[(bits >> (18 - 6 * digit)) & 63]));
            } else {
                text.push('=');
            }
        }
        if at % 16 == 15 {
            text.push('\n');
        }
    }
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}
