//! The supervisor of the connection that publishes.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::try_join_all;
use lapin::options::{BasicPublishOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Confirmation, Connection, Event};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::backoff::Backoff;
use crate::broker::{
    BLOCKED_LOOK_EVERY, Broker, LinkFault, in_time, open_channel, open_confirming, part,
};
use crate::message::Outgoing;
use crate::topology::Topology;
use crate::waiting::{Phase, PublishFault, WaitingList};

/// Channels that publish side by side, so that nobody waits for one confirm.
const CHANNELS: usize = 4;
/// How long publishing a window and confirming all of it may take.
const WINDOW_TIMEOUT: Duration = Duration::from_secs(4);
/// How often a connection proves that it works, at least.
const PULSE_EVERY: Duration = Duration::from_secs(3);
/// How long a queue that is gone stays gone before it is declared again, however that was found out. A
/// broker that finds a new one in its place before it has told those who consumed from the old one
/// takes them over to it, and then keeps what it should hand to them.
const DECLARE_AFTER: Duration = Duration::from_secs(1);
/// How long a connection has to serve until the one before is forgotten.
const STEADY_AFTER: Duration = Duration::from_secs(10);
/// How long to wait when somebody has to change a queue first.
const LASTING_WAIT: Duration = Duration::from_secs(30);

/// Who keeps a connection alive.
pub(crate) struct Supervisor {
    pub(crate) broker: Arc<Broker>,
    pub(crate) topology: Arc<Topology>,
    /// Says that now is a good time to connect.
    pub(crate) wake: Arc<Notify>,
}

/// Why a connection is given up.
enum End {
    Fault(PublishFault),
    /// The broker takes messages again, but what it was sent before is on its way still.
    Unblocked,
}

impl Supervisor {
    /// Once woken, publishes what waits in the list, for as long as the task is let live.
    pub(crate) async fn publish(self, list: Arc<WaitingList>) {
        self.wake.notified().await;
        let mut outage = Outage::default();
        loop {
            match self.broker.connect().await {
                Ok(connection) => {
                    let began_at = Instant::now();
                    let end = self.serve(&connection, &list).await;
                    let since = Instant::now();
                    outage.ended_before(since - began_at);
                    list.close(Phase::Down { since }, &PublishFault::Down);
                    part(connection).await;
                    match end {
                        End::Fault(PublishFault::Link(fault)) => {
                            outage.began(&fault, "cannot publish");
                        }
                        End::Fault(fault) => {
                            tracing::warn!(error = %fault, "publishing starts anew");
                            if matches!(fault, PublishFault::Returned) {
                                outage.next = Next::Declare;
                            }
                        }
                        End::Unblocked => continue,
                    }
                }
                Err(fault) => outage.began(&fault, "cannot publish"),
            }
            outage.wait(&self.wake).await;
        }
    }

    async fn serve(&self, connection: &Connection, list: &Arc<WaitingList>) -> End {
        let mut events = Box::pin(connection.events_listener());
        let mut tasks = JoinSet::new();
        let opened = async {
            for _ in 0..CHANNELS {
                let channel = open_confirming(connection).await?;
                let list = Arc::clone(list);
                tasks.spawn(async move { publish_windows(&channel, &list).await });
            }
            open_channel(connection).await
        };
        let pulse_channel = match opened.await {
            Ok(channel) => channel,
            Err(fault) => return End::Fault(fault.into()),
        };
        let topology = Arc::clone(&self.topology);
        tasks.spawn(async move { pulse(&pulse_channel, &topology, 0).await.into() });
        list.open();
        tracing::info!("publishing leads");
        loop {
            tokio::select! {
                event = events.next() => match event {
                    Some(Event::ConnectionBlocked(reason)) => {
                        tracing::warn!(reason, "the broker takes no messages");
                        break;
                    }
                    Some(Event::Error(error)) => return End::Fault(LinkFault::from(error).into()),
                    None => return End::Fault(LinkFault::Ended.into()),
                    Some(_) => {}
                },
                ended = tasks.join_next() => {
                    let broke = LinkFault::Ended.into();
                    return End::Fault(ended.and_then(Result::ok).unwrap_or(broke));
                }
            }
        }
        list.close(Phase::Blocked, &PublishFault::Blocked);
        // What is under way is given up: it may arrive later, as after any other fault.
        tasks.shutdown().await;
        while connection.status().blocked() && connection.status().connected() {
            sleep(BLOCKED_LOOK_EVERY).await;
        }
        if connection.status().connected() {
            tracing::info!("the broker takes messages again");
            End::Unblocked
        } else {
            End::Fault(LinkFault::Ended.into())
        }
    }
}

/// One window after the other, until one fails.
///
/// What the broker returns is attached by the client to whichever confirm comes next, so that a
/// window is judged as a whole, and a channel carries one at a time.
async fn publish_windows(channel: &Channel, list: &Arc<WaitingList>) -> PublishFault {
    loop {
        let window = list.next_window().await;
        let published = timeout(WINDOW_TIMEOUT, publish_all(channel, &window.messages)).await;
        let result = published.unwrap_or(Err(PublishFault::Slow));
        window.answer(&result);
        if let Err(fault) = result {
            return fault;
        }
    }
}

async fn publish_all(channel: &Channel, messages: &[Outgoing]) -> Result<(), PublishFault> {
    let options = BasicPublishOptions {
        mandatory: true,
        ..BasicPublishOptions::default()
    };
    let sent = messages.iter().map(|message| {
        channel.basic_publish(
            "".into(),
            message.queue.as_str().into(),
            options,
            &message.body,
            message.properties.clone(),
        )
    });
    let link = |error| PublishFault::Link(LinkFault::Failed(error));
    let confirms = try_join_all(sent).await.map_err(link)?;
    let confirms = try_join_all(confirms).await.map_err(link)?;
    confirms.iter().try_for_each(verdict)
}

/// Only a plain acknowledgement is one.
fn verdict(confirmation: &Confirmation) -> Result<(), PublishFault> {
    match confirmation {
        Confirmation::Ack(None) => Ok(()),
        Confirmation::Ack(Some(_)) => Err(PublishFault::Returned),
        Confirmation::Nack(_) => Err(PublishFault::Refused),
        Confirmation::NotRequested => Err(PublishFault::Unconfirmed),
    }
}

/// A round trip now and then, which finds sockets that are open on one side only, a work queue that
/// is gone, and one with fewer consumers than there must be: where a queue is deleted and declared
/// again, a broker may fail to tell those of the old one. Answers once one fails.
pub(crate) async fn pulse(channel: &Channel, topology: &Topology, consumers: u32) -> LinkFault {
    let options = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    loop {
        sleep(PULSE_EVERY).await;
        let work = topology.work.as_str().into();
        let look = channel.queue_declare(work, options, FieldTable::default());
        match in_time(look).await {
            Ok(queue) if queue.consumer_count() < consumers => return LinkFault::Forgotten,
            Ok(_) => {}
            Err(fault) => return fault,
        }
    }
}

/// The time without a connection: logged when it begins and when it ends.
#[derive(Default)]
pub(crate) struct Outage {
    backoff: Option<Backoff>,
    next: Next,
}

/// When to connect again.
#[derive(Clone, Copy, Default)]
enum Next {
    #[default]
    Soon,
    /// A queue is gone, and connecting declares it.
    Declare,
    /// Somebody has to change something first.
    Lasting,
}

impl Outage {
    pub(crate) fn began(&mut self, fault: &LinkFault, what: &str) {
        let cause = kernel::Cause::new(fault.clone());
        if self.backoff.is_none() {
            tracing::warn!(error = %cause, "{what}, trying again");
        } else {
            tracing::debug!(error = %cause, "{what} yet");
        }
        self.backoff.get_or_insert_with(Backoff::new);
        self.next = if fault.is_lasting() {
            Next::Lasting
        } else if fault.is_gone() {
            Next::Declare
        } else {
            Next::Soon
        };
    }

    /// A connection served for so long; one that fails at once is part of the outage still.
    pub(crate) fn ended_before(&mut self, served: Duration) {
        self.next = Next::Soon;
        if served >= STEADY_AFTER {
            self.backoff = None;
        }
    }

    pub(crate) async fn wait(&mut self, wake: &Notify) {
        let backoff = self.backoff.get_or_insert_with(Backoff::new);
        let wait = match self.next {
            Next::Soon => backoff.next_wait(),
            Next::Declare => {
                // Whoever is in a hurry waits as well.
                sleep(DECLARE_AFTER).await;
                backoff.next_wait()
            }
            Next::Lasting => LASTING_WAIT,
        };
        tokio::select! {
            () = sleep(wait) => {}
            () = wake.notified() => {}
        }
    }
}
