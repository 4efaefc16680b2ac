//! The store itself: connections, and how a transaction is run.

use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kernel::{Cause, Probe};
use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr, TransactionTrait};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::dialect::Dialect;
use crate::failure::{Failure, Trouble};
use crate::names::Names;
use crate::news::NewLeads;
use crate::riders::Riders;
use crate::search::SEGMENT_LEADS;

/// Every port of the store, over one database.
#[derive(Clone)]
pub struct SqlStore {
    pub(crate) inner: Arc<Inner>,
    pub(crate) segment_leads: usize,
}

pub(crate) struct Inner {
    writer: DatabaseConnection,
    reader: DatabaseConnection,
    pub(crate) dialect: Box<dyn Dialect>,
    pub(crate) names: Names,
    pub(crate) riders: Riders,
    wide_reads: Semaphore,
}

/// Transactions that are tried before a conflict counts as an outage.
const TRIES_MAX: u32 = 8;

/// What is done in one transaction. It may be run more than once, and only the last run counts.
#[async_trait]
pub(crate) trait Work: Sync {
    type Out: Send;

    async fn run(&self, tx: &DatabaseTransaction) -> Result<Self::Out, Trouble>;
}

impl SqlStore {
    /// A store that writes through `writer` and reads through `reader`, which never waits for it.
    /// `wide_reads` is how many reads at a time may use more than one connection of `reader`: less than
    /// it has, since each of them waits for the others while it holds the first.
    pub fn new(
        writer: DatabaseConnection,
        reader: DatabaseConnection,
        wide_reads: usize,
        dialect: Box<dyn Dialect>,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                writer,
                reader,
                dialect,
                names: Names::default(),
                riders: Riders::default(),
                wide_reads: Semaphore::new(wide_reads),
            }),
            segment_leads: SEGMENT_LEADS,
        }
    }

    /// This store, making segments of its search index of so many leads; for tests, which have
    /// few leads. Stores that differ in it may share a database.
    #[must_use]
    pub fn with_segment_leads(self, leads: NonZeroUsize) -> Self {
        Self {
            segment_leads: leads.get().min(SEGMENT_LEADS),
            ..self
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
            match self.in_time(self.attempt(work)).await {
                Err(Failure::Conflict(_)) if tries < TRIES_MAX => {
                    let pause = random_part(self.inner.dialect.pause_max(tries));
                    if !pause.is_zero() {
                        tokio::time::sleep(pause).await;
                    }
                    tries += 1;
                }
                result => return result,
            }
        }
    }

    /// Stores leads if they are all new and the database has a short way for that.
    pub(crate) async fn store_new(&self, new: &NewLeads<'_>) -> Result<bool, Failure> {
        let storing = self.inner.dialect.store_new(new);
        self.in_time(async { storing.await.map_err(Into::into) })
            .await
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

    /// A transaction that only reads, and sees one moment in all its statements.
    pub(crate) async fn snapshot(&self) -> Result<DatabaseTransaction, DbErr> {
        let options = self.inner.dialect.read_options();
        self.inner.reader.begin_with_options(options).await
    }

    /// Lets a read that holds a connection use more of those that read, so that its statements
    /// run at once; none while as many others as may do so do.
    pub(crate) fn more_connections(&self) -> Option<SemaphorePermit<'_>> {
        self.inner.wide_reads.try_acquire().ok()
    }

    /// Reads with as many statements as it takes.
    pub(crate) async fn read<T>(
        &self,
        reading: impl Future<Output = Result<T, impl Into<Trouble>>>,
    ) -> Result<T, Failure> {
        self.in_time(async { reading.await.map_err(Into::into) })
            .await
    }

    /// Awaits a call as long as it may take.
    async fn in_time<T>(
        &self,
        call: impl Future<Output = Result<T, Trouble>>,
    ) -> Result<T, Failure> {
        let dialect = &self.inner.dialect;
        let Some(limit) = dialect.time_limit() else {
            return call.await.map_err(|it| self.judge(it));
        };
        // The future is dropped after the dialect has heard of it, and its connection with it.
        let mut call = std::pin::pin!(call);
        if let Ok(done) = tokio::time::timeout(limit, &mut call).await {
            return done.map_err(|it| self.judge(it));
        }
        dialect.gave_up();
        let cause = "the database did not answer in time";
        Err(Failure::Unavailable(Cause::new(cause)))
    }

    fn judge(&self, trouble: impl Into<Trouble>) -> Failure {
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
        let looked = self.read(self.reader().execute_unprepared(one)).await;
        looked
            .map(drop)
            .map_err(|failure| Cause::new(FailureText(failure)))
    }
}

/// Somewhere between nothing and all of it.
fn random_part(whole: Duration) -> Duration {
    let bits = u32::try_from(RandomState::new().hash_one(()) >> 32).unwrap_or_default();
    whole.mul_f64(f64::from(bits) / f64::from(u32::MAX))
}

/// A failure as the error of a call that has no closed list of its own.
#[derive(Debug, thiserror::Error)]
#[error("store failed: {0:?}")]
struct FailureText(Failure);
