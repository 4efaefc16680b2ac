//! Queues of a test's own.
#![allow(dead_code, reason = "each file of tests uses its part")]

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use kernel::Secret;
use lapin::options::{BasicPublishOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use lead::RetryPolicy;
use lead::ports::{LeadConsumer as _, ReceiveAsk};
use queue_rabbitmq::{OpenError, Options, RabbitQueue, Role};
use testkit::contract::PATIENCE;
use testkit::contract::lead_queue::{QueuePlace, QueuePorts, short_waits};
use testkit::servers::{QUEUE_VARIABLE, queue_url, run_name, unreachable};
use tokio::time::Instant;

/// A namespace whose queues go when it does, also when the test fails.
pub(crate) struct Place {
    namespace: String,
    policy: RetryPolicy,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self::with_waits(short_waits())
    }

    pub(crate) fn with_waits(policy: RetryPolicy) -> Self {
        Self {
            namespace: format!("{}.", run_name()),
            policy,
        }
    }

    pub(crate) fn options(&self, role: Role) -> Options {
        Options {
            namespace: self.namespace.clone(),
            policy: self.policy.clone(),
            ..Options::new(Secret::new(queue_url()), role)
        }
    }

    /// A process that can publish.
    pub(crate) async fn process(&self, role: Role) -> Arc<RabbitQueue> {
        started(self.options(role)).await
    }

    /// A process that can publish and is being sent messages.
    pub(crate) async fn consumer(&self) -> Arc<RabbitQueue> {
        let queue = self.process(Role::Consumer).await;
        let (_connection, channel) = bare_channel().await;
        let before = self.consumers(&channel).await;
        let glance = ReceiveAsk {
            max_leads: 1,
            wait: Duration::ZERO,
            linger: Duration::ZERO,
        };
        // Nothing is there to be had before the first connection.
        let _ = queue.receive(glance).await;
        let give_up_at = Instant::now() + PATIENCE;
        while self.consumers(&channel).await <= before {
            assert!(Instant::now() < give_up_at, "the process does not consume");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        queue
    }

    pub(crate) fn queue(&self, name: &str) -> String {
        format!("{}{name}", self.namespace)
    }

    /// All queues that a process of this place declares.
    pub(crate) fn queues(&self) -> Vec<String> {
        let fixed = ["leads.work.v1", "leads.suspect.v1", "leads.failed.v1"];
        let waits = self.policy.delays().iter();
        let retries = waits.map(|it| format!("leads.retry.v1.{}ms", it.as_millis()));
        let names = fixed.into_iter().map(str::to_owned).chain(retries);
        names.map(|it| self.queue(&it)).collect()
    }

    async fn consumers(&self, channel: &Channel) -> u32 {
        let options = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::default()
        };
        let work = self.queue("leads.work.v1").into();
        let looked = channel.queue_declare(work, options, FieldTable::default());
        looked.await.unwrap().consumer_count()
    }
}

/// A queue that has been prepared.
pub(crate) async fn started(options: Options) -> Arc<RabbitQueue> {
    let queue = RabbitQueue::start(options).unwrap();
    match queue.prepare().await {
        Ok(()) => Arc::new(queue),
        Err(OpenError::Unreachable(cause)) => panic!("{}: {cause}", unreachable(QUEUE_VARIABLE)),
        Err(error) => panic!("{error}"),
    }
}

/// A connection that knows nothing of leads.
pub(crate) async fn bare_channel() -> (Connection, Channel) {
    let connected = Connection::connect(&queue_url(), ConnectionProperties::default()).await;
    let connection = connected.unwrap_or_else(|_| panic!("{}", unreachable(QUEUE_VARIABLE)));
    let channel = connection.create_channel().await.unwrap();
    (connection, channel)
}

/// Puts bytes into a queue by hand.
pub(crate) async fn put(queue: &str, bytes: &[u8]) {
    let (_connection, channel) = bare_channel().await;
    channel
        .confirm_select(lapin::options::ConfirmSelectOptions::default())
        .await
        .unwrap();
    let options = BasicPublishOptions {
        mandatory: true,
        ..BasicPublishOptions::default()
    };
    let properties = BasicProperties::default();
    let sent = channel
        .basic_publish("".into(), queue.into(), options, bytes, properties)
        .await
        .unwrap();
    assert_eq!(sent.await.unwrap(), lapin::Confirmation::Ack(None));
}

#[async_trait]
impl QueuePlace for Place {
    async fn open(&self) -> QueuePorts {
        let queue = self.consumer().await;
        QueuePorts {
            publisher: queue.clone(),
            consumer: queue.clone(),
            monitor: queue,
        }
    }

    async fn inject(&self, bytes: &[u8]) {
        put(&self.queue("leads.work.v1"), bytes).await;
    }

    fn policy(&self) -> RetryPolicy {
        self.policy.clone()
    }
}

/// In a thread and a runtime of its own, since the test's runtime may be about to end.
impl Drop for Place {
    fn drop(&mut self) {
        let queues = self.queues();
        let delete = async {
            let (_connection, channel) = bare_channel().await;
            for queue in queues {
                let options = QueueDeleteOptions::default();
                channel
                    .queue_delete(queue.as_str().into(), options)
                    .await
                    .unwrap();
            }
        };
        let deleted = thread::scope(|scope| {
            scope
                .spawn(|| tokio::runtime::Runtime::new().unwrap().block_on(delete))
                .join()
        });
        // A second panic would end the process and hide the first.
        assert!(deleted.is_ok() || thread::panicking(), "queues stayed");
    }
}
