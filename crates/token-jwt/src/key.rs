//! Keys, and the algorithms that they decide.

use std::fmt;

use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use kernel::{Cause, Secret};

/// A key to sign and check tokens with.
pub struct SigningKey {
    algorithm: Algorithm,
    private: EncodingKey,
    public: DecodingKey,
    published: Option<Published>,
}

/// What anybody may know of a key pair.
struct Published {
    id: String,
    key_set: String,
}

/// Why a key is refused; the key is no part of it.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A shared secret under [`SigningKey::SECRET_MIN_BYTES`].
    #[error("a token secret needs at least 32 bytes")]
    SecretTooShort,
    /// Not the PEM text of a private RSA or Ed25519 key.
    #[error("not a private rsa or ed25519 key in pem form")]
    NotAKey,
    /// An RSA key under [`SigningKey::RSA_MIN_BITS`].
    #[error("an rsa key for tokens needs at least 2048 bits")]
    RsaTooShort,
    /// It has the right form, but nothing can be signed with it.
    #[error("the token key does not sign")]
    Unusable(#[source] Cause),
}

impl SigningKey {
    /// The shortest shared secret, in bytes: as long as what HS256 makes of it.
    pub const SECRET_MIN_BYTES: usize = 32;
    /// The shortest RSA key, in bits.
    pub const RSA_MIN_BITS: usize = 2_048;

    /// A shared secret: HS256.
    ///
    /// # Errors
    ///
    /// [`KeyError::SecretTooShort`].
    pub fn from_secret(secret: &Secret<String>) -> Result<Self, KeyError> {
        let bytes = secret.expose().as_bytes();
        if bytes.len() < Self::SECRET_MIN_BYTES {
            return Err(KeyError::SecretTooShort);
        }
        Ok(Self {
            algorithm: Algorithm::HS256,
            private: EncodingKey::from_secret(bytes),
            public: DecodingKey::from_secret(bytes),
            published: None,
        })
    }

    /// The text of a PEM file with a private key: RS256 for RSA, `EdDSA` for Ed25519.
    ///
    /// # Errors
    ///
    /// See [`KeyError`].
    pub fn from_pem(pem: &Secret<String>) -> Result<Self, KeyError> {
        let pem = pem.expose().as_bytes();
        let (algorithm, private) = EncodingKey::from_ed_pem(pem)
            .map(|key| (Algorithm::EdDSA, key))
            .or_else(|_| EncodingKey::from_rsa_pem(pem).map(|key| (Algorithm::RS256, key)))
            .map_err(|_| KeyError::NotAKey)?;
        let mut jwk = Jwk::from_encoding_key(&private, algorithm).map_err(|_| KeyError::NotAKey)?;
        if rsa_bits(&jwk).is_some_and(|bits| bits < Self::RSA_MIN_BITS) {
            return Err(KeyError::RsaTooShort);
        }
        let id = jwk
            .thumbprint(ThumbprintHash::SHA256)
            .map_err(|_| KeyError::NotAKey)?;
        jwk.common.key_id = Some(id.clone());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        let public = DecodingKey::from_jwk(&jwk).map_err(|_| KeyError::NotAKey)?;
        let key_set = serde_json::to_string(&JwkSet { keys: vec![jwk] })
            .map_err(|error| KeyError::Unusable(Cause::new(error)))?;
        // The first token would find out too, but that is too late.
        jsonwebtoken::crypto::sign(b"a first try", &private, algorithm)
            .map_err(|error| KeyError::Unusable(Cause::new(error)))?;
        Ok(Self {
            algorithm,
            private,
            public,
            published: Some(Published { id, key_set }),
        })
    }

    pub(crate) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(crate) fn private(&self) -> &EncodingKey {
        &self.private
    }

    pub(crate) fn public(&self) -> &DecodingKey {
        &self.public
    }

    /// The thumbprint (RFC 7638) of a key pair; none for a shared secret.
    pub(crate) fn id(&self) -> Option<&str> {
        self.published.as_ref().map(|it| it.id.as_str())
    }

    /// The public key as a key set; none for a shared secret.
    pub(crate) fn published(&self) -> Option<&str> {
        self.published.as_ref().map(|it| it.key_set.as_str())
    }
}

/// The length of an RSA modulus, from its base64 text without padding.
fn rsa_bits(jwk: &Jwk) -> Option<usize> {
    match &jwk.algorithm {
        AlgorithmParameters::RSA(rsa) => Some(rsa.n.len() * 6 / 8 * 8),
        _ => None,
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}
