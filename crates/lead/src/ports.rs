//! What leads need of the world.
//!
//! One port call is one transaction. Answers are per item and aligned by position. `Err` promises
//! nothing, since a confirm or the answer to a commit can be lost: the same call may be made again
//! unchanged, and gets the answers it would have got.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kernel::{Batch, Cause, Timestamp, UserId};

use crate::{
    BatchId, BatchNote, BatchView, Claim, ClaimKey, DeadLetter, DeadLetterId, Filter, Fingerprint,
    Lane, Lead, LeadId, ListQuery, MatchKey, Message, NewLead, Parked, Receipt, ResultRow, RowKey,
    Stats, StoredAnswer, Total,
};

// ---------------------------------------------------------------------------------------------
// The queue
// ---------------------------------------------------------------------------------------------

/// The way into the leads queue.
#[async_trait]
pub trait LeadPublisher: Send + Sync + 'static {
    /// Makes every message durable. When this returns `Ok`, no crash of any process loses one.
    ///
    /// # Errors
    ///
    /// [`QueueError::Unavailable`]: any part of the messages may be in the queue.
    /// [`QueueError::TooLarge`]: nothing is.
    async fn publish(&self, messages: &Batch<Message>) -> Result<(), QueueError>;
}

/// The way out of the leads queue: at least once, in no promised order.
#[async_trait]
pub trait LeadConsumer: Send + Sync + 'static {
    /// Hands out messages that hold up to `max_leads` leads in all, or one message when its leads
    /// alone are more. Waits up to `wait` for the first, then up to `linger` for more.
    ///
    /// A message of the [`Lane::Suspect`] comes alone. An empty answer means that `wait` ran out.
    /// A message that is not settled is handed out again, perhaps to another worker, once the
    /// adapter finds that its holder is gone: handling must be idempotent.
    ///
    /// Dropping the returned future loses no message.
    ///
    /// # Errors
    ///
    /// [`QueueError::Unavailable`]; no message was handed out.
    async fn receive(&self, ask: ReceiveAsk) -> Result<Vec<Delivery>, QueueError>;

    /// Says what became of deliveries.
    ///
    /// What is put back is durable before the original is gone. On `Err` the same deliveries may
    /// be handed out again.
    ///
    /// # Errors
    ///
    /// [`QueueError::Unavailable`].
    async fn settle(&self, settled: Vec<Settled>) -> Result<(), QueueError>;
}

/// How many leads a worker wants, and how long it waits for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiveAsk {
    /// Leads, 1 to [`Message::MAX_LEADS`].
    pub max_leads: u16,
    /// For the first message.
    pub wait: Duration,
    /// For more, when the first is there.
    pub linger: Duration,
}

/// A message in a worker's hands.
#[derive(Debug)]
pub struct Delivery {
    /// What to settle it by.
    pub tag: DeliveryTag,
    /// The message, or the bytes nobody could read as one.
    pub payload: Result<Message, Undecodable>,
    /// How often it was handed out before without being settled.
    pub redeliveries: u32,
    /// The way it came.
    pub lane: Lane,
}

/// An adapter's own name for a delivery; good until it is settled, within one consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryTag(pub u64);

/// Bytes that are no message of a known version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undecodable {
    /// The bytes, at most [`Message::MAX_BYTES`] of them.
    pub bytes: Vec<u8>,
}

/// What became of a delivery.
#[derive(Debug)]
pub struct Settled {
    /// Which.
    pub tag: DeliveryTag,
    /// What.
    pub settlement: Settlement,
}

/// What to do with a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// It is done with.
    Done,
    /// It goes back as it is, at once: no attempt was spent.
    Return,
    /// These messages take its place; each waits as long as the policy says for its `attempt`.
    Retry(Batch<Message>),
    /// These messages take its place, in [`Lane::Suspect`], at once.
    Isolate(Batch<Message>),
}

/// The longest that [`QueueMonitor`] may answer with what it saw before.
pub const DEPTHS_MAX_AGE: Duration = Duration::from_millis(250);

/// A look at the queue.
#[async_trait]
pub trait QueueMonitor: Send + Sync + 'static {
    /// How full each queue is.
    ///
    /// # Errors
    ///
    /// [`QueueError::Unavailable`].
    async fn depths(&self) -> Result<Vec<QueueDepth>, QueueError>;
}

/// How full a queue is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueDepth {
    /// Its name.
    pub name: String,
    /// Messages that wait, delayed ones included.
    pub ready: u64,
    /// Messages in workers' hands; none when unknown.
    pub in_flight: Option<u64>,
    /// Who takes messages from it.
    pub consumers: u64,
}

/// Why the queue did not do it.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The same call may be made again.
    #[error("lead queue unavailable")]
    Unavailable(#[source] Cause),
    /// A message has more leads or bytes than the queue takes; sending it again does not help.
    #[error("message is too large for the lead queue")]
    TooLarge,
}

// ---------------------------------------------------------------------------------------------
// The store
// ---------------------------------------------------------------------------------------------

/// The durable home of leads and of what became of each.
#[async_trait]
pub trait LeadStore: Send + Sync + 'static {
    /// Writes those leads whose e-mail is free, with their attributes, what became of the others,
    /// the notes, and the counters of their submissions.
    ///
    /// Outcomes align with `intake.leads` by position. Of two leads with one e-mail the first
    /// committed is stored, and within one intake the earlier. A lead that is there under its own
    /// id is [`Appended::Stored`] again and counted once. A lead that was recorded as a duplicate
    /// stays one; a lead that was parked is decided anew, and its counter moves over.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when the same intake may be sent again;
    /// [`StoreError::Refused`] when something in it cannot be stored: then nothing was.
    async fn append(&self, intake: &Intake) -> Result<Vec<Appended>, StoreError>;

    /// Parks messages: the rows, whatever became of their leads; and the outcome `failed` and the
    /// counters of those leads that are neither stored nor a duplicate. Parking twice counts once.
    /// A submission that waits for nothing thereafter finished when the latest of them was parked.
    ///
    /// # Errors
    ///
    /// As [`LeadStore::append`].
    async fn park(&self, parked: &Batch<Parked>) -> Result<(), StoreError>;

    /// Forgets submissions and outcomes that were last touched before `before`, at most a
    /// thousand of each; says how many went, so that a caller may go on until none does. Parked
    /// messages and submissions with leads that wait stay.
    ///
    /// # Errors
    ///
    /// As [`LeadStore::append`].
    async fn forget(&self, before: Timestamp) -> Result<u64, StoreError>;

    /// Counts the leads by status anew, so that totals show changes made by SQL.
    ///
    /// # Errors
    ///
    /// As [`LeadStore::append`].
    async fn recount(&self) -> Result<(), StoreError>;

    /// Takes a bounded step towards an index of every lead's texts, where the store has one.
    /// Several callers may do so at once. What a search finds does not depend on it, only how fast.
    ///
    /// # Errors
    ///
    /// As [`LeadStore::append`].
    async fn index(&self) -> Result<Indexed, StoreError>;
}

/// What a step of [`LeadStore::index`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Indexed {
    /// So many leads are in the index that were not before.
    pub leads: u64,
    /// There is more to do at once.
    pub more: bool,
}

/// What one transaction takes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intake {
    /// When the work is done.
    pub at: Timestamp,
    /// At most [`Batch::MAX_LEN`] leads; there may be none.
    pub leads: Vec<Arrival>,
    /// What chunks say of their submissions; at most [`Batch::MAX_LEN`].
    pub notes: Vec<BatchNote>,
}

impl Intake {
    /// What chunks say of their submissions, without their leads.
    pub fn notes_only(at: Timestamp, notes: Vec<BatchNote>) -> Self {
        Self {
            at,
            leads: Vec::new(),
            notes,
        }
    }
}

/// A lead that arrives at the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The lead.
    pub lead: Arc<NewLead>,
    /// Its row in a bulk submission; none for a lead sent alone.
    pub row: Option<RowKey>,
    /// Attempts spent, this one included.
    pub attempts: u16,
}

/// What became of a lead in an intake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// It is in the store, now or since an earlier delivery.
    Stored,
    /// Its e-mail was held already.
    Duplicate {
        /// By this lead.
        of: LeadId,
    },
    /// Its id is held by a lead with another e-mail; nothing was recorded.
    IdClash,
}

/// Why the store did not do it. Conflicts between transactions are resolved inside the adapter.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store is away, full, or read-only: the same call may be made again, and the data is
    /// not to blame.
    #[error("lead store unavailable")]
    Unavailable(#[source] Cause),
    /// Something in the call cannot be stored.
    #[error("lead store refuses the data")]
    Refused {
        /// It never will be; else trying again may help.
        lasting: bool,
        /// Why.
        #[source]
        cause: Cause,
    },
    /// A stored row breaks a rule of this crate.
    #[error("lead store holds a row that cannot be read")]
    Corrupt(#[source] Cause),
}

/// Looking things up. Never waits for a writer.
#[async_trait]
pub trait LeadFinder: Send + Sync + 'static {
    /// The lead of that id.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] or [`StoreError::Corrupt`], as all of this port.
    async fn find(&self, id: LeadId) -> Result<Option<Lead>, StoreError>;

    /// The lead that holds an e-mail.
    ///
    /// # Errors
    ///
    /// As [`LeadFinder::find`].
    async fn holder(&self, key: &MatchKey) -> Result<Option<LeadId>, StoreError>;

    /// A page of leads: newest first, or oldest first for [`crate::Position::After`].
    ///
    /// # Errors
    ///
    /// As [`LeadFinder::find`].
    async fn list(&self, query: &ListQuery) -> Result<Vec<Lead>, StoreError>;

    /// How many leads a filter finds: exact unless it looks into texts, else up to [`Total::CAP`].
    ///
    /// # Errors
    ///
    /// As [`LeadFinder::find`].
    async fn total(&self, filter: &Filter) -> Result<Total, StoreError>;

    /// A page as [`LeadFinder::list`] gives it, and the total of its filter. Where a store looks for
    /// both in the same place, this takes less than one after the other.
    ///
    /// # Errors
    ///
    /// As [`LeadFinder::find`].
    async fn list_and_total(&self, query: &ListQuery) -> Result<(Vec<Lead>, Total), StoreError> {
        Ok((self.list(query).await?, self.total(&query.filter).await?))
    }

    /// Totals by status, and of the leads accepted since `today`.
    ///
    /// # Errors
    ///
    /// As [`LeadFinder::find`].
    async fn stats(&self, today: Timestamp) -> Result<Stats, StoreError>;

    /// What became of a lead; none while it waits.
    ///
    /// # Errors
    ///
    /// As [`LeadFinder::find`].
    async fn receipt(&self, id: LeadId) -> Result<Option<Receipt>, StoreError>;

    /// A bulk submission.
    ///
    /// # Errors
    ///
    /// As [`LeadFinder::find`].
    async fn batch(&self, id: BatchId) -> Result<Option<BatchView>, StoreError>;

    /// Rows of a submission that were not stored, in input order.
    ///
    /// # Errors
    ///
    /// As [`LeadFinder::find`].
    async fn results(&self, query: &ResultsQuery) -> Result<Vec<ResultRow>, StoreError>;
}

/// Which rows of a submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResultsQuery {
    /// The submission.
    pub batch: BatchId,
    /// Rows of this kind; all kinds when none.
    pub kind: Option<ResultKind>,
    /// Rows after this index.
    pub after: Option<u64>,
    /// At most this many, up to [`Batch::MAX_LEN`].
    pub limit: u16,
}

/// What became of a row that was not stored, without the details.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResultKind {
    /// Not accepted.
    Rejected,
    /// The e-mail was held already.
    Duplicate,
    /// Parked.
    Failed,
}

/// The parked messages.
#[async_trait]
pub trait DeadLetters: Send + Sync + 'static {
    /// A page in order of their ids: those after `after`, at most `limit` (up to [`Batch::MAX_LEN`]).
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] or [`StoreError::Corrupt`], as all of this port.
    async fn list(
        &self,
        after: Option<DeadLetterId>,
        limit: u16,
    ) -> Result<Vec<DeadLetter>, StoreError>;

    /// How many there are.
    ///
    /// # Errors
    ///
    /// As [`DeadLetters::list`].
    async fn count(&self) -> Result<u64, StoreError>;

    /// One of them.
    ///
    /// # Errors
    ///
    /// As [`DeadLetters::list`].
    async fn show(&self, id: DeadLetterId) -> Result<Option<DeadLetter>, StoreError>;

    /// Takes away rows whose messages are in the queue again. A lead that is still `failed` waits
    /// again, and its counter moves over; one that was decided meanwhile stays decided. A row that
    /// was parked again since `seen` stays.
    ///
    /// # Errors
    ///
    /// As [`DeadLetters::list`].
    async fn replayed(&self, seen: &Batch<SeenDead>) -> Result<(), StoreError>;

    /// Takes one away on purpose; its lead stays `failed`. Says whether it was there.
    ///
    /// # Errors
    ///
    /// As [`DeadLetters::list`].
    async fn discard(&self, id: DeadLetterId) -> Result<bool, StoreError>;
}

/// A parked message as it was when it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenDead {
    /// Which.
    pub id: DeadLetterId,
    /// Its replays then: a message that is parked again has more.
    pub replays: u16,
}

// ---------------------------------------------------------------------------------------------
// Caches and claims
// ---------------------------------------------------------------------------------------------

/// A read that is under way, started only when its answer is needed.
pub type Load<'a> =
    Pin<Box<dyn Future<Output = Result<Option<Arc<[u8]>>, StoreError>> + Send + 'a>>;

/// Answers to reads, kept for at most [`CACHE_MAX_AGE`].
///
/// A cache that is away is no error: reads go to the store.
#[async_trait]
pub trait LeadCache: Send + Sync + 'static {
    /// The bytes kept for `key`, else what `load` gives, which is then kept. `Ok(None)` is passed
    /// on and not kept. Of callers that miss at once one loads and all get its answer.
    ///
    /// A [`ReadKey::List`] read that began before a [`LeadCache::bump`] is never answered to a
    /// caller that began after it.
    ///
    /// # Errors
    ///
    /// What `load` answers.
    async fn read(&self, key: &ReadKey, load: Load<'_>) -> Result<Option<Arc<[u8]>>, StoreError>;

    /// Makes every list kept so far unreachable on every node, since leads were written.
    async fn bump(&self);

    /// Drops everything.
    async fn clear(&self);
}

/// The longest that a [`LeadCache`] keeps anything.
pub const CACHE_MAX_AGE: Duration = Duration::from_secs(5);

/// What a read is kept under.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ReadKey {
    /// A lead by its id and the form of the answer; a write of other leads does not touch it.
    Lead(LeadId, String),
    /// Anything that a write of any lead may change.
    List(String),
}

/// Who sent the leads that wait, for receipts. Kept for 24 hours, and lost with the cache.
#[async_trait]
pub trait WaitingLeads: Send + Sync + 'static {
    /// Notes that these leads wait. Best effort: it neither fails nor takes long.
    async fn hold(&self, leads: &Batch<LeadId>, owner: UserId, at: Timestamp);

    /// Who sent a lead, and when, where that is still known.
    async fn owner(&self, lead: LeadId) -> Option<(UserId, Timestamp)>;
}

/// Idempotency keys, kept for [`CLAIM_LIFE`].
#[async_trait]
pub trait Claims: Send + Sync + 'static {
    /// Takes a key for a request with this content. A holder that neither finishes nor releases
    /// within [`CLAIM_LEASE`] is taken for dead: the next claim with the same content is
    /// [`Claim::Held`] with the first acceptance time. Of two that claim at once one holds.
    ///
    /// # Errors
    ///
    /// [`ClaimsError`]; the key may or may not be held.
    async fn claim(
        &self,
        key: &ClaimKey,
        content: Fingerprint,
        now: Timestamp,
    ) -> Result<Claim, ClaimsError>;

    /// Keeps the answer for every later request with this key.
    ///
    /// # Errors
    ///
    /// [`ClaimsError`]; the answer may or may not be kept.
    async fn finish(&self, key: &ClaimKey, answer: &StoredAnswer) -> Result<(), ClaimsError>;

    /// Gives a key back whose request gets no answer worth keeping. `accepted_at` stays, so that
    /// the same content gets the same ids when it is sent again; other content may take the key, as
    /// if nobody had held it, only when no attempt published anything. Releasing a key that was
    /// finished changes nothing.
    ///
    /// # Errors
    ///
    /// [`ClaimsError`]; the key may still be held until its lease ends.
    async fn release(&self, key: &ClaimKey, anything_published: bool) -> Result<(), ClaimsError>;
}

/// How long a key is kept.
pub const CLAIM_LIFE: Duration = Duration::from_hours(24);
/// How long a request may hold a key without finishing; longer than any request runs but streams,
/// which take no key from each other because their ids are the same.
pub const CLAIM_LEASE: Duration = Duration::from_mins(1);

/// The claims could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("idempotency keys unavailable")]
pub struct ClaimsError(#[source] pub Cause);
