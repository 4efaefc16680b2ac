//! `LeadPublisher`, `LeadConsumer` and `QueueMonitor` over one durable place.

use std::sync::Arc;
use std::time::Duration;

use eav::Value;
use kernel::Batch;
use lead::ports::{QueueError, ReceiveAsk, Settlement};
use lead::{FieldCode, FieldError, Lane, Message, RejectedRow, TraceParent};
use tokio::time::{Instant, timeout};

use super::queue_place::{BRIEF, ask, retry_of, sorted};
use super::{PATIENCE, eventually};
use crate::fixtures::{any_bulk, any_lead, any_message, lead_with_attributes, message_of};

pub use super::queue_place::{QueuePlace, QueuePorts, short_waits};

suite! {
    ($)
    /// What the ports of the leads queue promise. Takes a future of a
    /// [`QueuePlace`](crate::contract::lead_queue::QueuePlace) that is empty.
    lead_queue_contract, lead_queue:
    lead_queue {
        every_message_is_handed_out_as_it_was_published,
        a_message_of_nearly_a_mebibyte_is_carried,
        what_was_published_outlives_the_publisher,
        a_message_with_too_many_leads_is_refused_and_so_are_its_companions,
        a_delivery_holds_no_more_leads_than_were_asked_for,
        a_message_with_more_leads_than_were_asked_for_comes_alone,
        an_empty_answer_means_that_the_wait_ran_out,
        one_who_waits_is_woken_by_a_message,
        one_who_lingers_gets_what_comes_meanwhile,
        one_who_lingers_is_answered_when_it_ends,
        one_who_has_enough_does_not_linger,
        bytes_that_are_no_message_are_a_delivery_too,
        dropping_a_receive_loses_nothing,
        many_publishers_at_once_lose_nothing,
        many_consumers_share_the_messages,
        depths_tell_what_waits_and_what_is_in_hand,
    }
    settling {
        what_is_done_never_comes_back,
        what_nobody_settled_is_handed_out_again_and_counted,
        what_is_returned_comes_back_at_once_as_it_was,
        a_retry_waits_as_long_as_the_policy_says,
        an_isolated_message_comes_alone_in_the_suspect_lane,
        what_takes_a_place_outlives_the_consumer,
    }
}

/// Every field of it.
pub async fn every_message_is_handed_out_as_it_was_published(place: &impl QueuePlace) {
    let bulk = any_bulk();
    let lead = bulk.own(lead_with_attributes(vec![
        ("zip", Value::from_cell("00789").unwrap()),
        (
            "big",
            Value::from_number("12345678901234567890123456789").unwrap(),
        ),
        ("ok", Value::from_bool(true)),
        ("list", Value::from_json("[1, {\"b\": 1.0}]").unwrap()),
        ("text", Value::from_text("🦀\u{1}\r\n\"").unwrap()),
        ("Text", Value::from_text("").unwrap()),
    ]));
    let mut note = bulk.note(12, 2, true);
    note.rejected = [(3, FieldCode::EmailInvalid), (5, FieldCode::NameTooLong)]
        .map(|(index, code)| RejectedRow {
            index,
            errors: vec![FieldError::at("email", code)],
        })
        .to_vec();
    let mut chunk = bulk.part(note.clone(), 10, &[lead, bulk.lead()]);
    let traced = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    chunk.trace_parent = Some(TraceParent::parse(traced).unwrap());
    let messages = vec![
        Message::first(vec![chunk]),
        Message::first(vec![bulk.part(note, 12, &[])]),
        any_message(7),
        Message {
            attempt: 0,
            replays: 2,
            ..any_message(1)
        },
    ];

    let ports = place.open().await;
    ports.publish(&messages).await;
    let mut deliveries = Vec::new();
    while deliveries.len() < messages.len() {
        let more = ports.receive(ask(1_000)).await;
        assert!(
            !more.is_empty(),
            "{} of {} came",
            deliveries.len(),
            messages.len()
        );
        deliveries.extend(more);
    }

    for delivery in &deliveries {
        assert_eq!((delivery.lane, delivery.redeliveries), (Lane::Work, 0));
    }
    let came = deliveries
        .into_iter()
        .map(|it| it.payload.unwrap())
        .collect();
    assert_eq!(sorted(came), sorted(messages));
}

/// The most that one message may hold, less some room for its encoding.
pub async fn a_message_of_nearly_a_mebibyte_is_carried(place: &impl QueuePlace) {
    let value = Value::from_text(&"é".repeat(30 * 1_024)).unwrap();
    let leads: Vec<_> = (0..15)
        .map(|_| lead_with_attributes(vec![("essay", value.clone())]))
        .collect();
    let message = message_of(&leads);

    let ports = place.open().await;
    ports.publish(std::slice::from_ref(&message)).await;

    assert_eq!(ports.drain(1).await, [message]);
}

/// `Ok` means durable.
pub async fn what_was_published_outlives_the_publisher(place: &impl QueuePlace) {
    let messages = vec![any_message(1), any_message(3)];
    let ports = place.open().await;
    ports.publish(&messages).await;
    drop(ports);

    let ports = place.open().await;
    assert_eq!(sorted(ports.drain(2).await), sorted(messages));
    ports.is_empty().await;
}

/// Nothing of such a call is in the queue.
pub async fn a_message_with_too_many_leads_is_refused_and_so_are_its_companions(
    place: &impl QueuePlace,
) {
    let ports = place.open().await;
    let too_many = any_message(Message::MAX_LEADS + 1);
    let batch = Batch::new(vec![any_message(1), too_many]).unwrap();

    let refused = ports.publisher.publish(&batch).await;

    assert!(matches!(refused, Err(QueueError::TooLarge)));
    ports.is_empty().await;
}

/// However many wait.
pub async fn a_delivery_holds_no_more_leads_than_were_asked_for(place: &impl QueuePlace) {
    let ports = place.open().await;
    let messages: Vec<Message> = (0..9).map(|_| any_message(4)).collect();
    ports.publish(&messages).await;

    let mut came = Vec::new();
    while came.len() < messages.len() {
        let deliveries = ports.receive(ask(10)).await;
        assert!(
            (1..=2).contains(&deliveries.len()),
            "{} messages",
            deliveries.len()
        );
        came.extend(deliveries.into_iter().map(|it| it.payload.unwrap()));
    }
    assert_eq!(sorted(came), sorted(messages));
}

/// A large message is not stuck.
pub async fn a_message_with_more_leads_than_were_asked_for_comes_alone(place: &impl QueuePlace) {
    let ports = place.open().await;
    let large = any_message(30);
    ports
        .publish(&[any_message(2), large.clone(), any_message(2)])
        .await;

    let mut came = Vec::new();
    while came.len() < 3 {
        let deliveries = ports.receive(ask(10)).await;
        let payloads: Vec<_> = deliveries
            .into_iter()
            .map(|it| it.payload.unwrap())
            .collect();
        assert!(payloads == [large.clone()] || !payloads.contains(&large));
        assert!(!payloads.is_empty());
        came.extend(payloads);
    }
    assert!(came.contains(&large));
}

/// Not sooner, and no error.
pub async fn an_empty_answer_means_that_the_wait_ran_out(place: &impl QueuePlace) {
    let ports = place.open().await;
    for wait in [Duration::ZERO, Duration::from_millis(120)] {
        let began_at = Instant::now();
        assert!(
            ports
                .receive(ReceiveAsk { wait, ..ask(10) })
                .await
                .is_empty()
        );
        let took = began_at.elapsed();
        assert!(took >= wait && took < wait + PATIENCE, "{took:?}");
    }
}

/// Long before the wait runs out.
pub async fn one_who_waits_is_woken_by_a_message(place: &impl QueuePlace) {
    let ports = place.open().await;
    let message = any_message(1);
    let ask = ReceiveAsk {
        wait: PATIENCE * 10,
        ..ask(10)
    };
    let both = async {
        tokio::join!(ports.receive(ask), async {
            tokio::task::yield_now().await;
            ports.publish(std::slice::from_ref(&message)).await;
        })
    };
    let (deliveries, ()) = timeout(PATIENCE, both).await.unwrap();
    assert_eq!(deliveries[0].payload, Ok(message));
}

/// So that a transaction is worth its while.
pub async fn one_who_lingers_gets_what_comes_meanwhile(place: &impl QueuePlace) {
    let ports = place.open().await;
    let messages = vec![any_message(1), any_message(1)];
    ports.publish(&messages[..1]).await;
    let ask = ReceiveAsk {
        linger: PATIENCE * 10,
        ..ask(2)
    };
    let both = async {
        tokio::join!(ports.receive(ask), async {
            tokio::task::yield_now().await;
            ports.publish(&messages[1..]).await;
        })
    };
    let (deliveries, ()) = timeout(PATIENCE, both).await.unwrap();
    let came = deliveries
        .into_iter()
        .map(|it| it.payload.unwrap())
        .collect();
    assert_eq!(sorted(came), sorted(messages));
}

/// With what there is.
pub async fn one_who_lingers_is_answered_when_it_ends(place: &impl QueuePlace) {
    let ports = place.open().await;
    let message = any_message(1);
    ports.publish(std::slice::from_ref(&message)).await;

    let ask = ReceiveAsk {
        linger: Duration::from_millis(100),
        wait: PATIENCE * 10,
        max_leads: 10,
    };
    let deliveries = timeout(PATIENCE, ports.receive(ask)).await.unwrap();

    assert_eq!(deliveries.len(), 1);
    assert_eq!(deliveries[0].payload, Ok(message));
}

/// A full answer goes out at once.
pub async fn one_who_has_enough_does_not_linger(place: &impl QueuePlace) {
    let ports = place.open().await;
    ports
        .publish(&[any_message(5), any_message(5), any_message(5)])
        .await;

    let ask = ReceiveAsk {
        linger: PATIENCE * 10,
        ..ask(10)
    };
    let deliveries = timeout(PATIENCE, ports.receive(ask)).await.unwrap();

    assert_eq!(deliveries.len(), 2);
}

/// They fail nobody's receive, and their neighbours come as ever.
pub async fn bytes_that_are_no_message_are_a_delivery_too(place: &impl QueuePlace) {
    let ports = place.open().await;
    let message = any_message(1);
    let poison: [&[u8]; 3] = [b"\xff\x00 no message", b"{\"version\":999}", b"["];
    for bytes in poison {
        place.inject(bytes).await;
    }
    ports.publish(std::slice::from_ref(&message)).await;

    let (mut readable, mut unreadable) = (Vec::new(), Vec::new());
    while readable.len() + unreadable.len() < 4 {
        for delivery in ports.receive(ask(1_000)).await {
            match delivery.payload {
                Ok(message) => readable.push(message),
                Err(undecodable) => unreadable.push(undecodable.bytes),
            }
            ports.settle(delivery.tag, Settlement::Done).await;
        }
    }
    unreadable.sort();
    let mut expected = poison.map(<[u8]>::to_vec);
    expected.sort();
    assert_eq!(unreadable, expected);
    assert_eq!(readable, [message]);
    ports.is_empty().await;
}

/// A worker that shuts down drops what it awaits, at any moment.
pub async fn dropping_a_receive_loses_nothing(place: &impl QueuePlace) {
    let ports = place.open().await;
    let messages: Vec<Message> = (0..20).map(|_| any_message(1)).collect();
    let lingering = ReceiveAsk {
        linger: PATIENCE * 10,
        ..ask(1_000)
    };
    for (at, message) in (0..).zip(&messages) {
        let dropped = timeout(Duration::from_millis(at), ports.receive(lingering));
        let publish = ports.publish(std::slice::from_ref(message));
        let (received, ()) = tokio::join!(dropped, publish);
        assert!(received.is_err());
    }
    assert_eq!(sorted(ports.drain(20).await), sorted(messages));
    ports.is_empty().await;
}

/// Each confirmed message is there, once.
pub async fn many_publishers_at_once_lose_nothing(place: &impl QueuePlace) {
    let ports = place.open().await;
    let mut publishers = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let publisher = Arc::clone(&ports.publisher);
        publishers.spawn(async move {
            let messages: Vec<Message> = (0..4).map(|_| message_of(&[any_lead()])).collect();
            publisher
                .publish(&Batch::new(messages.clone()).unwrap())
                .await
                .unwrap();
            messages
        });
    }
    let published = publishers.join_all().await.concat();

    assert_eq!(sorted(ports.drain(200).await), sorted(published));
    ports.is_empty().await;
}

/// While both live, no message is in two hands.
pub async fn many_consumers_share_the_messages(place: &impl QueuePlace) {
    let processes = [place.open().await, place.open().await, place.open().await];
    let messages: Vec<Message> = (0..60).map(|_| any_message(1)).collect();
    processes[0].publish(&messages).await;

    let take = async |ports: &QueuePorts| {
        let mut came = Vec::new();
        loop {
            let deliveries = ports
                .receive(ReceiveAsk {
                    wait: BRIEF * 4,
                    ..ask(3)
                })
                .await;
            if deliveries.is_empty() {
                return came;
            }
            for delivery in deliveries {
                ports.settle(delivery.tag, Settlement::Done).await;
                came.push(delivery.payload.unwrap());
            }
        }
    };
    let (one, two, three) = tokio::join!(
        take(&processes[0]),
        take(&processes[1]),
        take(&processes[2])
    );
    let mut came = [one, two, three].concat();
    while came.len() < messages.len() {
        came.extend(processes[0].drain(1).await);
    }
    assert_eq!(sorted(came), sorted(messages));
}

/// Delayed ones included.
pub async fn depths_tell_what_waits_and_what_is_in_hand(place: &impl QueuePlace) {
    let ports = place.open().await;
    let depths_are = async |ready: u64, in_flight: u64| {
        eventually(&format!("{ready} wait, {in_flight} in hand"), async || {
            let depths = ports.monitor.depths().await.unwrap();
            let known: Option<u64> = depths.iter().map(|it| it.in_flight).sum();
            let waits: u64 = depths.iter().map(|it| it.ready).sum();
            (waits == ready && known.is_none_or(|it| it == in_flight)).then_some(())
        })
        .await;
    };
    ports
        .publish(&[any_message(1), any_message(1), any_message(1)])
        .await;
    depths_are(3, 0).await;
    let delivery = ports.one().await;
    depths_are(2, 1).await;
    ports.settle(delivery.tag, Settlement::Return).await;
    depths_are(3, 0).await;
    let delivery = ports.one().await;
    let suspect = Settlement::Isolate(Batch::one(any_message(1)));
    ports.settle(delivery.tag, suspect).await;
    depths_are(3, 0).await;
    let delivery = ports.one().await;
    let delayed = Settlement::Retry(Batch::one(retry_of(&any_message(1))));
    ports.settle(delivery.tag, delayed).await;
    depths_are(3, 0).await;
    ports.drain(3).await;
    depths_are(0, 0).await;
}
