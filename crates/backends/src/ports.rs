//! Everything a process needs of the world, as ports.

use std::sync::Arc;

use auth::ports::{AccountStore, PasswordHasher, Throttle, TokenCodec};
use kernel::{Clock, Entropy, IdSource, Probe};
use lead::ports::{
    Claims, DeadLetters, LeadCache, LeadConsumer, LeadFinder, LeadPublisher, LeadStore,
    QueueMonitor, WaitingLeads,
};

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
