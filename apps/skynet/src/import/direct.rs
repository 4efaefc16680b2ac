//! Storing chunks without an API, under the lock of the store.

use std::sync::Arc;
use std::time::Duration;

use backends::Ports;
use kernel::{Batch, ThreadKey, Timestamp, UserId};
use lead::ports::{Delivery, DeliveryTag, LeadFinder, Settlement};
use lead::{
    Acceptance, BatchCounts, BatchId, BatchNote, ClaimKey, IdSeed, KeyText, Lane, Message, Part,
    Progress, QueuedLead, RejectedRow, RetryPolicy, StoreLeads,
};
use tokio::time::{Instant, sleep};

use super::source::Chunk;

/// The store, and the run that leads come with. The same chunk stored again changes nothing: its
/// leads have the ids they had.
pub(super) struct Direct {
    worker: StoreLeads,
    finder: Arc<dyn LeadFinder>,
    policy: RetryPolicy,
    thread_key: ThreadKey,
    owner: UserId,
    run: BatchId,
    key: ClaimKey,
    started_at: Timestamp,
    patience: Duration,
}

/// The store was away for longer than was to be borne.
#[derive(Debug, thiserror::Error)]
#[error("the store does not answer")]
pub(super) struct StoreAway;

/// Rows that are given one moment, so that ids follow the order of the file and no row is dated
/// later than it was read: far fewer rows are stored in a millisecond.
const ROWS_A_MS: u64 = 256;

impl Direct {
    /// The run of that id, whose leads belong to `owner`.
    pub(super) fn new(
        ports: &Ports,
        policy: RetryPolicy,
        owner: UserId,
        run: BatchId,
        started_at: Timestamp,
        patience: Duration,
    ) -> Option<Self> {
        Some(Self {
            worker: StoreLeads::new(
                Arc::clone(&ports.store),
                Arc::clone(&ports.cache),
                Arc::clone(&ports.clock),
                Arc::clone(&ports.ids),
                policy.clone(),
            ),
            finder: Arc::clone(&ports.finder),
            policy,
            thread_key: ThreadKey::new(ports.clock.now(), &*ports.entropy),
            owner,
            run,
            // The ids depend on the run alone, whoever goes on with it.
            key: ClaimKey {
                owner: UserId(run.0),
                path: String::new(),
                key: KeyText::parse("import").ok()?,
            },
            started_at,
            patience,
        })
    }

    /// Stores a chunk, its bad rows noted with it. Everything is committed when this returns.
    pub(super) async fn store(&self, chunk: &Chunk) -> Result<(), StoreAway> {
        let mut work = vec![self.message_of(chunk)];
        while !work.is_empty() {
            work = self.attempt(work).await?;
            if let Some(wait) = work
                .first()
                .and_then(|it| self.policy.delay_before(it.attempt))
            {
                sleep(wait).await;
            }
        }
        Ok(())
    }

    /// What became of the rows of this run so far.
    pub(super) async fn counts(&self) -> Result<BatchCounts, StoreAway> {
        let view = self.finder.batch(self.run).await.map_err(|_| StoreAway)?;
        Ok(view.map(|it| it.counts).unwrap_or_default())
    }

    async fn attempt(&self, work: Vec<Message>) -> Result<Vec<Message>, StoreAway> {
        let deliveries: Vec<Delivery> = (0..)
            .zip(work)
            .map(|(tag, message)| Delivery {
                tag: DeliveryTag(tag),
                payload: Ok(message),
                redeliveries: 0,
                lane: Lane::Work,
            })
            .collect();
        let deadline = Instant::now() + self.patience;
        let mut backoff = Duration::from_millis(100);
        let settled = loop {
            match self.worker.run(&deliveries).await {
                Ok(settled) => break settled,
                Err(_) if Instant::now() + backoff > deadline => return Err(StoreAway),
                Err(_) => {
                    sleep(backoff).await;
                    backoff = (backoff * 2).min(Duration::from_secs(5));
                }
            }
        };
        Ok(settled
            .into_iter()
            .flat_map(|it| match it.settlement {
                Settlement::Retry(messages) | Settlement::Isolate(messages) => messages.into_vec(),
                Settlement::Done | Settlement::Return => Vec::new(),
            })
            .collect())
    }

    fn message_of(&self, chunk: &Chunk) -> Message {
        let acceptance = Acceptance {
            owner: self.owner,
            accepted_at: self.started_at,
        };
        let leads = chunk
            .leads
            .iter()
            .map(|row| {
                let ms = self.started_at.unix_ms() + row.index / ROWS_A_MS;
                let seed = IdSeed::new(&self.key, Timestamp::from_unix_ms(ms));
                let id = seed.id_of(row.index, &row.raw);
                QueuedLead {
                    index: row.index,
                    lead: Arc::new(acceptance.accept(id, row.details.clone())),
                }
            })
            .collect();
        let rejected = chunk
            .bad
            .iter()
            .map(|row| RejectedRow {
                index: row.index,
                errors: row.errors.clone(),
            })
            .collect();
        Message::first(vec![Part {
            thread_key: self.thread_key.clone(),
            trace_parent: None,
            owner: self.owner,
            accepted_at: self.started_at,
            note: Some(BatchNote {
                batch: self.run,
                owner: self.owner,
                accepted_at: self.started_at,
                progress: Progress {
                    received: chunk.rows_end,
                    rejected: chunk.rejected_end,
                    complete: chunk.is_last,
                },
                rejected,
            }),
            leads,
        }])
    }
}

// A chunk is one message.
const _: () = assert!(super::MAX_CHUNK_ROWS <= Batch::<QueuedLead>::MAX_LEN);
