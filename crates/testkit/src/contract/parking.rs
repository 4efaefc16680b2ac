//! `LeadStore::park`: what it does to outcomes and counters.

use std::sync::Arc;
use std::time::Duration;

use kernel::Batch;
use lead::ports::ResultKind;
use lead::{BatchState, NewLead, ReceiptState};

use super::lead_store::LeadStorePorts;
use super::submissions::{counts, rows};
use crate::fixtures::{any_bulk, any_lead, parked, parked_bytes, twin_of};

/// Its outcome and its counter.
pub async fn parking_makes_a_lead_failed(ports: &LeadStorePorts) {
    let bulk = any_bulk();
    let (in_bulk, alone) = (bulk.lead(), any_lead());
    ports.take_in(Vec::new(), vec![bulk.note(1, 0, true)]).await;

    let dead = bulk.parked(0, &in_bulk);
    let mut letters = [parked(&alone), dead, parked_bytes(b"\xff")];
    for (place, it) in letters.iter_mut().enumerate() {
        it.at = it.at.plus(Duration::from_secs(place as u64));
    }
    let last = letters[2].at;
    let batch = Batch::new(letters.to_vec()).unwrap();
    ports.store.park(&batch).await.unwrap();

    assert_eq!(ports.state_of(&alone).await, Some(ReceiptState::Failed));
    assert_eq!(ports.state_of(&in_bulk).await, Some(ReceiptState::Failed));
    let view = ports.view(&bulk).await;
    assert_eq!(view.counts, counts([1, 0, 0, 0, 1]));
    assert_eq!(
        (view.state(), view.finished_at),
        (BatchState::Finished, Some(last))
    );
}

/// A redelivery of what is parked already.
pub async fn parking_twice_counts_once(ports: &LeadStorePorts) {
    let bulk = any_bulk();
    let lead = bulk.lead();
    ports.take_in(Vec::new(), vec![bulk.note(3, 0, true)]).await;

    let dead = bulk.parked(0, &lead);
    ports
        .store
        .park(&Batch::new(vec![dead.clone(), dead.clone()]).unwrap())
        .await
        .unwrap();
    ports.store.park(&Batch::one(dead)).await.unwrap();

    assert_eq!(ports.view(&bulk).await.counts, counts([3, 0, 0, 0, 1]));
}

/// A lead that is stored, or a duplicate, does not fail any more.
pub async fn parking_what_was_decided_changes_nothing_of_it(ports: &LeadStorePorts) {
    let bulk = any_bulk();
    let lead = bulk.lead();
    let leads = [lead.clone(), bulk.own(twin_of(&lead))];
    ports
        .take_in(rows(&bulk, &leads), vec![bulk.note(2, 0, true)])
        .await;
    let before = (ports.view(&bulk).await, ports.find(&lead).await);

    for (index, lead) in (0..).zip(&leads) {
        ports
            .store
            .park(&Batch::one(bulk.parked(index, lead)))
            .await
            .unwrap();
    }

    assert_eq!((ports.view(&bulk).await, ports.find(&lead).await), before);
    assert_eq!(ports.state_of(&leads[0]).await, Some(ReceiptState::Stored));
    let duplicate = ReceiptState::Duplicate { of: lead.id };
    assert_eq!(ports.state_of(&leads[1]).await, Some(duplicate));
}

/// And its counter moves over.
pub async fn a_parked_lead_is_decided_anew(ports: &LeadStorePorts) {
    let bulk = any_bulk();
    let lead = bulk.lead();
    let leads = [lead.clone(), bulk.own(twin_of(&lead))];
    ports.take_in(Vec::new(), vec![bulk.note(2, 0, true)]).await;
    for (index, lead) in (0..).zip(&leads) {
        ports
            .store
            .park(&Batch::one(bulk.parked(index, lead)))
            .await
            .unwrap();
    }
    assert_eq!(ports.view(&bulk).await.counts, counts([2, 0, 0, 0, 2]));

    for _ in 0..2 {
        ports.take_in(rows(&bulk, &leads), Vec::new()).await;
        assert_eq!(ports.view(&bulk).await.counts, counts([2, 0, 1, 1, 0]));
    }
    assert_eq!(ports.state_of(&lead).await, Some(ReceiptState::Stored));
    let of_kind = ports.results(&bulk, Some(ResultKind::Failed)).await;
    assert_eq!(of_kind, []);
}

/// Two workers that give up on the same leads.
pub async fn rivals_that_park_in_opposite_order_count_once(ports: &LeadStorePorts) {
    let bulk = any_bulk();
    let leads: Vec<NewLead> = (0..50).map(|_| bulk.lead()).collect();
    ports
        .take_in(Vec::new(), vec![bulk.note(50, 0, true)])
        .await;
    let ours: Vec<_> = (0..)
        .zip(&leads)
        .map(|(index, it)| bulk.parked(index, it))
        .collect();
    let theirs: Vec<_> = ours.iter().rev().cloned().collect();

    let park = |parked| {
        let store = Arc::clone(&ports.store);
        let batch = Batch::new(parked).unwrap();
        tokio::spawn(async move { store.park(&batch).await.unwrap() })
    };
    let (left, right) = tokio::join!(park(ours), park(theirs));
    left.unwrap();
    right.unwrap();

    assert_eq!(ports.view(&bulk).await.counts, counts([50, 0, 0, 0, 50]));
}
