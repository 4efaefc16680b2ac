//! Files and memory of one machine.

use std::path::Path;
use std::sync::Arc;

use cache_memory::{MemoryLeadCache, MemoryThrottle, MemoryWaitingLeads};
use kernel::Cause;
use store_sqlite::SqliteStore;

use crate::error::{OpenError, Part};
use crate::ports::{Adapters, Makes, Ports};
use crate::{Config, Environment};

/// Opens both files for this process alone. In development what is missing is made.
pub(crate) async fn open(config: &Config, store: &Path, queue: &Path) -> Result<Ports, OpenError> {
    let store = match config.environment {
        Environment::Development => store_sqlite::open(store).await?,
        Environment::Production => open_existing(store).await?,
    };
    // Whose request ran when the last process ended can send it again at once.
    let released = store.release_running_claims().await;
    released.map_err(|error| OpenError::File {
        part: Part::Store,
        cause: Cause::new(error),
    })?;
    let role = queue_sqlite::Role::Consumer;
    assemble(config, store, queue, role, Makes::WhatIsMissing).await
}

/// Opens both files beside whoever works on them.
pub(crate) async fn open_beside(
    config: &Config,
    store: &Path,
    queue: &Path,
) -> Result<Ports, OpenError> {
    let store = open_existing(store).await?;
    let role = queue_sqlite::Role::Publisher;
    assemble(config, store, queue, role, Makes::Nothing).await
}

/// Brings the schema of the store's file up to date.
pub(crate) async fn migrate(store: &Path) -> Result<(), OpenError> {
    let part = Part::Store;
    let store = store_sqlite::open(store).await?;
    let closed = store.close().await;
    closed.map_err(|cause| OpenError::File { part, cause })
}

async fn open_existing(file: &Path) -> Result<SqliteStore, OpenError> {
    match file.try_exists() {
        Ok(true) => Ok(store_sqlite::open_current(file).await?),
        Ok(false) => Err(OpenError::SchemaPending),
        Err(error) => Err(OpenError::Folder(error)),
    }
}

async fn assemble(
    config: &Config,
    store: SqliteStore,
    queue: &Path,
    role: queue_sqlite::Role,
    makes: Makes,
) -> Result<Ports, OpenError> {
    let queue = queue_sqlite::open(queue, config.retry.clone(), role).await;
    let queue = Arc::new(queue.map_err(|error| OpenError::File {
        part: Part::Queue,
        cause: Cause::new(error),
    })?);
    let store = Arc::new(store);
    let cache = Arc::new(MemoryLeadCache::default());
    Adapters {
        publisher: Arc::clone(&queue) as _,
        consumer: Arc::clone(&queue) as _,
        monitor: Arc::clone(&queue) as _,
        cache: Arc::clone(&cache) as _,
        waiting: Arc::new(MemoryWaitingLeads::default()),
        queue_claims: Arc::clone(&store) as _,
        throttle: Arc::new(MemoryThrottle::default()),
        store_probe: Arc::clone(&store) as _,
        queue_probe: queue,
        cache_probe: cache,
        store,
    }
    .into_ports(config, makes)
}
