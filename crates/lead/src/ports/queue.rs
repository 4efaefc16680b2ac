//! The queue.

use std::time::Duration;

use async_trait::async_trait;
use kernel::{Batch, Cause};

use crate::{Lane, Message};

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
