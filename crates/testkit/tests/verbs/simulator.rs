//! Random lives of leads: delivered, stored, settled, or lost hold of at any point in between.

use std::collections::HashSet;
use std::time::Duration;

use kernel::{Entropy, Timestamp};
use lead::ports::{DeadLetters, LeadFinder};
use lead::{
    BatchState, DeadLetterId, Filter, LeadId, ListQuery, Message, NewLead, Position, ReceiptState,
};
use testkit::fixtures::{Bulk, any_bulk, any_lead, lead_of, message_of};
use testkit::memory::SeededEntropy;

use crate::worker::Worker;

const SEEDS: u64 = 1_000;
const STEPS: u64 = 40;

/// What was promised to senders.
#[derive(Default)]
struct Ledger {
    accepted: Vec<NewLead>,
    bulks: Vec<(Bulk, u64)>,
}

struct Chance(SeededEntropy);

impl Chance {
    fn below(&self, bound: u64) -> u64 {
        self.0.random_u64() % bound
    }

    fn one_in(&self, bound: u64) -> bool {
        self.below(bound) == 0
    }
}

#[tokio::test]
async fn accepted_leads_are_stored_duplicate_parked_or_queued_whatever_happens() {
    let (mut stored, mut duplicate, mut parked) = (0, 0, 0);
    for seed in 0..SEEDS {
        let (worker, chance) = (Worker::new(), Chance(SeededEntropy::new(seed)));
        let mut ledger = Ledger::default();
        for _ in 0..STEPS {
            something_happens(&worker, &chance, &mut ledger).await;
        }
        worker.all.store.set_away(false);
        worker.all.consumer.crash();
        worker.drain().await;
        let tally = check(&worker, &ledger, seed).await;
        stored += tally[0];
        duplicate += tally[1];
        parked += tally[2];
    }
    assert!(
        stored > 0 && duplicate > 0 && parked > 0,
        "{stored} {duplicate} {parked}"
    );
}

async fn something_happens(worker: &Worker, chance: &Chance, ledger: &mut Ledger) {
    match chance.below(10) {
        0 | 1 => accept_singles(worker, chance, ledger).await,
        2 => accept_bulk(worker, chance, ledger).await,
        3 => worker.all.store.set_away(chance.one_in(3)),
        4 => worker
            .all
            .clock
            .advance(Duration::from_secs(chance.below(10))),
        _ => work(worker, chance).await,
    }
}

fn some_lead(worker: &Worker, chance: &Chance, ledger: &Ledger) -> NewLead {
    let known = ledger.accepted.len() as u64;
    let lead = if known > 0 && chance.one_in(4) {
        let twin = usize::try_from(chance.below(known)).unwrap();
        lead_of(&ledger.accepted[twin].details.email.as_str().to_uppercase())
    } else {
        any_lead()
    };
    if chance.one_in(8) {
        worker.all.store.refuse(lead.id, chance.one_in(2));
    }
    lead
}

async fn accept_singles(worker: &Worker, chance: &Chance, ledger: &mut Ledger) {
    let mut leads = Vec::new();
    for _ in 0..=chance.below(5) {
        leads.push(some_lead(worker, chance, ledger));
    }
    let message = message_of(&leads);
    worker.publish(message.clone()).await;
    if chance.one_in(4) {
        // The confirm was lost and the sender's node sent the same again.
        worker.publish(message).await;
    }
    ledger.accepted.extend(leads);
}

async fn accept_bulk(worker: &Worker, chance: &Chance, ledger: &mut Ledger) {
    let bulk = any_bulk();
    let chunks = 1 + chance.below(3);
    let mut first = 0;
    for chunk in 1..=chunks {
        let mut leads = Vec::new();
        for _ in 0..=chance.below(6) {
            leads.push(bulk.own(some_lead(worker, chance, ledger)));
        }
        let end = first + leads.len() as u64;
        let note = bulk.note(end, 0, chunk == chunks);
        let message = Message::first(vec![bulk.part(note, first, &leads)]);
        worker.publish(message.clone()).await;
        if chance.one_in(4) {
            worker.publish(message).await;
        }
        first = end;
        ledger.accepted.extend(leads);
    }
    ledger.bulks.push((bulk, first));
}

/// A worker's turn, which may end at any point.
async fn work(worker: &Worker, chance: &Chance) {
    let deliveries = worker.receive().await;
    if chance.one_in(5) {
        return worker.all.consumer.crash();
    }
    let Ok(settled) = worker.verb.run(&deliveries).await else {
        return worker.all.consumer.crash();
    };
    if chance.one_in(5) {
        return worker.all.consumer.crash();
    }
    // Some settlements get through, the rest is lost.
    let through = if chance.one_in(5) {
        usize::try_from(chance.below(settled.len() as u64 + 1)).unwrap()
    } else {
        settled.len()
    };
    worker
        .settle(settled.into_iter().take(through).collect())
        .await;
    if chance.one_in(2) {
        worker.all.consumer.crash();
    }
}

/// How many leads are stored, duplicate and parked.
async fn check(worker: &Worker, ledger: &Ledger, seed: u64) -> [u64; 3] {
    let mut tally = [0; 3];
    for lead in &ledger.accepted {
        let dead = worker
            .all
            .store
            .show(DeadLetterId(lead.id.0))
            .await
            .unwrap();
        match worker.state_of(lead.id).await {
            Some(ReceiptState::Stored) => {
                let found = worker.all.store.find(lead.id).await.unwrap().unwrap();
                assert_eq!(found.details, lead.details, "seed {seed}");
                tally[0] += 1;
            }
            Some(ReceiptState::Duplicate { of }) => {
                let held = worker.all.store.find(of).await.unwrap().unwrap();
                assert_eq!(
                    held.details.email.key(),
                    lead.details.email.key(),
                    "seed {seed}"
                );
                tally[1] += 1;
            }
            Some(ReceiptState::Failed) => {
                assert!(
                    dead.is_some(),
                    "seed {seed}: {} failed and not parked",
                    lead.id
                );
                tally[2] += 1;
            }
            other => panic!("seed {seed}: {} is {other:?}", lead.id),
        }
    }
    one_row_for_each_lead(worker, tally[0], seed).await;
    for (bulk, rows) in &ledger.bulks {
        let view = worker.all.store.batch(bulk.id).await.unwrap().unwrap();
        assert_eq!(view.counts.received, *rows, "seed {seed}");
        assert_eq!(
            view.state(),
            BatchState::Finished,
            "seed {seed}: {:?}",
            view.counts
        );
    }
    tally
}

async fn one_row_for_each_lead(worker: &Worker, stored: u64, seed: u64) {
    let query = ListQuery {
        filter: Filter::default(),
        position: Position::Offset(0),
        limit: ListQuery::MAX_LIMIT,
    };
    let rows = LeadFinder::list(&*worker.all.store, &query).await.unwrap();
    let ids: HashSet<LeadId> = rows.iter().map(|it| it.id).collect();
    let keys: HashSet<&str> = rows
        .iter()
        .map(|it| it.details.email.key().as_str())
        .collect();
    assert_eq!(
        (rows.len(), ids.len()),
        (keys.len(), keys.len()),
        "seed {seed}"
    );
    assert_eq!(rows.len() as u64, stored, "seed {seed}");
    let stats = worker
        .all
        .store
        .stats(Timestamp::from_unix_ms(0))
        .await
        .unwrap();
    assert_eq!(stats.total(), stored, "seed {seed}");
}
