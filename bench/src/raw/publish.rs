//! What the broker alone can do: persistent messages of one lead each into a quorum queue, each
//! confirmed before its publisher sends the next.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use lapin::options::{
    BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};

use crate::Failure;
use crate::latency::Latency;
use crate::proc::Watched;
use crate::rig::Rig;
use crate::volley::Answered;

const QUEUE: &str = "bench.raw";
/// AMQP's sign for a message that is written to disk.
const PERSISTENT: u8 = 2;

/// Publishes bodies for a time, with so many publishers at once.
pub(crate) async fn publish(
    rig: &Rig,
    bodies: &[Bytes],
    publishers: usize,
    time: Duration,
) -> Result<Answered, Failure> {
    let properties = ConnectionProperties::default();
    let connection = Connection::connect(&rig.queue_url(), properties).await?;
    let channel = connection.create_channel().await?;
    let durable = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    let mut kind = FieldTable::default();
    kind.insert(
        "x-queue-type".into(),
        AMQPValue::LongString("quorum".into()),
    );
    channel.queue_declare(QUEUE.into(), durable, kind).await?;
    let confirms = ConfirmSelectOptions::default();
    channel.confirm_select(confirms).await?;

    let next = AtomicUsize::new(0);
    let watched = Watched::new(rig.processes());
    let clock = watched.start()?;
    let began = Instant::now();
    let publishing = (0..publishers).map(|_| publish_some(&channel, bodies, &next, began + time));
    let times = futures_util::future::try_join_all(publishing)
        .await?
        .concat();
    let answered = Answered {
        count: times.len() as u64,
        time: began.elapsed(),
        latency: Latency::of(times),
        cpu: clock.stop()?,
    };
    let delete = QueueDeleteOptions::default();
    channel.queue_delete(QUEUE.into(), delete).await?;
    Ok(answered)
}

async fn publish_some(
    channel: &Channel,
    bodies: &[Bytes],
    next: &AtomicUsize,
    until: Instant,
) -> Result<Vec<Duration>, Failure> {
    let mut times = Vec::new();
    let options = BasicPublishOptions {
        mandatory: true,
        ..BasicPublishOptions::default()
    };
    while Instant::now() < until {
        let body = &bodies[next.fetch_add(1, Ordering::Relaxed) % bodies.len()];
        let properties = BasicProperties::default().with_delivery_mode(PERSISTENT);
        let began = Instant::now();
        let sent = channel.basic_publish("".into(), QUEUE.into(), options, body, properties);
        match sent.await?.await? {
            Confirmation::Ack(None) => times.push(began.elapsed()),
            other => return Err(format!("a message is not confirmed: {other:?}").into()),
        }
    }
    Ok(times)
}
