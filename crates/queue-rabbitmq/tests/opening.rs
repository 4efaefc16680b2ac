//! What a start says when the broker does not let it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test may stop at the first surprise"
)]

mod place;

use kernel::{Batch, Secret};
use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable};
use lapin::uri::AMQPUri;
use lead::ports::{LeadConsumer as _, LeadPublisher as _, QueueError, ReceiveAsk};
use queue_rabbitmq::{OpenError, Options, RabbitQueue, Role};
use testkit::contract::{PATIENCE, eventually};
use testkit::fixtures::any_message;
use testkit::servers::queue_url;

use place::{Place, bare_channel};

const SECRET: &str = "wrong-p4ssword";

async fn refusal(place: &Place, change: impl FnOnce(&mut AMQPUri)) -> OpenError {
    let mut uri: AMQPUri = queue_url().parse().unwrap();
    change(&mut uri);
    let options = Options {
        url: Secret::new(uri.to_string()),
        ..place.options(Role::Publisher)
    };
    let queue = RabbitQueue::start(options).unwrap();
    queue.prepare().await.unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_with_other_arguments_is_named_with_what_differs() {
    let place = Place::new();
    let (_connection, channel) = bare_channel().await;
    let mut arguments = FieldTable::default();
    let text = |text: &str| AMQPValue::LongString(text.into());
    arguments.insert("x-queue-type".into(), text("quorum"));
    arguments.insert("x-overflow".into(), text("reject-publish"));
    arguments.insert("x-delivery-limit".into(), AMQPValue::LongInt(7));
    let options = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    let work = place.queue("leads.work.v1");
    channel
        .queue_declare(work.as_str().into(), options, arguments)
        .await
        .unwrap();

    let error = refusal(&place, |_| ()).await;

    let OpenError::Topology { queue, argument } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(*queue, work);
    assert!(argument.starts_with("x-"), "{argument}");
    assert_eq!(error.to_string().lines().count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_denied_and_not_repeated() {
    let place = Place::new();
    let error = refusal(&place, |uri| {
        uri.authority.userinfo.password = SECRET.into();
    })
    .await;

    assert!(matches!(error, OpenError::Denied(_)), "{error:?}");
    assert!(!format!("{error} {error:?}").contains(SECRET));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_virtual_host_is_denied() {
    let place = Place::new();
    let error = refusal(&place, |uri| uri.vhost = place.queue("nowhere")).await;

    assert!(matches!(error, OpenError::Denied(_)), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_where_nobody_listens_is_unreachable_and_publishing_fails_fast() {
    let place = Place::new();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let options = Options {
        url: Secret::new(format!("amqp://guest:guest@127.0.0.1:{port}/%2f")),
        ..place.options(Role::Consumer)
    };
    let queue = RabbitQueue::start(options).unwrap();

    let error = queue.prepare().await.unwrap_err();
    assert!(matches!(error, OpenError::Unreachable(_)), "{error:?}");

    let messages = Batch::one(any_message(1));
    let published = tokio::time::timeout(PATIENCE, queue.publish(&messages));
    assert!(matches!(
        published.await,
        Ok(Err(QueueError::Unavailable(_)))
    ));
    let ask = ReceiveAsk {
        max_leads: 1,
        wait: std::time::Duration::ZERO,
        linger: std::time::Duration::ZERO,
    };
    // While the first connection is under way there is nothing to be had, which is no error.
    let refused = eventually("receiving is refused", async || {
        queue.receive(ask).await.err()
    })
    .await;
    assert!(matches!(refused, QueueError::Unavailable(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_who_publishes_takes_nothing_out() {
    let place = Place::new();
    let queue = place.process(Role::Publisher).await;
    let ask = ReceiveAsk {
        max_leads: 1,
        wait: std::time::Duration::ZERO,
        linger: std::time::Duration::ZERO,
    };

    assert!(queue.receive(ask).await.is_err());
    assert!(queue.settle(Vec::new()).await.is_err());
}
