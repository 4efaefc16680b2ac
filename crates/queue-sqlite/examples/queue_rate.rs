//! How fast messages go in and out: `cargo run --release -p queue-sqlite --example queue_rate -- FOLDER`.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a measuring program prints, and may stop at the first surprise"
)]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kernel::Batch;
use lead::ports::{LeadConsumer as _, LeadPublisher as _, ReceiveAsk, Settled, Settlement};
use lead::{Message, RetryPolicy};
use queue_sqlite::{Role, SqliteQueue, open};
use testkit::fixtures::any_message;
use tokio::task::JoinSet;

const PUBLISHERS: usize = 64;

#[tokio::main]
async fn main() {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| ".".into()));
    let folder = tempfile::tempdir_in(folder).unwrap();
    let path = folder.path().join("queue.db");
    let queue = open(&path, RetryPolicy::default(), Role::Consumer).await;
    let queue = Arc::new(queue.unwrap());
    round(&queue, 1, 1_500).await;
    round(&queue, 100, 60).await;
}

/// Every publisher sends that many messages of that many leads, one at a time.
async fn round(queue: &Arc<SqliteQueue>, leads: usize, messages: usize) {
    let all_leads = PUBLISHERS * messages * leads;
    let message = Batch::one(any_message(leads));
    let start = Instant::now();
    let mut publishers = JoinSet::new();
    for _ in 0..PUBLISHERS {
        let (queue, message) = (Arc::clone(queue), message.clone());
        publishers.spawn(async move {
            for _ in 0..messages {
                queue.publish(&message).await.unwrap();
            }
        });
    }
    publishers.join_all().await;
    report("in", leads, all_leads, start.elapsed());

    let start = Instant::now();
    let mut taken = 0;
    while taken < all_leads {
        let ask = ReceiveAsk {
            max_leads: 500,
            wait: Duration::from_secs(5),
            linger: Duration::ZERO,
        };
        let deliveries = queue.receive(ask).await.unwrap();
        let leads_of = |it: &Result<Message, _>| it.as_ref().map_or(0, Message::lead_count);
        taken += deliveries
            .iter()
            .map(|it| leads_of(&it.payload))
            .sum::<usize>();
        let done = deliveries.into_iter().map(|it| Settled {
            tag: it.tag,
            settlement: Settlement::Done,
        });
        queue.settle(done.collect()).await.unwrap();
    }
    report("out and settled", leads, all_leads, start.elapsed());
}

fn report(what: &str, leads: usize, all_leads: usize, took: Duration) {
    let rate = all_leads as f64 / took.as_secs_f64();
    println!("{what}, {leads} leads a message: {rate:.0} leads/s");
}
