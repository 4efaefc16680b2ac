//! Stores in folders of their own.

use std::path::Path;
use std::sync::Arc;

use store_sqlite::SqliteStore;
use tempfile::TempDir;

/// An empty folder.
pub(crate) fn fresh_folder() -> TempDir {
    TempDir::new().unwrap()
}

/// The store in a folder.
pub(crate) async fn store_in(folder: &Path) -> Arc<SqliteStore> {
    Arc::new(store_sqlite::open(&folder.join("leads.db")).await.unwrap())
}
