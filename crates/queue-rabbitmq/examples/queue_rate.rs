//! How fast messages go in and out, next to a bare client that sends the same bytes:
//! `cargo run --release -p queue-rabbitmq --example queue_rate`.
//!
//! The bare client publishes on as many channels as there are publishers, each confirm awaited
//! before the next message of that channel, and acknowledges half a prefetch at a time.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a measuring program prints, and may stop at the first surprise"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use kernel::{Batch, Secret};
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions,
    ConfirmSelectOptions, QueueDeleteOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Confirmation, Connection, ConnectionProperties};
use lead::ports::{LeadConsumer as _, LeadPublisher as _, ReceiveAsk, Settled, Settlement};
use lead::{Message, RetryPolicy};
use queue_rabbitmq::{Options, RabbitQueue, Role};
use testkit::fixtures::any_message;
use testkit::servers::{queue_url, run_name};
use tokio::task::JoinSet;

const PUBLISHERS: usize = 64;
const BARE_PREFETCH: u16 = 64;

#[tokio::main]
async fn main() {
    let options = Options {
        namespace: format!("{}.", run_name()),
        policy: RetryPolicy::new(Vec::new()).unwrap(),
        ..Options::new(Secret::new(queue_url()), Role::Consumer)
    };
    let namespace = options.namespace.clone();
    let work = format!("{namespace}leads.work.v1");
    for (leads, messages) in [(1, 500), (50, 60), (100, 60)] {
        let all_leads = PUBLISHERS * messages * leads;
        // A process of its own each time, so that none takes what the bare client sends.
        let queue = RabbitQueue::start(options.clone()).unwrap();
        queue.prepare().await.unwrap();
        let (bare_in, bare_out) = bare(&work, leads, messages).await;
        let (ours_in, ours_out) = ours(Arc::new(queue), leads, messages).await;
        report("in", leads, all_leads, ours_in, bare_in);
        report("out and settled", leads, all_leads, ours_out, bare_out);
    }
    let connected = Connection::connect(&queue_url(), ConnectionProperties::default()).await;
    let connection = connected.unwrap();
    let channel = connection.create_channel().await.unwrap();
    for name in ["leads.work.v1", "leads.suspect.v1", "leads.failed.v1"] {
        let (name, options) = (format!("{namespace}{name}"), QueueDeleteOptions::default());
        channel.queue_delete(name.into(), options).await.unwrap();
    }
}

/// Every publisher sends that many messages of that many leads, one at a time.
async fn ours(queue: Arc<RabbitQueue>, leads: usize, messages: usize) -> (Duration, Duration) {
    let message = Batch::one(any_message(leads));
    let start = Instant::now();
    let mut publishers = JoinSet::new();
    for _ in 0..PUBLISHERS {
        let (queue, message) = (Arc::clone(&queue), message.clone());
        publishers.spawn(async move {
            for _ in 0..messages {
                queue.publish(&message).await.unwrap();
            }
        });
    }
    publishers.join_all().await;
    let published = start.elapsed();

    let start = Instant::now();
    let mut taken = 0;
    while taken < PUBLISHERS * messages * leads {
        let ask = ReceiveAsk {
            max_leads: 500,
            wait: Duration::from_secs(5),
            linger: Duration::ZERO,
        };
        let deliveries = queue.receive(ask).await.unwrap();
        let leads_of = |it: &Result<Message, _>| it.as_ref().map_or(0, Message::lead_count);
        let came = deliveries.iter().map(|it| leads_of(&it.payload));
        taken += came.sum::<usize>();
        let done = deliveries.into_iter().map(|it| Settled {
            tag: it.tag,
            settlement: Settlement::Done,
        });
        queue.settle(done.collect()).await.unwrap();
    }
    (published, start.elapsed())
}

async fn bare(queue: &str, leads: usize, messages: usize) -> (Duration, Duration) {
    let connected = Connection::connect(&queue_url(), ConnectionProperties::default()).await;
    let connection = connected.unwrap();
    let body: Arc<[u8]> = queue_codec::encode(&any_message(leads)).into();
    let mut publishers = JoinSet::new();
    let start = Instant::now();
    for _ in 0..PUBLISHERS {
        let channel = connection.create_channel().await.unwrap();
        let confirm = ConfirmSelectOptions::default();
        channel.confirm_select(confirm).await.unwrap();
        let (queue, body) = (queue.to_owned(), Arc::clone(&body));
        publishers.spawn(async move {
            for _ in 0..messages {
                let options = BasicPublishOptions {
                    mandatory: true,
                    ..BasicPublishOptions::default()
                };
                let properties = BasicProperties::default().with_delivery_mode(2);
                let queue = queue.as_str().into();
                let sent = channel.basic_publish("".into(), queue, options, &body, properties);
                let confirmed = sent.await.unwrap().await.unwrap();
                assert_eq!(confirmed, Confirmation::Ack(None));
            }
        });
    }
    publishers.join_all().await;
    let published = start.elapsed();

    let start = Instant::now();
    let channel = connection.create_channel().await.unwrap();
    let qos = BasicQosOptions::default();
    channel.basic_qos(BARE_PREFETCH, qos).await.unwrap();
    let options = BasicConsumeOptions::default();
    let subscribed = channel.basic_consume(queue.into(), "".into(), options, FieldTable::default());
    let mut consumer = subscribed.await.unwrap();
    for number in 1..=PUBLISHERS * messages {
        let delivery = consumer.next().await.unwrap().unwrap();
        if number % usize::from(BARE_PREFETCH / 2) == 0 || number == PUBLISHERS * messages {
            let options = BasicAckOptions { multiple: true };
            delivery.ack(options).await.unwrap();
        }
    }
    (published, start.elapsed())
}

fn report(what: &str, leads: usize, all_leads: usize, ours: Duration, bare: Duration) {
    let rate = |took: Duration| all_leads as f64 / took.as_secs_f64();
    let (ours, bare) = (rate(ours), rate(bare));
    let ratio = ours / bare;
    println!(
        "{what}, {leads} leads at a time: {ours:.0} leads/s, bare {bare:.0}, ratio {ratio:.2}"
    );
}
