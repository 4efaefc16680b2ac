//! What is left to do once ports are there.

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use tokio::time::sleep;

use crate::Backoff;
use crate::error::{OpenError, Part};
use crate::host::OsEntropy;
use crate::production::Servers;

/// What servers need before leads can pass: a schema, accounts, queues. Files need nothing.
#[must_use = "until it is done, calls may find no schema"]
pub struct Preparation {
    servers: Option<Servers>,
}

impl Preparation {
    pub(crate) fn none() -> Self {
        Self { servers: None }
    }

    pub(crate) fn of(servers: Servers) -> Self {
        Self {
            servers: Some(servers),
        }
    }

    /// Sees that the store and the queue can be used, however long it takes until their servers
    /// answer; each that does not is logged once, and once more when it does. The cache is looked
    /// at too, and may be away.
    ///
    /// # Errors
    ///
    /// See [`OpenError`], but for [`OpenError::Unreachable`].
    pub async fn wait(self) -> Result<(), OpenError> {
        let Some(servers) = &self.servers else {
            return Ok(());
        };
        tokio::try_join!(
            patiently(Part::Store, || servers.prepare_store()),
            patiently(Part::Queue, || servers.prepare_queue()),
            async {
                match servers.check_cache().await {
                    // The cache itself says when it goes and comes.
                    Err(OpenError::Unreachable { .. }) => Ok(()),
                    checked => checked,
                }
            },
        )?;
        Ok(())
    }

    /// Sees once that the store can be used, for a command that needs it.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub async fn store(&self) -> Result<(), OpenError> {
        match &self.servers {
            Some(servers) => Box::pin(servers.prepare_store()).await,
            None => Ok(()),
        }
    }

    /// Sees once that messages can be published, for a command that does.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub async fn queue(&self) -> Result<(), OpenError> {
        match &self.servers {
            Some(servers) => Box::pin(servers.prepare_queue()).await,
            None => Ok(()),
        }
    }

    /// Sees once that the cache can be used.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub async fn cache(&self) -> Result<(), OpenError> {
        match &self.servers {
            Some(servers) => servers.check_cache().await,
            None => Ok(()),
        }
    }
}

async fn patiently<F>(part: Part, prepare: impl Fn() -> F) -> Result<(), OpenError>
where
    F: Future<Output = Result<(), OpenError>>,
{
    let mut backoff = Backoff::new(Arc::new(OsEntropy));
    let mut away_since = None;
    loop {
        match Box::pin(prepare()).await {
            Err(OpenError::Unreachable { cause, .. }) => {
                if away_since.is_none() {
                    away_since = Some(Instant::now());
                    tracing::warn!(%part, %cause, "server cannot be reached, trying again");
                }
                sleep(backoff.next_wait()).await;
            }
            Ok(()) => {
                if let Some(since) = away_since {
                    let away_s = since.elapsed().as_secs();
                    tracing::info!(%part, away_s, "server answers");
                }
                return Ok(());
            }
            refused => return refused,
        }
    }
}
