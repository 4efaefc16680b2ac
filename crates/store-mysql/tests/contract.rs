//! Every promise of the store's ports, kept by the production store.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;

use testkit::contract::lead_store::LeadStorePorts;

use self::support::OwnStore;

async fn ports() -> LeadStorePorts {
    let own = OwnStore::fresh().await;
    LeadStorePorts::of(Arc::clone(&own.store)).keeping(own.database)
}

testkit::lead_store_contract!(ports());
testkit::dead_letters_contract!(ports());
testkit::claims_contract!(OwnStore::fresh());
testkit::account_store_contract!(OwnStore::fresh());
testkit::attribute_registry_contract!(OwnStore::fresh());
