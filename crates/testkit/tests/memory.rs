//! Every suite over the reference adapters, and what only they can show.

#![allow(
    clippy::unwrap_used,
    reason = "a test stops where something is not as it should be"
)]

use std::sync::Arc;

use async_trait::async_trait;
use kernel::Clock;
use testkit::contract::lead_queue::{QueuePlace, QueuePorts, short_waits};
use testkit::contract::lead_store::LeadStorePorts;
use testkit::contract::token_codec::TokenCodecs;
use testkit::memory::{
    MemoryAccounts, MemoryCache, MemoryClaims, MemoryLeadStore, MemoryQueue, MemoryRegistry,
    MemoryThrottle, MemoryWaiting, PlainHasher, PlainTokens, TickingClock,
};

fn clock() -> Arc<dyn Clock> {
    Arc::new(TickingClock)
}

/// A queue in memory outlives the processes at it, as a file does.
struct Place(Arc<MemoryQueue>);

#[async_trait]
impl QueuePlace for Place {
    async fn open(&self) -> QueuePorts {
        QueuePorts {
            publisher: Arc::clone(&self.0) as _,
            consumer: Arc::new(self.0.consumer()),
            monitor: Arc::clone(&self.0) as _,
        }
    }

    async fn inject(&self, bytes: &[u8]) {
        self.0.inject(bytes.to_vec());
    }
}

testkit::lead_store_contract!(async { LeadStorePorts::of(Arc::new(MemoryLeadStore::default())) });
testkit::dead_letters_contract!(async { LeadStorePorts::of(Arc::new(MemoryLeadStore::default())) });
testkit::lead_queue_contract!(async { Place(Arc::new(MemoryQueue::new(clock(), short_waits()))) });
testkit::lead_cache_contract!(async { Arc::new(MemoryCache::new(clock())) });
testkit::waiting_leads_contract!(async { MemoryWaiting::new(clock()) });
testkit::claims_contract!(async { Arc::new(MemoryClaims::default()) });
testkit::account_store_contract!(async { Arc::new(MemoryAccounts::default()) });
testkit::attribute_registry_contract!(async { Arc::new(MemoryRegistry::default()) });
testkit::password_hasher_contract!(async { PlainHasher });
testkit::token_codec_contract!(async {
    TokenCodecs {
        codec: Arc::new(PlainTokens::default()),
        strangers: vec![Arc::new(PlainTokens::new("another key"))],
    }
});
testkit::throttle_contract!(async { Arc::new(MemoryThrottle::new(clock())) });
