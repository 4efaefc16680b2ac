//! The ports.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kernel::{Batch, Cause, Probe};
use lead::ports::{
    Delivery, LeadConsumer, LeadPublisher, QueueDepth, QueueError, QueueMonitor, ReceiveAsk,
    Settled, Settlement,
};
use lead::{Message, Part};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::broker::{Broker, LinkFault, OpenError, check_permissions, part};
use crate::inbox::{Inbox, Source};
use crate::look::Looker;
use crate::message::Outgoing;
use crate::options::{Address, Options, Role};
use crate::publish::Supervisor;
use crate::topology::Topology;
use crate::waiting::{Phase, PublishFault, Single, WaitingList};

/// The most bytes of one message here: room above [`Message::MAX_BYTES`], since those who fill a
/// message go by the size of what was sent to them; a broker of version 4 takes 16 MiB.
const MESSAGE_MAX_BYTES: usize = 4 * Message::MAX_BYTES;
/// How long preparing waits for the supervisor once the broker has proven that it answers.
const READY_TIMEOUT: Duration = Duration::from_secs(10);

/// The queue of leads in a broker. Dropping it ends its connections: what was handed out and not
/// settled is handed out again.
pub struct RabbitQueue {
    role: Role,
    broker: Arc<Broker>,
    topology: Arc<Topology>,
    list: Arc<WaitingList>,
    inbox: Arc<Inbox>,
    looker: Looker,
    wakes: Vec<Arc<Notify>>,
    supervisors: Vec<JoinHandle<()>>,
}

#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("this process does not consume from the queue")]
    NotAConsumer,
    #[error("no connection to consume from")]
    NoConsumer,
}

fn unavailable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> QueueError {
    QueueError::Unavailable(Cause::new(error))
}

impl RabbitQueue {
    /// Starts to connect and returns at once; calls are answered [`QueueError::Unavailable`] until
    /// there is a connection. Needs a tokio runtime around it.
    ///
    /// # Errors
    ///
    /// [`OpenError::Url`] for an address that no broker can have.
    pub fn start(options: Options) -> Result<Self, OpenError> {
        let queue = Self::dormant(options)?;
        queue.wake();
        Ok(queue)
    }

    /// As [`RabbitQueue::start`], but nothing is connected, and nothing logged, before
    /// [`RabbitQueue::prepare`] has found everything as it should be.
    ///
    /// # Errors
    ///
    /// As [`RabbitQueue::start`].
    pub fn dormant(options: Options) -> Result<Self, OpenError> {
        let address = Address::of(&options)?;
        let topology = Arc::new(Topology::new(&options.namespace, options.policy));
        let broker = Arc::new(Broker::new(address, Arc::clone(&topology))?);
        let list = Arc::new(WaitingList::new(topology.work.clone()));
        let inbox = Arc::new(Inbox::new());
        let mut queue = Self {
            role: options.role,
            looker: Looker::new(Arc::clone(&broker), Arc::clone(&topology)),
            broker,
            topology,
            list,
            inbox,
            wakes: Vec::new(),
            supervisors: Vec::new(),
        };
        let publishing = queue.supervisor().publish(Arc::clone(&queue.list));
        queue.supervisors.push(tokio::spawn(publishing));
        if queue.role == Role::Consumer {
            let (inbox, list) = (Arc::clone(&queue.inbox), Arc::clone(&queue.list));
            let consuming = queue.supervisor().consume(inbox, list);
            queue.supervisors.push(tokio::spawn(consuming));
        }
        Ok(queue)
    }

    /// Makes sure that the queue can be used: signs in, declares the queues, checks permissions,
    /// and waits until leads can be published.
    ///
    /// # Errors
    ///
    /// See [`OpenError`]; trying again helps against [`OpenError::Unreachable`] alone.
    pub async fn prepare(&self) -> Result<(), OpenError> {
        let connection = self.broker.connect().await?;
        let allowed = check_permissions(&connection, &self.topology, self.role).await;
        // A connection that has published may be blocked, and then nothing can be looked up by it.
        tokio::spawn(part(connection));
        allowed?;
        self.wake();
        let mut phase = self.list.phase();
        let is_up = phase.wait_for(|it| !matches!(it, Phase::Down { .. }));
        match timeout(READY_TIMEOUT, is_up).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(LinkFault::Ended.into()),
            Err(_) => Err(LinkFault::Slow.into()),
        }
    }

    fn wake(&self) {
        for wake in &self.wakes {
            wake.notify_one();
        }
    }

    fn supervisor(&mut self) -> Supervisor {
        let wake = Arc::new(Notify::new());
        self.wakes.push(Arc::clone(&wake));
        Supervisor {
            broker: Arc::clone(&self.broker),
            topology: Arc::clone(&self.topology),
            wake,
        }
    }

    fn check_consumes(&self) -> Result<(), QueueError> {
        match self.role {
            Role::Consumer => Ok(()),
            Role::Publisher => Err(unavailable(Fault::NotAConsumer)),
        }
    }
}

impl Drop for RabbitQueue {
    fn drop(&mut self) {
        for supervisor in &self.supervisors {
            supervisor.abort();
        }
        self.broker.close();
        self.list.close(
            Phase::Down {
                since: tokio::time::Instant::now(),
            },
            &PublishFault::Down,
        );
        self.inbox.close();
    }
}

#[async_trait]
impl LeadPublisher for RabbitQueue {
    async fn publish(&self, messages: &Batch<Message>) -> Result<(), QueueError> {
        let mut encoded = Vec::with_capacity(messages.len());
        for message in messages.iter() {
            let body = queue_codec::encode(message);
            if message.lead_count() > Message::MAX_LEADS || body.len() > MESSAGE_MAX_BYTES {
                return Err(QueueError::TooLarge);
            }
            encoded.push(body);
        }
        let alone = single_part(messages);
        let published = match (alone, encoded.pop()) {
            (Some(part), Some(body)) => {
                let part = part.clone();
                self.list.publish_single(Single { part, body }).await
            }
            (_, last) => {
                let bodies = encoded.into_iter().chain(last);
                let outgoing = messages.iter().zip(bodies).map(|(message, body)| {
                    let queue = self.topology.queue_before(message.attempt);
                    Outgoing::new(queue, message, body)
                });
                self.list.publish_whole(outgoing.collect()).await
            }
        };
        published.map_err(unavailable)
    }
}

/// The part of a first attempt at one lead that was sent alone.
fn single_part(messages: &Batch<Message>) -> Option<&Part> {
    let [message] = &messages[..] else {
        return None;
    };
    let [part] = &message.parts[..] else {
        return None;
    };
    let is_plain = (message.attempt, message.replays) == (0, 0)
        && part.note.is_none()
        && part.leads.len() == 1;
    is_plain.then_some(part)
}

#[async_trait]
impl LeadConsumer for RabbitQueue {
    async fn receive(&self, ask: ReceiveAsk) -> Result<Vec<Delivery>, QueueError> {
        self.check_consumes()?;
        let received = self.inbox.receive(ask).await;
        received.ok_or_else(|| unavailable(Fault::NoConsumer))
    }

    /// Of a connection that is gone nothing is settled, and what would take a place is not
    /// published either: the message comes again as it was, so nothing is lost and no attempt is
    /// spent, while publishing would only add a second copy of it. When the connection goes between
    /// the confirm and the acknowledgement there are two copies, which the ids of the leads absorb.
    async fn settle(&self, settled: Vec<Settled>) -> Result<(), QueueError> {
        self.check_consumes()?;
        let mut replacing = Vec::new();
        let (mut done, mut returned) = (Vec::new(), Vec::new());
        let mut replaced = Vec::new();
        for Settled { tag, settlement } in settled {
            let Some(in_hand) = self.inbox.in_hand(tag) else {
                continue;
            };
            match settlement {
                Settlement::Done => done.push((tag, in_hand)),
                Settlement::Return => returned.push((tag, in_hand)),
                Settlement::Retry(messages) => {
                    let queue = |it: &Message| self.topology.queue_before(it.attempt);
                    replacing.extend(outgoing(&messages, queue));
                    replaced.push((tag, in_hand));
                }
                Settlement::Isolate(messages) => {
                    replacing.extend(outgoing(&messages, |_| self.topology.suspect.clone()));
                    replaced.push((tag, in_hand));
                }
            }
        }
        let published = if replacing.is_empty() {
            Ok(())
        } else {
            self.list.publish_whole(replacing).await
        };
        if published.is_ok() {
            done.extend(replaced);
        }
        for (tag, _) in done.iter().chain(&returned) {
            self.inbox.settled(*tag);
        }
        for (source, tags) in by_source(done) {
            source.acknowledge(&tags).await;
        }
        for (source, tags) in by_source(returned) {
            source.give_back(&tags).await;
        }
        published.map_err(unavailable)
    }
}

fn outgoing(messages: &Batch<Message>, queue: impl Fn(&Message) -> String) -> Vec<Outgoing> {
    let one = |message| Outgoing::new(queue(message), message, queue_codec::encode(message));
    messages.iter().map(one).collect()
}

type Tagged = (lead::ports::DeliveryTag, crate::inbox::InHand);

fn by_source(tagged: Vec<Tagged>) -> Vec<(Arc<Source>, BTreeSet<u64>)> {
    let mut sources: HashMap<*const Source, (Arc<Source>, BTreeSet<u64>)> = HashMap::new();
    for (_, in_hand) in tagged {
        let key = Arc::as_ptr(&in_hand.source);
        let entry = sources
            .entry(key)
            .or_insert_with(|| (in_hand.source, BTreeSet::new()));
        entry.1.insert(in_hand.broker_tag);
    }
    sources.into_values().collect()
}

#[async_trait]
impl QueueMonitor for RabbitQueue {
    async fn depths(&self) -> Result<Vec<QueueDepth>, QueueError> {
        let mut depths = self.looker.depths().await.map_err(unavailable)?;
        // What waits in this process is out of the broker's queue, and in nobody's hands.
        let (work, suspects) = self.inbox.waiting();
        for (depth, waiting) in depths.iter_mut().zip([work, suspects]) {
            depth.ready += waiting as u64;
        }
        Ok(depths)
    }
}

/// There is a connection that publishes and is not blocked, and the broker answers.
#[async_trait]
impl Probe for RabbitQueue {
    async fn probe(&self) -> Result<(), Cause> {
        let phase = *self.list.phase().borrow();
        match phase {
            Phase::Ready => {}
            Phase::Blocked => return Err(Cause::new(PublishFault::Blocked)),
            Phase::Down { .. } => return Err(Cause::new(PublishFault::Down)),
        }
        self.looker.depths().await.map(drop).map_err(Cause::new)
    }
}
