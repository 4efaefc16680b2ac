//! Every promise of the store's ports, kept by the production store.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::num::NonZeroUsize;
use std::sync::Arc;

use store_mysql::MysqlStore;
use testkit::contract::lead_store::LeadStorePorts;

use self::support::OwnStore;

async fn ports() -> LeadStorePorts {
    let own = OwnStore::fresh().await;
    LeadStorePorts::of(Arc::clone(&own.store)).keeping(own.database)
}

testkit::lead_store_contract!(ports());

/// The same again with segments so small that all of them are in use.
mod small_segments {
    use super::*;

    async fn small_ports() -> LeadStorePorts {
        let own = OwnStore::fresh().await;
        let store = MysqlStore::clone(&own.store);
        let store = store.with_segment_leads(NonZeroUsize::new(7).unwrap());
        LeadStorePorts::of(Arc::new(store)).keeping(own.database)
    }

    testkit::lead_store_contract!(small_ports());
}

testkit::dead_letters_contract!(ports());
testkit::claims_contract!(OwnStore::fresh());
testkit::account_store_contract!(OwnStore::fresh());
testkit::attribute_registry_contract!(OwnStore::fresh());
