//! A worker over the reference adapters, moved step by step.

use std::sync::Arc;
use std::time::Duration;

use kernel::{Batch, Clock, IdSource};
use lead::ports::{
    Delivery, LeadConsumer, LeadFinder, LeadPublisher, QueueMonitor, ReceiveAsk, Settled,
};
use lead::{LeadId, Message, Outage, ReceiptState, RetryPolicy, StoreLeads};
use testkit::memory::{Family, family};

pub(crate) struct Worker {
    pub(crate) all: Family,
    pub(crate) verb: StoreLeads,
}

impl Worker {
    pub(crate) fn new() -> Self {
        let all = family();
        let verb = StoreLeads::new(
            all.store.clone(),
            all.cache.clone(),
            all.clock.clone() as Arc<dyn Clock>,
            Arc::clone(&all.ids) as Arc<IdSource>,
            RetryPolicy::default(),
        );
        Self { all, verb }
    }

    pub(crate) async fn publish(&self, message: Message) {
        let batch = Batch::one(message);
        self.all.queue.publish(&batch).await.unwrap();
    }

    pub(crate) async fn receive(&self) -> Vec<Delivery> {
        let ask = ReceiveAsk {
            max_leads: 1_000,
            wait: Duration::ZERO,
            linger: Duration::ZERO,
        };
        self.all.consumer.receive(ask).await.unwrap()
    }

    pub(crate) async fn settle(&self, settled: Vec<Settled>) {
        self.all.consumer.settle(settled).await.unwrap();
    }

    /// Takes what there is, stores it and settles; says how many deliveries there were.
    pub(crate) async fn step(&self) -> Result<usize, Outage> {
        let deliveries = self.receive().await;
        let settled = self.verb.run(&deliveries).await?;
        let count = settled.len();
        self.settle(settled).await;
        Ok(count)
    }

    /// Works until the queue is empty, moving the clock over every wait.
    pub(crate) async fn drain(&self) {
        while self.queued().await > 0 {
            if self.step().await.unwrap() == 0 {
                self.all.clock.advance(Duration::from_secs(1));
            }
        }
    }

    /// Messages that wait or are in hand.
    pub(crate) async fn queued(&self) -> u64 {
        let depths = self.all.queue.depths().await.unwrap();
        depths
            .iter()
            .map(|it| it.ready + it.in_flight.unwrap_or_default())
            .sum()
    }

    /// Hands the same deliveries out again and again, as if workers died with them.
    pub(crate) async fn crash_with_all(&self, times: u32) {
        for _ in 0..times {
            assert!(!self.receive().await.is_empty());
            self.all.consumer.crash();
        }
    }

    pub(crate) async fn state_of(&self, lead: LeadId) -> Option<ReceiptState> {
        let receipt = self.all.store.receipt(lead).await.unwrap();
        receipt.map(|it| it.state)
    }
}
