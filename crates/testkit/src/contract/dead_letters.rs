//! `DeadLetters`: parked messages and their way back. They are parked by `LeadStore::park`.

use std::sync::Arc;

use eav::Value;
use kernel::{Batch, Timestamp};
use lead::ports::SeenDead;
use lead::{
    BatchState, DeadLetter, DeadLetterId, DeadPayload, Message, NewLead, ParkCode, Parked,
    ReceiptState, TraceParent,
};

use super::lead_store::LeadStorePorts;
use crate::fixtures::{
    any_bulk, any_id, any_lead, lead_with_attributes, parked, parked_bytes, parked_message,
};

suite! {
    ($)
    /// What `DeadLetters` promises, and `LeadStore::park` of the same rows. Takes a future of
    /// [`LeadStorePorts`](crate::contract::lead_store::LeadStorePorts) over an empty store.
    dead_letters_contract, dead_letters:
    dead_letters {
        a_parked_lead_is_shown_as_it_was_parked,
        parked_bytes_are_shown_as_they_were,
        what_is_not_parked_is_not_there,
        pages_are_in_order_of_ids,
        parking_again_moves_last_seen_and_attempts_only,
        a_clashing_id_is_parked_beside_the_lead_that_holds_it,
        a_replayed_lead_waits_again,
        a_lead_that_was_decided_meanwhile_stays_decided,
        a_lead_that_was_parked_again_stays,
        replaying_twice_or_what_is_not_there_changes_nothing,
        a_discarded_lead_stays_failed,
        replays_in_opposite_order_beside_parking_count_every_lead_once,
    }
}

impl LeadStorePorts {
    async fn park(&self, parked: &Parked) {
        self.store.park(&Batch::one(parked.clone())).await.unwrap();
    }

    async fn show(&self, id: DeadLetterId) -> Option<DeadLetter> {
        self.dead_letters.show(id).await.unwrap()
    }

    async fn replayed(&self, id: DeadLetterId, replays: u16) {
        let seen = Batch::one(SeenDead { id, replays });
        self.dead_letters.replayed(&seen).await.unwrap();
    }
}

/// The same message as if it had been sent again so often before.
fn after_replays(parked: &Parked, replays: u16) -> Parked {
    let DeadPayload::Lead(message) = &parked.payload else {
        panic!("not a lead");
    };
    let payload = DeadPayload::Lead(Message {
        replays,
        ..message.clone()
    });
    Parked {
        payload,
        ..parked.clone()
    }
}

/// The message can be sent again as it is.
pub async fn a_parked_lead_is_shown_as_it_was_parked(ports: &LeadStorePorts) {
    let bulk = any_bulk();
    let lead = bulk.own(lead_with_attributes(vec![
        ("note", Value::from_text("🦀 'quoted' \u{1}").unwrap()),
        ("Note", Value::from_json("{\"a\": [1.0]}").unwrap()),
    ]));
    ports
        .take_in(Vec::new(), vec![bulk.note(10, 0, false)])
        .await;
    let mut part = bulk.part(bulk.note(10, 0, false), 9, &[lead]);
    let traced = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    part.trace_parent = Some(TraceParent::parse(traced).unwrap());
    for code in ParkCode::ALL {
        let mut part = part.clone();
        Arc::make_mut(&mut part.leads[0].lead).id = bulk.lead().id;
        let parked = Parked {
            code,
            ..parked_message(Message {
                attempt: 3,
                replays: 2,
                parts: vec![part.clone()],
            })
        };
        ports.park(&parked).await;

        let expected = DeadLetter {
            id: parked.id,
            payload: parked.payload,
            code,
            attempts: 3,
            replays: 2,
            thread_key: Some(part.thread_key),
            owner: Some(part.owner),
            first_seen: parked.at,
            last_seen: parked.at,
        };
        assert_eq!(ports.show(parked.id).await, Some(expected));
    }
}

/// Whatever they are.
pub async fn parked_bytes_are_shown_as_they_were(ports: &LeadStorePorts) {
    let every_byte: Vec<u8> = (0..=255).collect();
    for bytes in [&every_byte[..], b"", b"{}"] {
        let parked = parked_bytes(bytes);
        ports.park(&parked).await;

        let expected = DeadLetter {
            id: parked.id,
            payload: parked.payload,
            code: ParkCode::Undecodable,
            attempts: 0,
            replays: 0,
            thread_key: None,
            owner: None,
            first_seen: parked.at,
            last_seen: parked.at,
        };
        assert_eq!(ports.show(parked.id).await, Some(expected));
    }
}

/// None is shown, none is discarded.
pub async fn what_is_not_parked_is_not_there(ports: &LeadStorePorts) {
    let id = DeadLetterId(any_id());
    assert_eq!(ports.show(id).await, None);
    assert!(!ports.dead_letters.discard(id).await.unwrap());
}

/// Each once, and the count says how many.
pub async fn pages_are_in_order_of_ids(ports: &LeadStorePorts) {
    let start = DeadLetterId(any_id());
    let before = ports.dead_letters.count().await.unwrap();
    let mut all: Vec<Parked> = (0..5).map(|_| parked(&any_lead())).collect();
    all.insert(2, parked_bytes(b"?"));
    let mut ids: Vec<DeadLetterId> = all.iter().map(|it| it.id).collect();
    all.reverse();
    ports.store.park(&Batch::new(all).unwrap()).await.unwrap();
    ids.sort();

    let (mut listed, mut after) = (Vec::new(), Some(start));
    loop {
        let page = ports.dead_letters.list(after, 4).await.unwrap();
        assert!(page.len() <= 4);
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        for letter in page {
            assert_eq!(ports.show(letter.id).await, Some(letter.clone()));
            listed.push(letter.id);
        }
    }
    assert_eq!(listed, ids);
    assert_eq!(ports.dead_letters.count().await.unwrap(), before + 6);
    let from_the_start = ports.dead_letters.list(None, 1).await.unwrap();
    assert!(from_the_start[0].id <= ids[0]);
}

/// And the replays, which only go up.
pub async fn parking_again_moves_last_seen_and_attempts_only(ports: &LeadStorePorts) {
    let first = parked(&any_lead());
    ports.park(&first).await;
    let before = ports.show(first.id).await.unwrap();

    let later = Timestamp::from_unix_ms(first.at.unix_ms() + 1_000);
    let again = Parked {
        at: later,
        attempts: 9,
        ..first.clone()
    };
    ports.park(&again).await;
    let moved = DeadLetter {
        last_seen: later,
        attempts: 9,
        ..before.clone()
    };
    assert_eq!(ports.show(first.id).await.unwrap(), moved);

    ports.park(&after_replays(&again, 1)).await;
    assert_eq!(ports.show(first.id).await.unwrap().replays, 1);
    ports.park(&again).await;
    assert_eq!(ports.show(first.id).await.unwrap().replays, 1);
}

/// Else the message would be lost.
pub async fn a_clashing_id_is_parked_beside_the_lead_that_holds_it(ports: &LeadStorePorts) {
    let lead = any_lead();
    let clashing = NewLead {
        id: lead.id,
        ..any_lead()
    };
    ports.append(std::slice::from_ref(&lead)).await;

    let parked = Parked {
        code: ParkCode::IdClash,
        ..parked(&clashing)
    };
    ports.park(&parked).await;

    let shown = ports.show(parked.id).await.unwrap();
    assert_eq!(
        (shown.payload, shown.code),
        (parked.payload, ParkCode::IdClash)
    );
    assert_eq!(ports.state_of(&lead).await, Some(ReceiptState::Stored));
    assert_eq!(ports.find(&lead).await.unwrap().details, lead.details);

    ports.replayed(parked.id, 0).await;
    assert_eq!(ports.show(parked.id).await, None);
    assert_eq!(ports.state_of(&lead).await, Some(ReceiptState::Stored));
}

/// Its row is gone, nothing is known of it, its submission goes on; then it is decided.
pub async fn a_replayed_lead_waits_again(ports: &LeadStorePorts) {
    let bulk = any_bulk();
    let lead = bulk.lead();
    ports.take_in(Vec::new(), vec![bulk.note(1, 0, true)]).await;
    let parked = bulk.parked(0, &lead);
    ports.park(&parked).await;
    assert_eq!(ports.view(&bulk).await.state(), BatchState::Finished);

    ports.replayed(parked.id, 0).await;

    assert_eq!(ports.show(parked.id).await, None);
    assert_eq!(ports.state_of(&lead).await, None);
    let view = ports.view(&bulk).await;
    assert_eq!((view.counts.failed, view.counts.pending()), (0, 1));
    assert_eq!(
        (view.state(), view.finished_at),
        (BatchState::Processing, None)
    );

    ports
        .take_in(vec![bulk.arrival(0, &lead)], Vec::new())
        .await;
    let view = ports.view(&bulk).await;
    assert_eq!(
        (view.counts.stored, view.state()),
        (1, BatchState::Finished)
    );
    assert_ne!(view.finished_at, None);
}

/// The worker may be faster than the one who takes the row away.
pub async fn a_lead_that_was_decided_meanwhile_stays_decided(ports: &LeadStorePorts) {
    let bulk = any_bulk();
    let lead = bulk.lead();
    ports.take_in(Vec::new(), vec![bulk.note(1, 0, true)]).await;
    let parked = bulk.parked(0, &lead);
    ports.park(&parked).await;
    ports
        .take_in(vec![bulk.arrival(0, &lead)], Vec::new())
        .await;
    let before = ports.view(&bulk).await;

    ports.replayed(parked.id, 0).await;

    assert_eq!(ports.show(parked.id).await, None);
    assert_eq!(ports.state_of(&lead).await, Some(ReceiptState::Stored));
    assert_eq!(ports.view(&bulk).await, before);
}

/// The row is of the later parking; taking it away would lose the lead.
pub async fn a_lead_that_was_parked_again_stays(ports: &LeadStorePorts) {
    let bulk = any_bulk();
    let lead = bulk.lead();
    ports.take_in(Vec::new(), vec![bulk.note(1, 0, true)]).await;
    let parked = bulk.parked(0, &lead);
    ports.park(&parked).await;
    ports.park(&after_replays(&parked, 1)).await;

    ports.replayed(parked.id, 0).await;
    assert_eq!(ports.show(parked.id).await.unwrap().replays, 1);
    assert_eq!(ports.state_of(&lead).await, Some(ReceiptState::Failed));
    assert_eq!(ports.view(&bulk).await.counts.failed, 1);

    ports.replayed(parked.id, 1).await;
    assert_eq!(ports.show(parked.id).await, None);
    assert_eq!(ports.view(&bulk).await.counts.failed, 0);
}

/// Two operators, or one whose first call lost its answer.
pub async fn replaying_twice_or_what_is_not_there_changes_nothing(ports: &LeadStorePorts) {
    let bulk = any_bulk();
    let (lead, other) = (bulk.lead(), bulk.lead());
    ports.take_in(Vec::new(), vec![bulk.note(2, 0, true)]).await;
    let (gone, stays) = (bulk.parked(0, &lead), bulk.parked(1, &other));
    ports.park(&gone).await;
    ports.park(&stays).await;

    for _ in 0..2 {
        let seen = [gone.id, DeadLetterId(any_id())].map(|id| SeenDead { id, replays: 0 });
        let seen = Batch::new(seen.to_vec()).unwrap();
        ports.dead_letters.replayed(&seen).await.unwrap();

        let counts = ports.view(&bulk).await.counts;
        assert_eq!((counts.failed, counts.pending()), (1, 1));
        assert!(ports.show(stays.id).await.is_some());
    }
}

/// Somebody decided that it is not worth a try.
pub async fn a_discarded_lead_stays_failed(ports: &LeadStorePorts) {
    let bulk = any_bulk();
    let lead = bulk.lead();
    ports.take_in(Vec::new(), vec![bulk.note(1, 0, true)]).await;
    let parked = bulk.parked(0, &lead);
    ports.park(&parked).await;
    let before = ports.view(&bulk).await;

    assert!(ports.dead_letters.discard(parked.id).await.unwrap());
    assert!(!ports.dead_letters.discard(parked.id).await.unwrap());

    assert_eq!(ports.show(parked.id).await, None);
    assert_eq!(ports.state_of(&lead).await, Some(ReceiptState::Failed));
    assert_eq!(ports.view(&bulk).await, before);
}

/// Two replays and a worker that parks, all over the same rows.
pub async fn replays_in_opposite_order_beside_parking_count_every_lead_once(
    ports: &LeadStorePorts,
) {
    let bulk = any_bulk();
    let leads: Vec<NewLead> = (0..50).map(|_| bulk.lead()).collect();
    ports
        .take_in(Vec::new(), vec![bulk.note(50, 0, true)])
        .await;
    let first: Vec<Parked> = (0..)
        .zip(&leads)
        .map(|(at, it)| bulk.parked(at, it))
        .collect();
    ports
        .store
        .park(&Batch::new(first.clone()).unwrap())
        .await
        .unwrap();

    let seen: Vec<SeenDead> = first
        .iter()
        .map(|it| SeenDead {
            id: it.id,
            replays: 0,
        })
        .collect();
    let replay = |seen: Vec<SeenDead>| {
        let dead_letters = Arc::clone(&ports.dead_letters);
        let seen = Batch::new(seen).unwrap();
        tokio::spawn(async move { dead_letters.replayed(&seen).await.unwrap() })
    };
    let again: Vec<Parked> = first
        .iter()
        .step_by(2)
        .map(|it| after_replays(it, 1))
        .collect();
    let park = {
        let store = Arc::clone(&ports.store);
        let again = Batch::new(again).unwrap();
        tokio::spawn(async move { store.park(&again).await.unwrap() })
    };
    let reversed = seen.iter().rev().copied().collect();
    let (one, other, parked) = tokio::join!(replay(seen), replay(reversed), park);
    one.unwrap();
    other.unwrap();
    parked.unwrap();

    let counts = ports.view(&bulk).await.counts;
    assert_eq!((counts.failed, counts.pending()), (25, 25));
    for (at, it) in first.iter().enumerate() {
        assert_eq!(ports.show(it.id).await.is_some(), at % 2 == 0);
    }
}
