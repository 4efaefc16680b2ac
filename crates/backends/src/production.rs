//! `MySQL`, `RabbitMQ` and Redis.
//!
//! Everything connects as it is used, so ports are there at once, and calls fail as unavailable
//! while a server is away. What a start has to see to first is in [`Servers`].

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use cache_redis::RedisCache;
use kernel::{Cause, Probe, Secret};
use queue_rabbitmq::RabbitQueue;
use store_mysql::Schema;

use crate::accounts::create_for_development;
use crate::error::OpenError;
use crate::ports::{Adapters, Makes, Ports};
use crate::{Config, Environment};

/// Where the three servers are, and what is ours on them.
pub(crate) struct Urls<'a> {
    pub(crate) store: &'a Secret<String>,
    pub(crate) queue: &'a Secret<String>,
    pub(crate) cache: &'a Secret<String>,
    /// What names of queues and keys begin with.
    pub(crate) namespace: &'a str,
}

/// What a process does with the servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// It publishes, reads, and changes accounts and parked messages.
    Publish,
    /// It takes messages as well, in so many loops.
    Consume(NonZeroUsize),
}

/// Ports over servers that nobody has spoken to.
pub(crate) fn connect(
    config: &Config,
    urls: &Urls<'_>,
    work: Work,
) -> Result<(Ports, Servers), OpenError> {
    let makes = match config.environment {
        Environment::Development => Makes::WhatIsMissing,
        Environment::Production => Makes::Nothing,
    };
    assemble(config, urls, work, makes)
}

/// As [`connect`], for somebody who makes nothing in the store.
pub(crate) fn connect_beside(
    config: &Config,
    urls: &Urls<'_>,
) -> Result<(Ports, Servers), OpenError> {
    assemble(config, urls, Work::Publish, Makes::Nothing)
}

fn assemble(
    config: &Config,
    urls: &Urls<'_>,
    work: Work,
    makes: Makes,
) -> Result<(Ports, Servers), OpenError> {
    let mut store_options = store_mysql::Options::new(urls.store.clone());
    let mut role = queue_rabbitmq::Role::Publisher;
    if let Work::Consume(loops) = work {
        role = queue_rabbitmq::Role::Consumer;
        // A loop that waits for a connection would take that for an outage.
        let loops = u32::try_from(loops.get()).unwrap_or(u32::MAX);
        store_options.writers = store_options.writers.max(loops);
    }
    let store = Arc::new(store_mysql::connect_lazily(&store_options)?);
    let queue = Arc::new(RabbitQueue::dormant(queue_rabbitmq::Options {
        namespace: urls.namespace.to_owned(),
        policy: config.retry.clone(),
        ..queue_rabbitmq::Options::new(urls.queue.clone(), role)
    })?);
    let mut cache_options = cache_redis::Options::new(urls.cache.clone());
    cache_options.namespace.insert_str(0, urls.namespace);
    let cache = Arc::new(RedisCache::connect_lazily(cache_options)?);
    let store_probe = Arc::new(Prepared::new(Arc::clone(&store) as _));
    let queue_probe = Arc::new(Prepared::new(Arc::clone(&queue) as _));
    let ports = Adapters {
        publisher: Arc::clone(&queue) as _,
        consumer: Arc::clone(&queue) as _,
        monitor: Arc::clone(&queue) as _,
        cache: Arc::clone(&cache) as _,
        waiting: Arc::clone(&cache) as _,
        queue_claims: Arc::clone(&cache) as _,
        throttle: Arc::clone(&cache) as _,
        store_probe: Arc::clone(&store_probe) as _,
        queue_probe: Arc::clone(&queue_probe) as _,
        cache_probe: Arc::clone(&cache) as _,
        store,
    }
    .into_ports(config, makes)?;
    let servers = Servers {
        store_options,
        makes,
        bcrypt_cost: config.bcrypt_cost,
        ports: ports.clone(),
        queue,
        cache,
        store_probe,
        queue_probe,
    };
    Ok((ports, servers))
}

/// Brings the schema up to date, while other processes that want to wait.
pub(crate) async fn migrate(store: &Secret<String>) -> Result<(), OpenError> {
    let options = store_mysql::Options::new(store.clone());
    Ok(store_mysql::prepare(&options, Schema::Migrate).await?)
}

/// The servers behind ports, as a start sees to them.
pub(crate) struct Servers {
    store_options: store_mysql::Options,
    makes: Makes,
    bcrypt_cost: u32,
    ports: Ports,
    queue: Arc<RabbitQueue>,
    cache: Arc<RedisCache>,
    store_probe: Arc<Prepared>,
    queue_probe: Arc<Prepared>,
}

impl Servers {
    /// The schema is brought up to date, and a store without accounts gets those of a first start;
    /// or a schema of another version is refused.
    pub(crate) async fn prepare_store(&self) -> Result<(), OpenError> {
        match self.makes {
            Makes::WhatIsMissing => {
                store_mysql::prepare(&self.store_options, Schema::Migrate).await?;
                create_for_development(&self.ports, self.bcrypt_cost).await?;
            }
            Makes::Nothing => {
                store_mysql::prepare(&self.store_options, Schema::MustBeCurrent).await?;
            }
        }
        self.store_probe.is_prepared.store(true, Ordering::Relaxed);
        Ok(())
    }

    pub(crate) async fn prepare_queue(&self) -> Result<(), OpenError> {
        self.queue.prepare().await?;
        self.queue_probe.is_prepared.store(true, Ordering::Relaxed);
        Ok(())
    }

    pub(crate) async fn check_cache(&self) -> Result<(), OpenError> {
        Ok(self.cache.check().await?)
    }
}

/// A dependency that does not count as working before it is prepared.
struct Prepared {
    inner: Arc<dyn Probe>,
    is_prepared: AtomicBool,
}

impl Prepared {
    fn new(inner: Arc<dyn Probe>) -> Self {
        Self {
            inner,
            is_prepared: AtomicBool::new(false),
        }
    }
}

#[async_trait]
impl Probe for Prepared {
    async fn probe(&self) -> Result<(), Cause> {
        if !self.is_prepared.load(Ordering::Relaxed) {
            return Err(Cause::new("not prepared yet"));
        }
        self.inner.probe().await
    }
}
