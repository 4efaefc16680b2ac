//! Every promise of the store's ports, kept by the embedded store.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::num::NonZeroUsize;
use std::sync::Arc;

use store_sqlite::SqliteStore;
use testkit::contract::lead_store::LeadStorePorts;

use self::support::{fresh_folder, store_in};

async fn ports() -> LeadStorePorts {
    let folder = fresh_folder();
    LeadStorePorts::of(store_in(folder.path()).await).keeping(folder)
}

/// A store for ports whose suites keep no folder: it stays in the folder of the build.
async fn store() -> Arc<SqliteStore> {
    let folder = tempfile::Builder::new()
        .prefix("store-")
        .tempdir_in(env!("CARGO_TARGET_TMPDIR"))
        .unwrap()
        .keep();
    store_in(&folder).await
}

testkit::lead_store_contract!(ports());

/// The same again with segments so small that all of them are in use.
mod small_segments {
    use super::*;

    async fn small_ports() -> LeadStorePorts {
        let folder = fresh_folder();
        let store = store_in(folder.path()).await;
        let store = SqliteStore::clone(&store).with_segment_leads(NonZeroUsize::new(7).unwrap());
        LeadStorePorts::of(Arc::new(store)).keeping(folder)
    }

    testkit::lead_store_contract!(small_ports());
}

testkit::dead_letters_contract!(ports());
testkit::claims_contract!(store());
testkit::account_store_contract!(store());
testkit::attribute_registry_contract!(store());
