//! The promises of the ports that are kept in Redis, on a real one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    unreachable_pub,
    reason = "a test may stop at the first surprise"
)]

mod place;

use std::sync::Arc;

use place::node;

testkit::lead_cache_contract!(async { Arc::new(node().await) });
testkit::waiting_leads_contract!(node());
testkit::claims_contract!(async { Arc::new(node().await) });
testkit::throttle_contract!(async { Arc::new(node().await) });
