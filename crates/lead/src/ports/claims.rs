//! Idempotency keys.

use std::time::Duration;

use async_trait::async_trait;
use kernel::{Cause, Timestamp};

use crate::{Claim, ClaimKey, Fingerprint, StoredAnswer};

/// Idempotency keys, kept for [`CLAIM_LIFE`].
#[async_trait]
pub trait Claims: Send + Sync + 'static {
    /// Takes a key for a request with this content. A holder that neither finishes nor releases
    /// within [`CLAIM_LEASE`] is taken for dead: the next claim with the same content is
    /// [`Claim::Held`] with the first acceptance time. Of two that claim at once one holds.
    ///
    /// # Errors
    ///
    /// [`ClaimsError`]; the key may or may not be held.
    async fn claim(
        &self,
        key: &ClaimKey,
        content: Fingerprint,
        now: Timestamp,
    ) -> Result<Claim, ClaimsError>;

    /// Keeps the answer for every later request with this key.
    ///
    /// # Errors
    ///
    /// [`ClaimsError`]; the answer may or may not be kept.
    async fn finish(&self, key: &ClaimKey, answer: &StoredAnswer) -> Result<(), ClaimsError>;

    /// Gives a key back whose request gets no answer worth keeping. `accepted_at` stays, so that
    /// the same content gets the same ids when it is sent again; other content may take the key, as
    /// if nobody had held it, only when no attempt published anything. Releasing a key that was
    /// finished changes nothing.
    ///
    /// # Errors
    ///
    /// [`ClaimsError`]; the key may still be held until its lease ends.
    async fn release(&self, key: &ClaimKey, anything_published: bool) -> Result<(), ClaimsError>;
}

/// How long a key is kept.
pub const CLAIM_LIFE: Duration = Duration::from_hours(24);
/// How long a request may hold a key without finishing; longer than any request runs but streams,
/// which take no key from each other because their ids are the same.
pub const CLAIM_LEASE: Duration = Duration::from_mins(1);

/// The claims could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("idempotency keys unavailable")]
pub struct ClaimsError(#[source] pub Cause);
