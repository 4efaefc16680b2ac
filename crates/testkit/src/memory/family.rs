//! All reference adapters together.

use std::sync::Arc;

use kernel::{Clock, IdSource};
use lead::RetryPolicy;

use super::{
    AlwaysWell, ManualClock, MemoryAccounts, MemoryCache, MemoryClaims, MemoryConsumer,
    MemoryLeadStore, MemoryQueue, MemoryRegistry, MemoryThrottle, MemoryWaiting, PlainHasher,
    PlainTokens, SeededEntropy,
};
use crate::fixtures;

/// One of each, on one clock; every field is the port or ports its name says.
#[derive(Clone)]
pub struct Family {
    /// The clock of all the others; it stands still until a test moves it.
    pub clock: Arc<ManualClock>,
    /// Random bits, other ones in every family.
    pub entropy: Arc<SeededEntropy>,
    /// Ids by this clock and entropy.
    pub ids: Arc<IdSource>,
    /// `LeadStore`, `LeadFinder` and `DeadLetters`.
    pub store: Arc<MemoryLeadStore>,
    /// `LeadPublisher` and `QueueMonitor`.
    pub queue: Arc<MemoryQueue>,
    /// `LeadConsumer`.
    pub consumer: Arc<MemoryConsumer>,
    /// `LeadCache`.
    pub cache: Arc<MemoryCache>,
    /// `WaitingLeads`.
    pub waiting: Arc<MemoryWaiting>,
    /// `Claims` of requests that write the store.
    pub store_claims: Arc<MemoryClaims>,
    /// `Claims` of requests that write the queue.
    pub queue_claims: Arc<MemoryClaims>,
    /// `AccountStore`.
    pub accounts: Arc<MemoryAccounts>,
    /// `AttributeRegistry`.
    pub registry: Arc<MemoryRegistry>,
    /// `PasswordHasher`.
    pub hasher: Arc<PlainHasher>,
    /// `TokenCodec`.
    pub tokens: Arc<PlainTokens>,
    /// `Throttle`.
    pub throttle: Arc<MemoryThrottle>,
    /// `Probe` of the store.
    pub store_probe: Arc<AlwaysWell>,
    /// `Probe` of the queue.
    pub queue_probe: Arc<AlwaysWell>,
    /// `Probe` of the cache.
    pub cache_probe: Arc<AlwaysWell>,
}

/// A family of its own, empty, with the default waits between attempts.
pub fn family() -> Family {
    let manual = Arc::new(ManualClock::default());
    let clock: Arc<dyn Clock> = Arc::clone(&manual) as Arc<dyn Clock>;
    let entropy = Arc::new(SeededEntropy::new(fixtures::random_seed()));
    let queue = Arc::new(MemoryQueue::new(Arc::clone(&clock), RetryPolicy::default()));
    Family {
        ids: Arc::new(IdSource::new(Arc::clone(&clock), entropy.clone())),
        consumer: Arc::new(queue.consumer()),
        cache: Arc::new(MemoryCache::new(Arc::clone(&clock))),
        waiting: Arc::new(MemoryWaiting::new(Arc::clone(&clock))),
        throttle: Arc::new(MemoryThrottle::new(clock)),
        clock: manual,
        entropy,
        queue,
        store: Arc::default(),
        store_claims: Arc::default(),
        queue_claims: Arc::default(),
        accounts: Arc::default(),
        registry: Arc::default(),
        hasher: Arc::default(),
        tokens: Arc::default(),
        store_probe: Arc::default(),
        queue_probe: Arc::default(),
        cache_probe: Arc::default(),
    }
}
