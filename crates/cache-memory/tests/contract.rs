//! The promises of the ports that are kept in memory.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test may stop at the first surprise"
)]

use std::sync::Arc;

use cache_memory::{MemoryLeadCache, MemoryThrottle, MemoryWaitingLeads};

testkit::lead_cache_contract!(async { Arc::new(MemoryLeadCache::default()) });
testkit::waiting_leads_contract!(async { MemoryWaitingLeads::default() });
testkit::throttle_contract!(async { Arc::new(MemoryThrottle::new()) });
