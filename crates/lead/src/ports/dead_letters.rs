//! Leads that could not be stored.

use async_trait::async_trait;
use kernel::Batch;

use super::store::StoreError;
use crate::{DeadLetter, DeadLetterId};

/// The parked messages.
#[async_trait]
pub trait DeadLetters: Send + Sync + 'static {
    /// A page in order of their ids: those after `after`, at most `limit` (up to [`Batch::MAX_LEN`]).
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] or [`StoreError::Corrupt`], as all of this port.
    async fn list(
        &self,
        after: Option<DeadLetterId>,
        limit: u16,
    ) -> Result<Vec<DeadLetter>, StoreError>;

    /// How many there are.
    ///
    /// # Errors
    ///
    /// As [`DeadLetters::list`].
    async fn count(&self) -> Result<u64, StoreError>;

    /// One of them.
    ///
    /// # Errors
    ///
    /// As [`DeadLetters::list`].
    async fn show(&self, id: DeadLetterId) -> Result<Option<DeadLetter>, StoreError>;

    /// Takes away rows whose messages are in the queue again. A lead that is still `failed` waits
    /// again, and its counter moves over; one that was decided meanwhile stays decided. A row that
    /// was parked again since `seen` stays.
    ///
    /// # Errors
    ///
    /// As [`DeadLetters::list`].
    async fn replayed(&self, seen: &Batch<SeenDead>) -> Result<(), StoreError>;

    /// Takes one away on purpose; its lead stays `failed`. Says whether it was there.
    ///
    /// # Errors
    ///
    /// As [`DeadLetters::list`].
    async fn discard(&self, id: DeadLetterId) -> Result<bool, StoreError>;
}

/// A parked message as it was when it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenDead {
    /// Which.
    pub id: DeadLetterId,
    /// Its replays then: a message that is parked again has more.
    pub replays: u16,
}
