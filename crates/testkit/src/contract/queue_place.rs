//! A durable place for messages, as the clauses of the leads queue use it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kernel::Batch;
use lead::ports::{
    Delivery, DeliveryTag, LeadConsumer, LeadPublisher, QueueMonitor, ReceiveAsk, Settled,
    Settlement,
};
use lead::{Message, RetryPolicy};
use tokio::time::Instant;

use super::{PATIENCE, eventually};

/// A place that keeps messages, and that processes come and go at.
#[async_trait]
pub trait QueuePlace: Send + Sync {
    /// A process that starts at this place. Dropping its ports is its death: what it held is handed
    /// out again well within [`PATIENCE`].
    async fn open(&self) -> QueuePorts;

    /// Puts bytes in that are no message, by the adapter's own means.
    async fn inject(&self, bytes: &[u8]);

    /// The waits between attempts that the place is set up with: short ones.
    fn policy(&self) -> RetryPolicy {
        short_waits()
    }
}

/// 150 and 300 ms.
pub fn short_waits() -> RetryPolicy {
    RetryPolicy::new([150, 300].map(Duration::from_millis).to_vec()).unwrap()
}

/// The ports of one process.
pub struct QueuePorts {
    /// In.
    pub publisher: Arc<dyn LeadPublisher>,
    /// Out.
    pub consumer: Arc<dyn LeadConsumer>,
    /// A look.
    pub monitor: Arc<dyn QueueMonitor>,
}

impl QueuePorts {
    pub(super) async fn publish(&self, messages: &[Message]) {
        self.publisher
            .publish(&Batch::new(messages.to_vec()).unwrap())
            .await
            .unwrap();
    }

    pub(super) async fn receive(&self, ask: ReceiveAsk) -> Vec<Delivery> {
        self.consumer.receive(ask).await.unwrap()
    }

    pub(super) async fn settle(&self, tag: DeliveryTag, settlement: Settlement) {
        self.consumer
            .settle(vec![Settled { tag, settlement }])
            .await
            .unwrap();
    }

    /// The next delivery, one message.
    pub(super) async fn one(&self) -> Delivery {
        let mut deliveries = self.receive(ask(1)).await;
        assert_eq!(deliveries.len(), 1);
        deliveries.remove(0)
    }

    /// Receives and settles until `count` messages came.
    pub(super) async fn drain(&self, count: usize) -> Vec<Message> {
        let give_up_at = Instant::now() + PATIENCE;
        let mut messages = Vec::new();
        while messages.len() < count {
            assert!(
                Instant::now() < give_up_at,
                "{} of {count} came",
                messages.len()
            );
            let deliveries = self
                .receive(ReceiveAsk {
                    wait: BRIEF,
                    ..ask(1_000)
                })
                .await;
            let done = |it: &Delivery| Settled {
                tag: it.tag,
                settlement: Settlement::Done,
            };
            self.consumer
                .settle(deliveries.iter().map(done).collect())
                .await
                .unwrap();
            messages.extend(deliveries.into_iter().map(|it| it.payload.unwrap()));
        }
        messages
    }

    /// Nothing waits and nothing is in hand.
    pub(super) async fn is_empty(&self) {
        eventually("the queue is empty", async || {
            let depths = self.monitor.depths().await.unwrap();
            let empty = |ready, in_flight: Option<u64>| ready == 0 && in_flight.unwrap_or(0) == 0;
            depths
                .iter()
                .all(|it| empty(it.ready, it.in_flight))
                .then_some(())
        })
        .await;
        assert!(
            self.receive(ReceiveAsk {
                wait: BRIEF,
                ..ask(1_000)
            })
            .await
            .is_empty()
        );
    }
}

/// Long enough for what is there already.
pub(super) const BRIEF: Duration = Duration::from_millis(50);

/// Patience for the first message, none for more.
pub(super) fn ask(max_leads: u16) -> ReceiveAsk {
    ReceiveAsk {
        max_leads,
        wait: PATIENCE,
        linger: Duration::ZERO,
    }
}

/// In an order of their own, since the queue promises none.
pub(super) fn sorted(mut messages: Vec<Message>) -> Vec<Message> {
    messages.sort_by_key(|it| it.parts[0].thread_key.to_string());
    messages
}

pub(super) fn retry_of(message: &Message) -> Message {
    Message {
        attempt: message.attempt + 1,
        ..message.clone()
    }
}
