use std::time::Duration;

use lead::ports::{DeadLetters, LeadFinder, Settlement};
use lead::{
    BatchState, DeadLetterId, DeadPayload, FieldCode, FieldError, Lane, Message, NewLead, ParkCode,
    ReceiptState, RejectedRow, StoreLeads,
};
use testkit::fixtures::{any_bulk, any_lead, lead_of, message_of, twin_of, unique};

use crate::worker::Worker;

fn leads(count: usize) -> Vec<NewLead> {
    (0..count).map(|_| any_lead()).collect()
}

#[tokio::test]
async fn leads_are_stored_and_their_deliveries_done() {
    let worker = Worker::new();
    let all = leads(3);
    worker.publish(message_of(&all)).await;

    let deliveries = worker.receive().await;
    let settled = worker.verb.run(&deliveries).await.unwrap();

    assert_eq!(settled.len(), 1);
    assert_eq!(settled[0].tag, deliveries[0].tag);
    assert_eq!(settled[0].settlement, Settlement::Done);
    for lead in &all {
        let stored = worker.all.store.find(lead.id).await.unwrap().unwrap();
        assert_eq!(stored.details, lead.details);
    }
}

#[tokio::test]
async fn a_delivery_that_comes_again_changes_nothing() {
    let worker = Worker::new();
    let bulk = any_bulk();
    let all: Vec<NewLead> = (0..3).map(|_| bulk.lead()).collect();
    let part = bulk.part(bulk.note(3, 0, true), 0, &all);
    for _ in 0..3 {
        worker.publish(Message::first(vec![part.clone()])).await;
    }
    worker.drain().await;

    let view = worker.all.store.batch(bulk.id).await.unwrap().unwrap();
    assert_eq!((view.counts.stored, view.counts.duplicate), (3, 0));
    assert_eq!(view.state(), BatchState::Finished);
}

#[tokio::test]
async fn of_two_with_one_address_the_earlier_is_stored() {
    let worker = Worker::new();
    let first = lead_of(&format!("{}@Example.com", unique()));
    let second = lead_of(&first.details.email.as_str().to_uppercase());
    worker
        .publish(message_of(&[first.clone(), second.clone()]))
        .await;
    worker.drain().await;

    let of = first.id;
    assert_eq!(worker.state_of(first.id).await, Some(ReceiptState::Stored));
    assert_eq!(
        worker.state_of(second.id).await,
        Some(ReceiptState::Duplicate { of })
    );
}

#[tokio::test]
async fn a_poison_lead_is_parked_alone_and_its_neighbours_are_stored() {
    for at in [0, 1, 250, 498, 499] {
        let worker = Worker::new();
        let all = leads(500);
        worker.all.store.refuse(all[at].id, true);
        worker.publish(message_of(&all)).await;

        assert_eq!(worker.step().await.unwrap(), 1);

        for (index, lead) in all.iter().enumerate() {
            let expected = if index == at {
                ReceiptState::Failed
            } else {
                ReceiptState::Stored
            };
            assert_eq!(
                worker.state_of(lead.id).await,
                Some(expected),
                "lead {index}"
            );
        }
        let letter = DeadLetterId(all[at].id.0);
        let letter = worker.all.store.show(letter).await.unwrap().unwrap();
        assert_eq!((letter.code, letter.attempts), (ParkCode::Refused, 1));
        assert_eq!(letter.owner, Some(all[at].submitted_by));
        assert_eq!(worker.queued().await, 0);
    }
}

#[tokio::test]
async fn many_poison_leads_are_all_found() {
    let worker = Worker::new();
    let all = leads(64);
    for lead in all.iter().step_by(3) {
        worker.all.store.refuse(lead.id, true);
    }
    worker.publish(message_of(&all)).await;
    worker.drain().await;

    for (index, lead) in all.iter().enumerate() {
        let expected = if index % 3 == 0 {
            ReceiptState::Failed
        } else {
            ReceiptState::Stored
        };
        assert_eq!(
            worker.state_of(lead.id).await,
            Some(expected),
            "lead {index}"
        );
    }
}

#[tokio::test]
async fn a_lead_that_may_do_better_later_is_tried_on_schedule_and_then_parked() {
    let worker = Worker::new();
    let all = leads(3);
    worker.all.store.refuse(all[1].id, false);
    worker.publish(message_of(&all)).await;

    assert_eq!(worker.step().await.unwrap(), 1);
    assert_eq!(worker.state_of(all[0].id).await, Some(ReceiptState::Stored));
    assert_eq!(worker.state_of(all[2].id).await, Some(ReceiptState::Stored));
    for wait in [1, 2, 4, 8, 16] {
        assert_eq!(worker.state_of(all[1].id).await, None);
        worker
            .all
            .clock
            .advance(Duration::from_millis(wait * 1_000 - 1));
        assert_eq!(worker.step().await.unwrap(), 0, "before {wait} s");
        worker.all.clock.advance(Duration::from_millis(1));
        assert_eq!(worker.step().await.unwrap(), 1, "after {wait} s");
    }

    assert_eq!(worker.queued().await, 0);
    let letter = DeadLetterId(all[1].id.0);
    let letter = worker.all.store.show(letter).await.unwrap().unwrap();
    assert_eq!((letter.code, letter.attempts), (ParkCode::AttemptsSpent, 6));
}

#[tokio::test]
async fn a_lead_that_does_better_later_is_stored() {
    let worker = Worker::new();
    let lead = any_lead();
    worker.all.store.refuse(lead.id, false);
    worker
        .publish(message_of(std::slice::from_ref(&lead)))
        .await;
    worker.step().await.unwrap();
    worker.all.store.relent(lead.id);
    worker.drain().await;

    let receipt = worker.all.store.receipt(lead.id).await.unwrap().unwrap();
    assert_eq!((receipt.state, receipt.attempts), (ReceiptState::Stored, 2));
}

#[tokio::test]
async fn an_outage_keeps_everything_in_hand_and_spends_no_attempt() {
    let worker = Worker::new();
    let lead = any_lead();
    worker
        .publish(message_of(std::slice::from_ref(&lead)))
        .await;
    worker.all.queue.inject(b"no message".to_vec());
    let deliveries = worker.receive().await;

    worker.all.store.set_away(true);
    for _ in 0..10 {
        worker.verb.run(&deliveries).await.unwrap_err();
    }
    worker.all.store.set_away(false);
    assert_eq!(worker.all.store.count().await.unwrap(), 0);
    let settled = worker.verb.run(&deliveries).await.unwrap();

    assert!(settled.iter().all(|it| it.settlement == Settlement::Done));
    let receipt = worker.all.store.receipt(lead.id).await.unwrap().unwrap();
    assert_eq!((receipt.state, receipt.attempts), (ReceiptState::Stored, 1));
    assert_eq!(worker.all.store.count().await.unwrap(), 1);
}

#[tokio::test]
async fn unreadable_bytes_are_parked_and_harm_nobody() {
    let worker = Worker::new();
    let lead = any_lead();
    worker.all.queue.inject(b"{not a message".to_vec());
    worker
        .publish(message_of(std::slice::from_ref(&lead)))
        .await;
    worker.drain().await;

    assert_eq!(worker.state_of(lead.id).await, Some(ReceiptState::Stored));
    let parked = DeadLetters::list(&*worker.all.store, None, 10)
        .await
        .unwrap();
    assert_eq!(parked.len(), 1);
    assert_eq!(parked[0].code, ParkCode::Undecodable);
    assert_eq!(
        parked[0].payload,
        DeadPayload::Bytes(b"{not a message".to_vec())
    );
}

#[tokio::test]
async fn an_id_held_by_a_lead_of_another_address_is_parked() {
    let worker = Worker::new();
    let first = any_lead();
    let clash = NewLead {
        id: first.id,
        ..any_lead()
    };
    worker
        .publish(message_of(std::slice::from_ref(&first)))
        .await;
    worker.publish(message_of(&[clash])).await;
    worker.drain().await;

    assert_eq!(worker.state_of(first.id).await, Some(ReceiptState::Stored));
    let letter = worker
        .all
        .store
        .show(DeadLetterId(first.id.0))
        .await
        .unwrap();
    assert_eq!(letter.unwrap().code, ParkCode::IdClash);
}

#[tokio::test]
async fn a_message_that_workers_died_with_goes_on_one_lead_at_a_time() {
    let worker = Worker::new();
    let bulk = any_bulk();
    let all: Vec<NewLead> = (0..3).map(|_| bulk.lead()).collect();
    let part = bulk.part(bulk.note(3, 0, true), 0, &all);
    worker.publish(Message::first(vec![part])).await;
    worker
        .crash_with_all(StoreLeads::ISOLATE_AT_REDELIVERIES)
        .await;

    let deliveries = worker.receive().await;
    let settled = worker.verb.run(&deliveries).await.unwrap();
    let Settlement::Isolate(singles) = &settled[0].settlement else {
        panic!("not isolated: {:?}", settled[0].settlement);
    };
    assert!(
        singles
            .iter()
            .all(|it| it.lead_count() == 1 && it.attempt == 0)
    );
    assert_eq!(singles.len(), 3);
    worker.settle(settled).await;

    // The submission is known although nothing of it is stored yet.
    let view = worker.all.store.batch(bulk.id).await.unwrap().unwrap();
    assert_eq!((view.counts.received, view.counts.pending()), (3, 3));
    let alone = worker.receive().await;
    assert_eq!((alone.len(), alone[0].lane), (1, Lane::Suspect));
    worker.settle(worker.verb.run(&alone).await.unwrap()).await;
    worker.drain().await;
    let view = worker.all.store.batch(bulk.id).await.unwrap().unwrap();
    assert_eq!(
        (view.counts.stored, view.state()),
        (3, BatchState::Finished)
    );
}

#[tokio::test]
async fn a_message_redelivered_less_often_is_stored_as_it_is() {
    let worker = Worker::new();
    let all = leads(3);
    worker.publish(message_of(&all)).await;
    worker
        .crash_with_all(StoreLeads::ISOLATE_AT_REDELIVERIES - 1)
        .await;
    assert_eq!(worker.step().await.unwrap(), 1);
    assert_eq!(worker.queued().await, 0);
    assert_eq!(worker.state_of(all[2].id).await, Some(ReceiptState::Stored));
}

#[tokio::test]
async fn a_lead_that_kills_every_worker_is_parked_unread_and_the_others_are_stored() {
    let worker = Worker::new();
    let all = leads(20);
    let killer = &all[7];
    worker.publish(message_of(&all)).await;
    let mut deaths = 0;
    while worker.queued().await > 0 {
        let deliveries = worker.receive().await;
        let has_killer = |message: &Message| {
            let mut leads = message.parts.iter().flat_map(|it| &it.leads);
            leads.any(|it| it.lead.id == killer.id)
        };
        let unread = |it: &lead::ports::Delivery| match it.lane {
            Lane::Work => it.redeliveries >= StoreLeads::ISOLATE_AT_REDELIVERIES,
            Lane::Suspect => it.redeliveries >= StoreLeads::PARK_AT_REDELIVERIES,
        };
        let dies = deliveries
            .iter()
            .any(|it| it.payload.as_ref().is_ok_and(has_killer) && !unread(it));
        if dies {
            deaths += 1;
            worker.all.consumer.crash();
        } else {
            worker
                .settle(worker.verb.run(&deliveries).await.unwrap())
                .await;
        }
    }

    assert!(deaths <= 10, "{deaths} workers died");
    for lead in &all {
        let expected = if lead.id == killer.id {
            ReceiptState::Failed
        } else {
            ReceiptState::Stored
        };
        assert_eq!(worker.state_of(lead.id).await, Some(expected));
    }
    let letter = worker
        .all
        .store
        .show(DeadLetterId(killer.id.0))
        .await
        .unwrap();
    assert_eq!(letter.unwrap().code, ParkCode::CrashLoop);
}

#[tokio::test]
async fn notes_are_written_even_when_every_lead_is_refused() {
    for lasting in [true, false] {
        let worker = Worker::new();
        let bulk = any_bulk();
        let lead = bulk.lead();
        worker.all.store.refuse(lead.id, lasting);
        let mut note = bulk.note(2, 1, true);
        note.rejected = vec![RejectedRow {
            index: 1,
            errors: vec![FieldError::at("email", FieldCode::EmailInvalid)],
        }];
        let part = bulk.part(note, 0, &[lead]);
        worker.publish(Message::first(vec![part])).await;
        worker.step().await.unwrap();

        let view = worker.all.store.batch(bulk.id).await.unwrap().unwrap();
        assert_eq!((view.counts.received, view.counts.rejected), (2, 1));
        worker.drain().await;
        let view = worker.all.store.batch(bulk.id).await.unwrap().unwrap();
        assert_eq!(
            (view.counts.failed, view.state()),
            (1, BatchState::Finished)
        );
    }
}

#[tokio::test]
async fn a_chunk_with_nothing_but_rejected_rows_is_written() {
    let worker = Worker::new();
    let bulk = any_bulk();
    let part = bulk.part(bulk.note(0, 0, true), 0, &[]);
    worker.publish(Message::first(vec![part])).await;
    worker.drain().await;
    let view = worker.all.store.batch(bulk.id).await.unwrap().unwrap();
    assert_eq!(view.state(), BatchState::Finished);
}

#[tokio::test]
async fn a_parked_lead_whose_address_was_taken_meanwhile_stays_failed() {
    let worker = Worker::new();
    let first = any_lead();
    worker.all.store.refuse(first.id, true);
    worker
        .publish(message_of(&[first.clone(), twin_of(&first)]))
        .await;
    worker.drain().await;
    assert_eq!(worker.state_of(first.id).await, Some(ReceiptState::Failed));
}
