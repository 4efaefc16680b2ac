//! The supervisor of the connection that consumes.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, Consumer};
use lead::Lane;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::broker::{LinkFault, in_time, open_channel, part};
use crate::inbox::{Inbox, PREFETCH, Source};
use crate::message::Outgoing;
use crate::publish::{Outage, Supervisor, pulse};
use crate::waiting::WaitingList;

/// Suspects that a process holds: a crash then counts against one.
const SUSPECT_PREFETCH: u16 = 1;
/// Messages that are moved to the suspects at a time.
const FAILED_PREFETCH: u16 = 8;
/// How long to wait before moving one is tried again.
const MOVE_AGAIN_AFTER: Duration = Duration::from_secs(1);

impl Supervisor {
    /// Fills the inbox once somebody asks for messages, for as long as the task is let live.
    ///
    /// What is not settled when the connection ends, by fault or on purpose, comes again: here or
    /// elsewhere.
    pub(crate) async fn consume(self, inbox: Arc<Inbox>, list: Arc<WaitingList>) {
        inbox.until_asked().await;
        let mut outage = Outage::default();
        loop {
            let fault = match self.broker.connect().await {
                Ok(connection) => {
                    let began_at = Instant::now();
                    let fault = self.fill(&connection, &inbox, &list).await;
                    inbox.close();
                    outage.ended_before(began_at.elapsed());
                    part(connection).await;
                    fault
                }
                Err(fault) => {
                    inbox.close();
                    fault
                }
            };
            outage.began(&fault, "cannot consume");
            outage.wait(&self.wake).await;
        }
    }

    async fn fill(
        &self,
        connection: &Connection,
        inbox: &Arc<Inbox>,
        list: &Arc<WaitingList>,
    ) -> LinkFault {
        match self.subscribe(connection, inbox, list).await {
            Ok(mut tasks) => {
                tracing::info!("consuming leads");
                let ended = tasks.join_next().await;
                // Nothing may come in any more once the inbox is closed.
                tasks.shutdown().await;
                ended.and_then(Result::ok).unwrap_or(LinkFault::Ended)
            }
            Err(fault) => fault,
        }
    }

    async fn subscribe(
        &self,
        connection: &Connection,
        inbox: &Arc<Inbox>,
        list: &Arc<WaitingList>,
    ) -> Result<JoinSet<LinkFault>, LinkFault> {
        let topology = &self.topology;
        let work = consumer(connection, &topology.work, PREFETCH).await?;
        let suspect = consumer(connection, &topology.suspect, SUSPECT_PREFETCH).await?;
        let (failed_channel, failed) =
            consumer(connection, &topology.failed, FAILED_PREFETCH).await?;
        let pulse_channel = open_channel(connection).await?;
        inbox.open();

        let mut tasks = JoinSet::new();
        for ((channel, consumer), lane) in [(work, Lane::Work), (suspect, Lane::Suspect)] {
            let source = Arc::new(Source::new(channel, lane));
            tasks.spawn(pump(consumer, source, Arc::clone(inbox)));
        }
        let (list, suspect) = (Arc::clone(list), topology.suspect.clone());
        tasks.spawn(async move { move_on(failed, &failed_channel, &suspect, &list).await });
        let topology = Arc::clone(topology);
        // It is one of its consumers itself.
        tasks.spawn(async move { pulse(&pulse_channel, &topology, 1).await });
        Ok(tasks)
    }
}

async fn consumer(
    connection: &Connection,
    queue: &str,
    prefetch: u16,
) -> Result<(Channel, Consumer), LinkFault> {
    let channel = open_channel(connection).await?;
    in_time(channel.basic_qos(prefetch, BasicQosOptions::default())).await?;
    let options = BasicConsumeOptions::default();
    let subscribed = channel.basic_consume(queue.into(), "".into(), options, FieldTable::default());
    let consumer = in_time(subscribed).await?;
    Ok((channel, consumer))
}

/// Until the broker cancels, or the connection ends.
async fn pump(mut consumer: Consumer, source: Arc<Source>, inbox: Arc<Inbox>) -> LinkFault {
    loop {
        match consumer.next().await {
            Some(Ok(delivery)) => inbox.put(&source, delivery).await,
            Some(Err(error)) => return error.into(),
            None => return LinkFault::Cancelled,
        }
    }
}

/// What the broker took out of a queue goes on as a suspect. Its bytes are not read here, so that
/// none of it can hurt.
async fn move_on(
    mut failed: Consumer,
    channel: &Channel,
    suspect: &str,
    list: &WaitingList,
) -> LinkFault {
    loop {
        let delivery = match failed.next().await {
            Some(Ok(delivery)) => delivery,
            Some(Err(error)) => return error.into(),
            None => return LinkFault::Cancelled,
        };
        tracing::warn!(
            bytes = delivery.data.len(),
            "the broker gave a message up, it goes alone"
        );
        loop {
            let moved = Outgoing::moved(suspect.to_owned(), &delivery);
            match list.publish_whole(vec![moved]).await {
                Ok(()) => break,
                Err(error) => tracing::debug!(%error, "cannot move a message yet"),
            }
            sleep(MOVE_AGAIN_AFTER).await;
        }
        let acknowledged = channel.basic_ack(delivery.delivery_tag, BasicAckOptions::default());
        if let Err(fault) = in_time(acknowledged).await {
            return fault;
        }
    }
}
