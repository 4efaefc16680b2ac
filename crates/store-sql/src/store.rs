//! The store itself: connections, and how a transaction is run.

use std::sync::Arc;

use async_trait::async_trait;
use kernel::{Cause, Probe};
use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, TransactionTrait};

use crate::dialect::Dialect;
use crate::failure::{Failure, Trouble};
use crate::names::Names;

/// Every port of the store, over one database.
#[derive(Clone)]
pub struct SqlStore {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    writer: DatabaseConnection,
    reader: DatabaseConnection,
    pub(crate) dialect: Box<dyn Dialect>,
    pub(crate) names: Names,
}

/// Transactions that are tried before a conflict counts as an outage.
const TRIES_MAX: u32 = 5;

/// What is done in one transaction. It may be run more than once, and only the last run counts.
#[async_trait]
pub(crate) trait Work: Sync {
    type Out: Send;

    async fn run(&self, tx: &DatabaseTransaction) -> Result<Self::Out, Trouble>;
}

impl SqlStore {
    /// A store that writes through `writer` and reads through `reader`, which never waits for it.
    pub fn new(
        writer: DatabaseConnection,
        reader: DatabaseConnection,
        dialect: Box<dyn Dialect>,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                writer,
                reader,
                dialect,
                names: Names::default(),
            }),
        }
    }

    /// Closes every connection, waiting for what runs.
    ///
    /// # Errors
    ///
    /// The [`Cause`] when a connection could not be closed in order.
    pub async fn close(&self) -> Result<(), Cause> {
        let inner = &self.inner;
        let readers = inner.reader.close_by_ref().await;
        let writers = inner.writer.close_by_ref().await;
        readers
            .and(writers)
            .map_err(|error| Cause::new(FailureText(inner.dialect.judge(error))))
    }

    pub(crate) fn reader(&self) -> &DatabaseConnection {
        &self.inner.reader
    }

    /// Runs `work` in a transaction and commits it, again after a conflict.
    pub(crate) async fn transact<W: Work>(&self, work: &W) -> Result<W::Out, Failure> {
        let mut tries = 1;
        loop {
            match self.attempt(work).await.map_err(|it| self.judge(it)) {
                Err(Failure::Conflict(_)) if tries < TRIES_MAX => tries += 1,
                result => return result,
            }
        }
    }

    async fn attempt<W: Work>(&self, work: &W) -> Result<W::Out, Trouble> {
        let options = self.inner.dialect.write_options();
        let tx = self.inner.writer.begin_with_options(options).await?;
        match work.run(&tx).await {
            Ok(out) => {
                tx.commit().await?;
                Ok(out)
            }
            Err(trouble) => {
                // What stopped the work says more than a rollback that fails too.
                let _ = tx.rollback().await;
                Err(trouble)
            }
        }
    }

    pub(crate) fn judge(&self, trouble: impl Into<Trouble>) -> Failure {
        match trouble.into() {
            Trouble::Database(error) => self.inner.dialect.judge(error),
            Trouble::Corrupt(unreadable) => Failure::Corrupt(Cause::new(unreadable)),
        }
    }
}

#[async_trait]
impl Probe for SqlStore {
    async fn probe(&self) -> Result<(), Cause> {
        let one = "SELECT 1 FROM lead_counters";
        self.reader()
            .execute_unprepared(one)
            .await
            .map(drop)
            .map_err(|error| Cause::new(FailureText(self.judge(error))))
    }
}

/// A failure as the error of a call that has no closed list of its own.
#[derive(Debug, thiserror::Error)]
#[error("store failed: {0:?}")]
struct FailureText(Failure);
