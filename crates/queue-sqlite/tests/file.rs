//! What a queue file does beyond the promises of the ports.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test may stop at the first surprise"
)]

use std::path::Path;
use std::time::Duration;

use eav::Value;
use kernel::{Batch, Probe as _};
use lead::ports::{
    Delivery, LeadConsumer as _, LeadPublisher as _, QueueError, QueueMonitor as _, ReceiveAsk,
    Settled, Settlement,
};
use lead::{Message, RetryPolicy};
use queue_sqlite::{OpenError, Role, SqliteQueue, open};
use rusqlite::Connection;
use testkit::contract::{PATIENCE, eventually};
use testkit::fixtures::{any_message, lead_with_attributes, message_of};

async fn opened(path: &Path, role: Role) -> SqliteQueue {
    open(path, RetryPolicy::default(), role).await.unwrap()
}

async fn publish(queue: &SqliteQueue, messages: Vec<Message>) {
    queue.publish(&Batch::new(messages).unwrap()).await.unwrap();
}

async fn receive(queue: &SqliteQueue) -> Vec<Delivery> {
    let ask = ReceiveAsk {
        max_leads: 1_000,
        wait: PATIENCE,
        linger: Duration::ZERO,
    };
    queue.receive(ask).await.unwrap()
}

async fn done(queue: &SqliteQueue, deliveries: &[Delivery]) {
    let done = |it: &Delivery| Settled {
        tag: it.tag,
        settlement: Settlement::Done,
    };
    let settled = deliveries.iter().map(done).collect();
    queue.settle(settled).await.unwrap();
}

#[tokio::test]
async fn a_second_consumer_is_refused_while_the_first_lives() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("queue.db");
    let first = opened(&path, Role::Consumer).await;

    let second = open(&path, RetryPolicy::default(), Role::Consumer).await;

    assert!(matches!(second, Err(OpenError::ConsumedElsewhere)));
    drop(first);
    opened(&path, Role::Consumer).await.probe().await.unwrap();
}

#[tokio::test]
async fn every_hand_out_that_ends_in_a_crash_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("queue.db");
    let message = any_message(2);
    publish(&opened(&path, Role::Publisher).await, vec![message.clone()]).await;

    for crashes in 0..4 {
        let queue = opened(&path, Role::Consumer).await;
        let deliveries = receive(&queue).await;

        assert_eq!(deliveries.len(), 1);
        assert_eq!(deliveries[0].redeliveries, crashes);
        assert_eq!(deliveries[0].payload, Ok(message.clone()));
    }
}

#[tokio::test]
async fn messages_of_another_process_are_found_by_one_who_waits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("queue.db");
    let consumer = opened(&path, Role::Consumer).await;
    let publisher = opened(&path, Role::Publisher).await;
    let message = any_message(1);

    let (deliveries, ()) = tokio::join!(
        receive(&consumer),
        publish(&publisher, vec![message.clone()])
    );

    assert_eq!(deliveries[0].payload, Ok(message));
    assert_eq!(publisher.depths().await.unwrap()[0].in_flight, None);
}

#[tokio::test]
async fn a_publisher_does_not_consume() {
    let folder = tempfile::tempdir().unwrap();
    let queue = opened(&folder.path().join("queue.db"), Role::Publisher).await;
    let ask = ReceiveAsk {
        max_leads: 1,
        wait: Duration::ZERO,
        linger: Duration::ZERO,
    };

    assert!(matches!(
        queue.receive(ask).await,
        Err(QueueError::Unavailable(_))
    ));
}

#[tokio::test]
async fn settling_twice_touches_no_other_message() {
    let folder = tempfile::tempdir().unwrap();
    let queue = opened(&folder.path().join("queue.db"), Role::Consumer).await;
    publish(&queue, vec![any_message(1)]).await;
    let deliveries = receive(&queue).await;
    done(&queue, &deliveries).await;
    let next = any_message(1);
    publish(&queue, vec![next.clone()]).await;

    done(&queue, &deliveries).await;

    assert_eq!(receive(&queue).await[0].payload, Ok(next));
}

#[tokio::test]
async fn a_file_of_another_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("queue.db");
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();

    let refused = open(&path, RetryPolicy::default(), Role::Consumer).await;

    assert!(matches!(refused, Err(OpenError::Version { found: 99 })));
}

#[tokio::test]
async fn a_file_that_was_drained_gives_its_pages_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("queue.db");
    let queue = opened(&path, Role::Consumer).await;
    let essay = Value::from_text(&"é".repeat(30_000)).unwrap();
    let large = message_of(&vec![lead_with_attributes(vec![("essay", essay)]); 15]);
    for _ in 0..40 {
        publish(&queue, vec![large.clone()]).await;
    }
    let full_bytes = pages(&path);

    while queue.depths().await.unwrap()[0].ready > 0 {
        let deliveries = receive(&queue).await;
        done(&queue, &deliveries).await;
    }

    eventually("the file shrinks", async || {
        (pages(&path) < full_bytes * 3 / 4).then_some(())
    })
    .await;
}

/// Pages of the file, as a transaction sees them.
fn pages(path: &Path) -> i64 {
    let connection = Connection::open(path).unwrap();
    connection.busy_timeout(PATIENCE).unwrap();
    connection
        .query_row("PRAGMA page_count", [], |row| row.get(0))
        .unwrap()
}
