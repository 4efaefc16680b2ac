//! What goes wrong between a process and its broker, and how it goes on.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test may stop at the first surprise"
)]

mod place;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use kernel::{Batch, Probe as _, Secret};
use lapin::options::{
    BasicGetOptions, BasicRejectOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::FieldTable;
use lapin::uri::AMQPUri;
use lead::ports::{
    Delivery, DeliveryTag, LeadConsumer as _, LeadPublisher as _, QueueError, QueueMonitor as _,
    ReceiveAsk, Settled, Settlement,
};
use lead::{Lane, LeadId, Message, RetryPolicy};
use queue_rabbitmq::{Options, RabbitQueue, Role};
use test_rig::{Direction, Proxy};
use testkit::contract::{PATIENCE, eventually};
use testkit::fixtures::any_message;
use testkit::servers::queue_url;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use place::{Place, bare_channel, put, started};

/// A process behind a door.
async fn behind_a_door(place: &Place, role: Role) -> (Proxy, Arc<RabbitQueue>) {
    let mut uri: AMQPUri = queue_url().parse().unwrap();
    let server = (uri.authority.host.clone(), uri.authority.port);
    let server = tokio::net::lookup_host(server).await.unwrap().next();
    let proxy = Proxy::start(server.unwrap()).await.unwrap();
    uri.authority.host = proxy.address().ip().to_string();
    uri.authority.port = proxy.address().port();
    let options = Options {
        url: Secret::new(uri.to_string()),
        ..place.options(role)
    };
    (proxy, started(options).await)
}

async fn publish(queue: &RabbitQueue, message: &Message) -> Result<(), QueueError> {
    queue.publish(&Batch::one(message.clone())).await
}

/// Publishes again and again until it succeeds, at most [`PATIENCE`], and says how often it tried.
async fn publish_at_last(queue: &RabbitQueue, message: &Message) -> usize {
    let give_up_at = Instant::now() + PATIENCE;
    let mut tries = 1;
    while let Err(error) = publish(queue, message).await {
        assert!(Instant::now() < give_up_at, "never published: {error:?}");
        sleep(Duration::from_millis(20)).await;
        tries += 1;
    }
    tries
}

fn ask(wait: Duration) -> ReceiveAsk {
    ReceiveAsk {
        max_leads: 1_000,
        wait,
        linger: Duration::ZERO,
    }
}

async fn one(queue: &RabbitQueue) -> Delivery {
    let give_up_at = Instant::now() + PATIENCE;
    loop {
        // While there is no connection this is an error, as it should be.
        if let Ok(mut deliveries) = queue.receive(ask(PATIENCE)).await
            && !deliveries.is_empty()
        {
            assert_eq!(deliveries.len(), 1);
            return deliveries.remove(0);
        }
        assert!(Instant::now() < give_up_at, "nothing came");
    }
}

async fn settle(queue: &RabbitQueue, tag: DeliveryTag, settlement: Settlement) {
    let settled = vec![Settled { tag, settlement }];
    queue.settle(settled).await.unwrap();
}

fn ids(message: &Message) -> impl Iterator<Item = LeadId> + '_ {
    message
        .parts
        .iter()
        .flat_map(|part| part.leads.iter().map(|it| it.lead.id))
}

/// The leads that are in the queue; taken by a process that starts for it.
async fn drained(place: &Place) -> Vec<LeadId> {
    let queue = place.consumer().await;
    let mut came = Vec::new();
    loop {
        let deliveries = queue
            .receive(ask(Duration::from_millis(500)))
            .await
            .unwrap();
        if deliveries.is_empty() {
            return came;
        }
        for delivery in deliveries {
            came.extend(ids(&delivery.payload.unwrap()));
            settle(&queue, delivery.tag, Settlement::Done).await;
        }
    }
}

async fn delete(queue: &str) {
    let (_connection, channel) = bare_channel().await;
    let options = QueueDeleteOptions::default();
    channel.queue_delete(queue.into(), options).await.unwrap();
}

async fn is_there(queue: &str) -> bool {
    let (_connection, channel) = bare_channel().await;
    let options = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let looked = channel.queue_declare(queue.into(), options, FieldTable::default());
    looked.await.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_with_one_message_that_no_queue_takes_is_refused_whole() {
    let place = Place::new();
    let queue = place.process(Role::Publisher).await;
    delete(&place.queue("leads.retry.v1.150ms")).await;
    let mut messages: Vec<Message> = (0..10).map(|_| any_message(1)).collect();
    messages[4].attempt = 1;
    let messages = Batch::new(messages).unwrap();

    let refused = queue.publish(&messages).await;
    assert!(matches!(refused, Err(QueueError::Unavailable(_))));

    // The queue that was missing is declared again.
    publish_at_last(&queue, &messages[4]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_work_queue_that_was_deleted_refuses_and_comes_back() {
    let place = Place::new();
    let queue = place.consumer().await;
    delete(&place.queue("leads.work.v1")).await;

    let (lost, kept) = (any_message(1), any_message(1));
    let refused = publish(&queue, &lost).await;
    assert!(matches!(refused, Err(QueueError::Unavailable(_))));

    publish_at_last(&queue, &kept).await;
    let delivery = one(&queue).await;
    assert_eq!(delivery.payload, Ok(kept));
    settle(&queue, delivery.tag, Settlement::Done).await;
    queue.probe().await.unwrap();
}

/// Nobody publishes, so that who consumes, and who looks whether all is well, find out.
#[tokio::test(flavor = "multi_thread")]
async fn a_work_queue_that_was_deleted_stays_away_until_all_who_consume_are_told() {
    let place = Place::new();
    let queue = place.consumer().await;
    let work = place.queue("leads.work.v1");
    let deleted_at = Instant::now();
    delete(&work).await;
    eventually("the queue is declared again", async || {
        is_there(&work).await.then_some(())
    })
    .await;
    assert!(deleted_at.elapsed() >= Duration::from_secs(1));

    let message = any_message(1);
    publish_at_last(&queue, &message).await;
    let delivery = one(&queue).await;
    assert_eq!(delivery.payload, Ok(message));
    settle(&queue, delivery.tag, Settlement::Done).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_confirmed_survives_connections_that_are_cut() {
    let place = Place::new();
    let (proxy, queue) = behind_a_door(&place, Role::Publisher).await;
    let mut publishers = JoinSet::new();
    let confirmed_of_one = Duration::from_secs(3);
    for _ in 0..8 {
        let queue = Arc::clone(&queue);
        publishers.spawn(async move {
            let until = Instant::now() + confirmed_of_one;
            let mut confirmed = Vec::new();
            let mut refused = 0;
            while Instant::now() < until {
                let message = any_message(1);
                if publish(&queue, &message).await.is_ok() {
                    confirmed.extend(ids(&message));
                } else {
                    refused += 1;
                    sleep(Duration::from_millis(5)).await;
                }
            }
            (confirmed, refused)
        });
    }
    for _ in 0..4 {
        sleep(confirmed_of_one / 6).await;
        proxy.cut();
    }
    let (confirmed, refused): (Vec<_>, Vec<u32>) = publishers.join_all().await.into_iter().unzip();
    let confirmed: HashSet<LeadId> = confirmed.into_iter().flatten().collect();
    assert!(confirmed.len() > 50, "{} confirmed", confirmed.len());
    assert!(refused.iter().sum::<u32>() > 0, "no window was cut");

    drop(queue);
    let came: HashSet<LeadId> = drained(&place).await.into_iter().collect();
    assert_eq!(confirmed.difference(&came).count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_door_that_refuses_fails_fast_and_recovers() {
    let place = Place::new();
    let (proxy, queue) = behind_a_door(&place, Role::Publisher).await;
    proxy.refuse();
    // The first one may still find the connection, or wait for the next.
    let _ = publish(&queue, &any_message(1)).await;
    sleep(Duration::from_secs(2)).await;

    let asked_at = Instant::now();
    assert!(publish(&queue, &any_message(1)).await.is_err());
    assert!(asked_at.elapsed() < Duration::from_millis(500));
    queue.probe().await.unwrap_err();

    proxy.pass();
    publish_at_last(&queue, &any_message(1)).await;
    queue.probe().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_door_where_bytes_get_stuck_is_left_in_time() {
    let place = Place::new();
    let (proxy, queue) = behind_a_door(&place, Role::Publisher).await;
    proxy.stall();
    let stuck = any_message(1);
    let answered = timeout(PATIENCE, publish(&queue, &stuck)).await;
    assert!(matches!(answered, Ok(Err(QueueError::Unavailable(_)))));

    proxy.pass();
    let message = any_message(1);
    publish_at_last(&queue, &message).await;
    drop(queue);
    let came = drained(&place).await;
    assert!(ids(&message).all(|it| came.contains(&it)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirm_that_gets_lost_is_no_confirm() {
    let place = Place::new();
    let (proxy, queue) = behind_a_door(&place, Role::Publisher).await;
    proxy.swallow(Direction::ToClient);
    let unsure = any_message(1);
    let answered = timeout(PATIENCE, publish(&queue, &unsure)).await;
    assert!(matches!(answered, Ok(Err(QueueError::Unavailable(_)))));

    proxy.pass();
    // Sent again, as its sender would.
    let tries = 1 + publish_at_last(&queue, &unsure).await;
    drop(queue);
    let came = drained(&place).await;
    assert!(ids(&unsure).all(|it| came.contains(&it)));
    assert!((2..=tries).contains(&came.len()), "{} came", came.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_of_a_connection_that_is_gone_are_nobodys_to_settle() {
    let place = Place::new();
    let (proxy, queue) = behind_a_door(&place, Role::Consumer).await;
    let message = any_message(2);
    publish(&queue, &message).await.unwrap();
    let stale = one(&queue).await;
    proxy.cut();
    let again = one(&queue).await;
    assert_ne!(again.tag, stale.tag);
    assert_eq!(again.payload.as_ref(), Ok(&message));
    assert_eq!(again.redeliveries, 1);

    let retry = Settlement::Retry(Batch::one(Message {
        attempt: 1,
        ..message.clone()
    }));
    settle(&queue, stale.tag, retry).await;
    settle(&queue, stale.tag, Settlement::Return).await;
    settle(&queue, stale.tag, Settlement::Done).await;

    // None of it touched the message that was handed out again, or made a second one.
    drop(queue);
    let came = drained(&place).await;
    assert_eq!(came, ids(&message).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_who_consumes_goes_on_when_bytes_got_stuck() {
    let place = Place::new();
    let (proxy, queue) = behind_a_door(&place, Role::Consumer).await;
    let message = any_message(1);
    let sender = place.process(Role::Publisher).await;
    assert!(queue.receive(ask(Duration::ZERO)).await.unwrap().is_empty());
    proxy.swallow(Direction::ToClient);
    publish(&sender, &message).await.unwrap();
    sleep(Duration::from_secs(4)).await;
    proxy.pass();

    let delivery = one(&queue).await;
    assert_eq!(delivery.payload, Ok(message));
    settle(&queue, delivery.tag, Settlement::Done).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_broker_gave_up_comes_as_a_suspect() {
    let place = Place::new();
    let publisher = place.process(Role::Publisher).await;
    let given_up = any_message(2);
    publish(&publisher, &given_up).await.unwrap();
    let (_connection, channel) = bare_channel().await;
    let work = place.queue("leads.work.v1");
    // The backstop of the work queue.
    for _ in 0..=1_000 {
        let options = BasicGetOptions::default();
        let Some(looked) = channel
            .basic_get(work.as_str().into(), options)
            .await
            .unwrap()
        else {
            continue;
        };
        let options = BasicRejectOptions { requeue: true };
        looked.delivery.acker.reject(options).await.unwrap();
    }
    put(&place.queue("leads.failed.v1"), b"[garbage").await;

    let queue = place.consumer().await;
    let mut came = Vec::new();
    for _ in 0..2 {
        let delivery = one(&queue).await;
        assert_eq!((delivery.lane, delivery.redeliveries), (Lane::Suspect, 0));
        came.push(delivery.payload.map_err(|it| it.bytes));
        settle(&queue, delivery.tag, Settlement::Done).await;
    }
    assert!(came.contains(&Ok(given_up)));
    assert!(came.contains(&Err(b"[garbage".to_vec())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_comes_within_a_fifth_of_its_time() {
    let delay = Duration::from_secs(1);
    let place = Place::with_waits(RetryPolicy::new(vec![delay]).unwrap());
    let queue = place.consumer().await;
    let message = any_message(1);
    publish(&queue, &message).await.unwrap();
    let delivery = one(&queue).await;
    let retry = Message {
        attempt: 1,
        ..message
    };
    let settled_at = Instant::now();
    settle(
        &queue,
        delivery.tag,
        Settlement::Retry(Batch::one(retry.clone())),
    )
    .await;

    let delivery = one(&queue).await;
    let took = settled_at.elapsed();
    assert_eq!(delivery.payload, Ok(retry));
    assert!(took >= delay && took < delay + delay / 5, "{took:?}");
    settle(&queue, delivery.tag, Settlement::Done).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn leads_that_are_sent_alone_share_messages() {
    let place = Place::new();
    let queue = place.process(Role::Publisher).await;
    let mut publishers = JoinSet::new();
    for _ in 0..200 {
        let queue = Arc::clone(&queue);
        publishers.spawn(async move {
            let message = any_message(1);
            publish(&queue, &message).await.unwrap();
            ids(&message).collect::<Vec<_>>()
        });
    }
    let sent: HashSet<LeadId> = publishers.join_all().await.concat().into_iter().collect();

    let depths = queue.depths().await.unwrap();
    assert!((1..100).contains(&depths[0].ready), "{depths:?}");
    let came = drained(&place).await;
    assert_eq!((came.len(), came.into_iter().collect()), (200, sent));
}
