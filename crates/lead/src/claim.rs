//! Idempotency keys (draft-ietf-httpapi-idempotency-key-header).

use kernel::{Timestamp, UserId};

/// The text of an `Idempotency-Key`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyText(Box<str>);

impl KeyText {
    /// The longest key, in bytes.
    pub const MAX_BYTES: usize = 255;

    /// Reads a key: 1 to 255 visible ASCII characters or spaces.
    ///
    /// # Errors
    ///
    /// [`KeyTextError`] for anything else.
    pub fn parse(text: &str) -> Result<Self, KeyTextError> {
        let printable = text.bytes().all(|byte| (0x20..=0x7e).contains(&byte));
        if text.trim().is_empty() || text.len() > Self::MAX_BYTES || !printable {
            return Err(KeyTextError);
        }
        Ok(Self(text.into()))
    }

    /// The key as sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text is no idempotency key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an idempotency key")]
pub struct KeyTextError;

/// Whose key it is, and for what.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClaimKey {
    /// Who sent it.
    pub owner: UserId,
    /// The path it was sent to.
    pub path: String,
    /// The key.
    pub key: KeyText,
}

/// SHA-256 of everything that makes two requests the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

/// An answer that is given again to the same request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAnswer {
    /// HTTP status code.
    pub status: u16,
    /// `Location`, where the answer had one.
    pub location: Option<String>,
    /// The body, at most [`StoredAnswer::MAX_BODY_BYTES`].
    pub body: Vec<u8>,
}

impl StoredAnswer {
    /// The longest body that is kept, in bytes.
    pub const MAX_BODY_BYTES: usize = 64 * 1_024;
}

/// What claiming a key found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The key is the caller's now. `accepted_at` is when the key was first claimed, also by an
    /// attempt that died: ids derived from it are the same again.
    Held {
        /// When the key was first claimed.
        accepted_at: Timestamp,
    },
    /// A request with this key and content is still running.
    Running,
    /// The key was used with other content.
    OtherContent,
    /// The request was answered before.
    Answered(StoredAnswer),
}
