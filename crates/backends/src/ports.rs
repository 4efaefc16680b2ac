//! Everything a process needs of the world, as ports.

use std::sync::Arc;

use auth::ports::{AccountStore, PasswordHasher, Throttle, TokenCodec};
use kernel::{Clock, Entropy, IdSource, Probe};
use lead::ports::{
    Claims, DeadLetters, LeadCache, LeadConsumer, LeadFinder, LeadPublisher, LeadStore,
    QueueMonitor, WaitingLeads,
};
use password_bcrypt::BcryptHasher;

use crate::error::OpenError;
use crate::signing::tokens;
use crate::{Config, OsEntropy, SystemClock};

/// One family, opened.
#[derive(Clone)]
pub struct Ports {
    /// The current moment.
    pub clock: Arc<dyn Clock>,
    /// Random bits.
    pub entropy: Arc<dyn Entropy>,
    /// Time-ordered ids.
    pub ids: Arc<IdSource>,
    /// Into the queue.
    pub publisher: Arc<dyn LeadPublisher>,
    /// Out of the queue.
    pub consumer: Arc<dyn LeadConsumer>,
    /// A look at the queue.
    pub monitor: Arc<dyn QueueMonitor>,
    /// Writes leads.
    pub store: Arc<dyn LeadStore>,
    /// Reads leads.
    pub finder: Arc<dyn LeadFinder>,
    /// Parked messages.
    pub dead_letters: Arc<dyn DeadLetters>,
    /// Kept answers to reads.
    pub cache: Arc<dyn LeadCache>,
    /// Who sent the leads that wait.
    pub waiting: Arc<dyn WaitingLeads>,
    /// Idempotency keys of requests that write the store themselves.
    pub store_claims: Arc<dyn Claims>,
    /// Idempotency keys of requests that write the queue.
    pub queue_claims: Arc<dyn Claims>,
    /// Accounts.
    pub accounts: Arc<dyn AccountStore>,
    /// Password hashes.
    pub hasher: Arc<dyn PasswordHasher>,
    /// Tokens.
    pub tokens: Arc<dyn TokenCodec>,
    /// Limits on how often.
    pub throttle: Arc<dyn Throttle>,
    /// Whether the store answers.
    pub store_probe: Arc<dyn Probe>,
    /// Whether the queue answers.
    pub queue_probe: Arc<dyn Probe>,
    /// Whether the cache answers.
    pub cache_probe: Arc<dyn Probe>,
}

/// What a family differs in.
pub(crate) struct Adapters {
    pub(crate) publisher: Arc<dyn LeadPublisher>,
    pub(crate) consumer: Arc<dyn LeadConsumer>,
    pub(crate) monitor: Arc<dyn QueueMonitor>,
    /// `SQLite` and `MySQL` share all but their dialect.
    pub(crate) store: Arc<store_mysql::MysqlStore>,
    pub(crate) cache: Arc<dyn LeadCache>,
    pub(crate) waiting: Arc<dyn WaitingLeads>,
    pub(crate) queue_claims: Arc<dyn Claims>,
    pub(crate) throttle: Arc<dyn Throttle>,
    pub(crate) store_probe: Arc<dyn Probe>,
    pub(crate) queue_probe: Arc<dyn Probe>,
    pub(crate) cache_probe: Arc<dyn Probe>,
}

/// What a process may do about what is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Makes {
    /// It is made.
    WhatIsMissing,
    /// It is an error, or done without.
    Nothing,
}

impl Adapters {
    /// With what the families have in common.
    pub(crate) fn into_ports(self, config: &Config, makes: Makes) -> Result<Ports, OpenError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy);
        let hasher = BcryptHasher::new(config.bcrypt_cost).map_err(|_| OpenError::BcryptCost)?;
        let store = self.store;
        Ok(Ports {
            ids: Arc::new(IdSource::new(Arc::clone(&clock), Arc::clone(&entropy))),
            clock,
            entropy,
            publisher: self.publisher,
            consumer: self.consumer,
            monitor: self.monitor,
            store: Arc::clone(&store) as _,
            finder: Arc::clone(&store) as _,
            dead_letters: Arc::clone(&store) as _,
            cache: self.cache,
            waiting: self.waiting,
            store_claims: Arc::clone(&store) as _,
            queue_claims: self.queue_claims,
            accounts: store,
            hasher: Arc::new(hasher),
            tokens: Arc::new(tokens(config, makes)?),
            throttle: self.throttle,
            store_probe: self.store_probe,
            queue_probe: self.queue_probe,
            cache_probe: self.cache_probe,
        })
    }
}
