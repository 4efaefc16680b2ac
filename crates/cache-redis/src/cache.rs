//! The ports.

use std::sync::Arc;

use async_trait::async_trait;
use auth::{Allowance, Quota, ThrottleKey};
use kernel::{Batch, Cause, Probe, Timestamp, UserId};
use lead::ports::{ClaimsError, LeadCache, Load, ReadKey, StoreError, WaitingLeads};
use lead::{Claim, ClaimKey, Fingerprint, LeadId, StoredAnswer};
use tokio::task::JoinHandle;

use crate::claims::Claims;
use crate::link::Link;
use crate::options::{OpenError, Options};
use crate::reads::Reads;
use crate::throttle::Throttle;
use crate::waiting::Waiting;

/// What all nodes share in Redis. Dropping it ends its connections.
pub struct RedisCache {
    link: Arc<Link>,
    reads: Arc<Reads>,
    throttle: Throttle,
    waiting: Waiting,
    claims: Claims,
    tasks: [JoinHandle<()>; 2],
}

impl RedisCache {
    /// Starts to connect and returns at once; until there is a connection everything goes as it
    /// does while Redis is away. Needs a tokio runtime around it.
    ///
    /// # Errors
    ///
    /// [`OpenError::Url`].
    pub fn connect_lazily(options: Options) -> Result<Self, OpenError> {
        let info = options.connection_info()?;
        if options.is_encrypted() {
            // Another part of the process may have chosen already, which is as good.
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        }
        let namespace = options.namespace;
        let link = Arc::new(Link::new(info, &namespace)?);
        let throttle = Throttle::new(Arc::clone(&link), &namespace);
        let waiting = Waiting::new(Arc::clone(&link), &namespace);
        let claims = Claims::new(Arc::clone(&link), &namespace);
        let reads = Arc::new(Reads::new(Arc::clone(&link), namespace));
        let (supervised, paying) = (Arc::clone(&link), Arc::clone(&reads));
        Ok(Self {
            throttle,
            waiting,
            claims,
            tasks: [
                tokio::spawn(async move { supervised.supervise().await }),
                tokio::spawn(async move { paying.pay_debts().await }),
            ],
            link,
            reads,
        })
    }

    /// Makes sure that Redis can be used: signs in, writes a key, and waits until calls are served.
    ///
    /// # Errors
    ///
    /// See [`OpenError`]; trying again helps against [`OpenError::Unreachable`] alone.
    pub async fn check(&self) -> Result<(), OpenError> {
        Ok(self.link.check().await?)
    }
}

impl Drop for RedisCache {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
        self.link.close();
    }
}

#[async_trait]
impl LeadCache for RedisCache {
    async fn read(&self, key: &ReadKey, load: Load<'_>) -> Result<Option<Arc<[u8]>>, StoreError> {
        self.reads.read(key, load).await
    }

    async fn bump(&self) {
        self.reads.bump().await;
    }

    async fn clear(&self) {
        self.reads.clear().await;
    }
}

#[async_trait]
impl WaitingLeads for RedisCache {
    async fn hold(&self, leads: &Batch<LeadId>, owner: UserId, at: Timestamp) {
        self.waiting.hold(leads, owner, at).await;
    }

    async fn owner(&self, lead: LeadId) -> Option<(UserId, Timestamp)> {
        self.waiting.owner(lead).await
    }
}

#[async_trait]
impl lead::ports::Claims for RedisCache {
    async fn claim(
        &self,
        key: &ClaimKey,
        content: Fingerprint,
        now: Timestamp,
    ) -> Result<Claim, ClaimsError> {
        self.claims.claim(key, content, now).await
    }

    async fn finish(&self, key: &ClaimKey, answer: &StoredAnswer) -> Result<(), ClaimsError> {
        self.claims.finish(key, answer).await
    }

    async fn release(&self, key: &ClaimKey, anything_published: bool) -> Result<(), ClaimsError> {
        self.claims.release(key, anything_published).await
    }
}

#[async_trait]
impl auth::ports::Throttle for RedisCache {
    async fn take(&self, key: &ThrottleKey, quota: Quota) -> Allowance {
        self.throttle.take(key, quota).await
    }
}

#[async_trait]
impl Probe for RedisCache {
    async fn probe(&self) -> Result<(), Cause> {
        self.link.probe().await.map_err(Cause::new)
    }
}
