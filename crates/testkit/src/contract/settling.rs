//! `LeadConsumer::settle`: what becomes of deliveries, and of those that nobody settles.

use std::time::Duration;

use kernel::Batch;
use lead::ports::{Settled, Settlement};
use lead::{Lane, Message};
use tokio::time::Instant;

use super::PATIENCE;
use super::lead_queue::QueuePlace;
use super::queue_place::{ask, retry_of, sorted};
use crate::fixtures::any_message;

/// Not even when everybody dies.
pub async fn what_is_done_never_comes_back(place: &impl QueuePlace) {
    let ports = place.open().await;
    ports.publish(&[any_message(1), any_message(2)]).await;
    ports.drain(2).await;
    drop(ports);

    place.open().await.is_empty().await;
}

/// Perhaps to another worker; every time counts.
pub async fn what_nobody_settled_is_handed_out_again_and_counted(place: &impl QueuePlace) {
    let message = any_message(2);
    for redeliveries in 0..3 {
        let ports = place.open().await;
        if redeliveries == 0 {
            ports.publish(std::slice::from_ref(&message)).await;
        }
        let delivery = ports.one().await;
        assert_eq!(delivery.redeliveries, redeliveries);
        assert_eq!(delivery.payload.as_ref(), Ok(&message));
    }
    let ports = place.open().await;
    assert_eq!(ports.drain(1).await, [message]);
    ports.is_empty().await;
}

/// No attempt was spent.
pub async fn what_is_returned_comes_back_at_once_as_it_was(place: &impl QueuePlace) {
    let ports = place.open().await;
    let message = Message {
        attempt: 1,
        ..any_message(2)
    };
    let first = any_message(1);
    ports.publish(std::slice::from_ref(&first)).await;
    ports
        .settle(
            ports.one().await.tag,
            Settlement::Retry(Batch::one(message.clone())),
        )
        .await;

    for _ in 0..3 {
        let delivery = ports.one().await;
        assert_eq!(
            (&delivery.payload, delivery.lane),
            (&Ok(message.clone()), Lane::Work)
        );
        ports.settle(delivery.tag, Settlement::Return).await;
    }
    let returned = Instant::now();
    ports.drain(1).await;
    assert!(returned.elapsed() < PATIENCE);
    ports.is_empty().await;
}

/// And what it took the place of is gone.
pub async fn a_retry_waits_as_long_as_the_policy_says(place: &impl QueuePlace) {
    let ports = place.open().await;
    let mut message = any_message(3);
    ports.publish(std::slice::from_ref(&message)).await;
    for delay in place.policy().delays() {
        let delivery = ports.one().await;
        assert_eq!(delivery.payload.as_ref(), Ok(&message));
        message = retry_of(&message);
        let settled_at = Instant::now();
        ports
            .settle(delivery.tag, Settlement::Retry(Batch::one(message.clone())))
            .await;

        let delivery = ports.one().await;
        // Timers tick in milliseconds, and moments are cut to them.
        assert!(settled_at.elapsed() + Duration::from_millis(5) >= *delay);
        assert_eq!(
            (&delivery.payload, delivery.redeliveries),
            (&Ok(message.clone()), 0)
        );
        ports.settle(delivery.tag, Settlement::Return).await;
    }
    assert_eq!(ports.drain(1).await, [message]);
    ports.is_empty().await;
}

/// One by one, whatever else waits.
pub async fn an_isolated_message_comes_alone_in_the_suspect_lane(place: &impl QueuePlace) {
    let ports = place.open().await;
    ports.publish(&[any_message(3)]).await;
    let suspects: Vec<Message> = (0..3).map(|_| any_message(1)).collect();
    let isolated = Settlement::Isolate(Batch::new(suspects.clone()).unwrap());
    ports.settle(ports.one().await.tag, isolated).await;
    let work: Vec<Message> = (0..5).map(|_| any_message(1)).collect();
    ports.publish(&work).await;

    let (mut came_alone, mut came_together) = (Vec::new(), Vec::new());
    while came_alone.len() + came_together.len() < 8 {
        let deliveries = ports.receive(ask(2)).await;
        let suspect = deliveries.iter().any(|it| it.lane == Lane::Suspect);
        assert!(deliveries.len() == 1 || (!suspect && deliveries.len() == 2));
        if suspect {
            // The next one may wait until this one is settled, so that a crash counts against one.
            ports.settle(deliveries[0].tag, Settlement::Done).await;
        }
        let payloads = deliveries.into_iter().map(|it| it.payload.unwrap());
        if suspect {
            came_alone.extend(payloads);
        } else {
            came_together.extend(payloads);
        }
    }
    assert_eq!(sorted(came_alone), sorted(suspects));
    assert_eq!(sorted(came_together), sorted(work));
}

/// It is durable before the original is gone.
pub async fn what_takes_a_place_outlives_the_consumer(place: &impl QueuePlace) {
    let ports = place.open().await;
    ports.publish(&[any_message(2), any_message(2)]).await;
    let deliveries = [ports.one().await, ports.one().await];
    let retried = vec![retry_of(&any_message(1)), retry_of(&any_message(1))];
    let isolated = vec![any_message(1), any_message(1)];
    let settled = vec![
        Settled {
            tag: deliveries[0].tag,
            settlement: Settlement::Retry(Batch::new(retried.clone()).unwrap()),
        },
        Settled {
            tag: deliveries[1].tag,
            settlement: Settlement::Isolate(Batch::new(isolated.clone()).unwrap()),
        },
    ];
    ports.consumer.settle(settled).await.unwrap();
    drop(ports);

    let ports = place.open().await;
    let expected = sorted([retried, isolated].concat());
    assert_eq!(sorted(ports.drain(4).await), expected);
    ports.is_empty().await;
}
