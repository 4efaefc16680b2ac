//! Caches.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kernel::{Batch, Timestamp, UserId};

use super::store::StoreError;
use crate::LeadId;

/// A read that is under way, started only when its answer is needed.
pub type Load<'a> =
    Pin<Box<dyn Future<Output = Result<Option<Arc<[u8]>>, StoreError>> + Send + 'a>>;

/// Answers to reads, kept for at most [`CACHE_MAX_AGE`].
///
/// A cache that is away is no error: reads go to the store.
#[async_trait]
pub trait LeadCache: Send + Sync + 'static {
    /// The bytes kept for `key`, else what `load` gives, which is then kept. `Ok(None)` is passed
    /// on and not kept. Of callers that miss at once one loads and all get its answer.
    ///
    /// A [`ReadKey::List`] read that began before a [`LeadCache::bump`] is never answered to a
    /// caller that began after it.
    ///
    /// # Errors
    ///
    /// What `load` answers.
    async fn read(&self, key: &ReadKey, load: Load<'_>) -> Result<Option<Arc<[u8]>>, StoreError>;

    /// Makes every list kept so far unreachable on every node, since leads were written.
    async fn bump(&self);

    /// Drops everything.
    async fn clear(&self);
}

/// The longest that a [`LeadCache`] keeps anything.
pub const CACHE_MAX_AGE: Duration = Duration::from_secs(5);

/// What a read is kept under.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ReadKey {
    /// A lead by its id and the form of the answer; a write of other leads does not touch it.
    Lead(LeadId, String),
    /// Anything that a write of any lead may change.
    List(String),
}

/// Who sent the leads that wait, for receipts. Kept for 24 hours, and lost with the cache.
#[async_trait]
pub trait WaitingLeads: Send + Sync + 'static {
    /// Notes that these leads wait. Best effort: it neither fails nor takes long.
    async fn hold(&self, leads: &Batch<LeadId>, owner: UserId, at: Timestamp);

    /// Who sent a lead, and when, where that is still known.
    async fn owner(&self, lead: LeadId) -> Option<(UserId, Timestamp)>;
}
