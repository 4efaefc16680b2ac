//! The queues, by name and argument.
//!
//! Arguments of a queue cannot be changed, so names carry a version. Every argument that a broker
//! has a default for is explicit where versions of the broker differ: a delivery limit is unlimited
//! on 3.x and 20 on 4.x, and -1 means unlimited on 4.x and "at the first return" on 3.10.
//!
//! Dead-lettering is at least once, which on 3.10 needs the feature flag `stream_queue` (enabled on
//! every new broker) and, always, the overflow behaviour `reject-publish`; without either a broker
//! falls back to at most once. No queue has a length bound: a message that is dead-lettered into a
//! full queue is tried again only after minutes.
//!
//! A wait that is taken out of the policy keeps its queue, whose messages go back to work by
//! themselves; an operator may delete it once it is empty.

use std::time::Duration;

use lapin::Channel;
use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable};
use lead::RetryPolicy;
use tokio::time::timeout;

use crate::broker::LinkFault;

/// The longest prefix of names: a name has at most 255 bytes.
pub(crate) const NAMESPACE_MAX_BYTES: usize = 100;

const WORK: &str = "leads.work.v1";
const RETRY: &str = "leads.retry.v1";
const SUSPECT: &str = "leads.suspect.v1";
const FAILED: &str = "leads.failed.v1";
/// A name that no queue has.
const NOWHERE: &str = "leads.nowhere.v1";

/// Deliveries after which the broker takes a message out of its queue: a backstop, since attempts
/// are counted in the message and crashes are judged long before.
const DELIVERY_LIMIT: i32 = 1_000;
/// The same of the queue of what the broker took out of others. `RabbitMQ` 4 keeps the count of a
/// message that it moves, so there it comes in above the other limit, and would be dropped the
/// first time that it is given back. This one is never reached.
const FAILED_DELIVERY_LIMIT: i32 = i32::MAX;

/// What the arguments of every queue have in common.
const COMMON: [(&str, &str); 4] = [
    ("x-queue-type", "quorum"),
    ("x-overflow", "reject-publish"),
    ("x-dead-letter-strategy", "at-least-once"),
    // The default exchange leads to the queue that the routing key names.
    ("x-dead-letter-exchange", ""),
];
const LIMIT: &str = "x-delivery-limit";
const TARGET: &str = "x-dead-letter-routing-key";
const TTL: &str = "x-message-ttl";

/// How long the broker may take to declare one queue.
const DECLARE_TIMEOUT: Duration = Duration::from_secs(4);

/// The queues of one namespace.
pub(crate) struct Topology {
    pub(crate) work: String,
    pub(crate) suspect: String,
    pub(crate) failed: String,
    /// A name that no queue has.
    pub(crate) nowhere: String,
    retry_prefix: String,
    policy: RetryPolicy,
}

impl Topology {
    pub(crate) fn new(namespace: &str, policy: RetryPolicy) -> Self {
        let named = |name| format!("{namespace}{name}");
        Self {
            work: named(WORK),
            suspect: named(SUSPECT),
            failed: named(FAILED),
            nowhere: named(NOWHERE),
            retry_prefix: named(RETRY),
            policy,
        }
    }

    /// Where a message waits before that attempt. Beyond the last attempt there is no wait, but
    /// losing the message would be no answer.
    pub(crate) fn queue_before(&self, attempt: u16) -> String {
        let delay = self.policy.delay_before(attempt).unwrap_or_default();
        if delay.is_zero() {
            self.work.clone()
        } else {
            self.retry(delay)
        }
    }

    /// The queues in which messages wait.
    pub(crate) fn retries(&self) -> Vec<String> {
        self.waits().into_iter().map(|it| self.retry(it)).collect()
    }

    /// Declares every queue.
    pub(crate) async fn declare(&self, channel: &Channel) -> Result<(), LinkFault> {
        let options = QueueDeclareOptions {
            durable: true,
            ..QueueDeclareOptions::default()
        };
        for (name, arguments) in self.queues() {
            let declared = channel.queue_declare(name.as_str().into(), options, arguments);
            timeout(DECLARE_TIMEOUT, declared)
                .await
                .map_err(|_| LinkFault::Slow)??;
        }
        Ok(())
    }

    fn queues(&self) -> Vec<(String, FieldTable)> {
        let mut failed = arguments(&self.failed, None);
        let limit = AMQPValue::LongInt(FAILED_DELIVERY_LIMIT);
        failed.insert(LIMIT.into(), limit);
        let mut queues = vec![
            // What fails here comes back here.
            (self.failed.clone(), failed),
            (self.suspect.clone(), arguments(&self.failed, None)),
            (self.work.clone(), arguments(&self.failed, None)),
        ];
        for delay in self.waits() {
            queues.push((self.retry(delay), arguments(&self.work, Some(delay))));
        }
        queues
    }

    fn retry(&self, delay: Duration) -> String {
        format!("{}.{}ms", self.retry_prefix, delay.as_millis())
    }

    fn waits(&self) -> Vec<Duration> {
        let mut waits = self.policy.delays().to_vec();
        waits.retain(|it| it.as_millis() > 0);
        waits.sort_unstable();
        waits.dedup();
        waits
    }
}

fn arguments(dead_letters_to: &str, message_ttl: Option<Duration>) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, text) in COMMON {
        table.insert(name.into(), AMQPValue::LongString(text.into()));
    }
    table.insert(LIMIT.into(), AMQPValue::LongInt(DELIVERY_LIMIT));
    table.insert(TARGET.into(), AMQPValue::LongString(dead_letters_to.into()));
    if let Some(ttl) = message_ttl {
        let ttl_ms = i32::try_from(ttl.as_millis()).unwrap_or(i32::MAX);
        table.insert(TTL.into(), AMQPValue::LongInt(ttl_ms));
    }
    table
}

const _: () = assert!(RetryPolicy::MAX_DELAY.as_millis() <= i32::MAX as u128);
