use kernel::Clock;
use lead::ports::{DeadLetters, LeadFinder};
use lead::{
    BatchState, DeadLetterId, Message, NewLead, ReceiptState, ReplayError, ReplayFailed,
    ReplayScope, Replayed,
};
use testkit::fixtures::{any_bulk, any_id, any_lead, message_of};

use crate::worker::Worker;

struct Parked {
    worker: Worker,
    replay: ReplayFailed,
    leads: Vec<NewLead>,
}

impl Parked {
    /// So many leads that were parked because the store refuses them.
    async fn new(count: usize) -> Self {
        let worker = Worker::new();
        let leads: Vec<NewLead> = (0..count).map(|_| any_lead()).collect();
        for lead in &leads {
            worker.all.store.refuse(lead.id, true);
        }
        for some in leads.chunks(500) {
            worker.publish(message_of(some)).await;
        }
        worker.drain().await;
        let replay = ReplayFailed::new(worker.all.store.clone(), worker.all.queue.clone());
        Self {
            worker,
            replay,
            leads,
        }
    }

    fn relent(&self) {
        for lead in &self.leads {
            self.worker.all.store.relent(lead.id);
        }
    }

    fn all(&self) -> ReplayScope {
        ReplayScope::All {
            until: self.worker.all.clock.now(),
        }
    }

    async fn parked(&self) -> u64 {
        self.worker.all.store.count().await.unwrap()
    }
}

fn replayed(count: u64) -> Replayed {
    Replayed {
        replayed: count,
        ..Replayed::default()
    }
}

#[tokio::test]
async fn what_was_parked_is_stored_after_a_replay() {
    let it = Parked::new(250).await;
    it.relent();
    assert_eq!(
        it.replay.run(&it.all(), false).await.unwrap(),
        replayed(250)
    );
    assert_eq!(it.parked().await, 0);
    it.worker.drain().await;
    for lead in &it.leads {
        assert_eq!(
            it.worker.state_of(lead.id).await,
            Some(ReceiptState::Stored)
        );
    }
}

#[tokio::test]
async fn a_dry_run_counts_and_moves_nothing() {
    let it = Parked::new(3).await;
    assert_eq!(it.replay.run(&it.all(), true).await.unwrap(), replayed(3));
    assert_eq!((it.parked().await, it.worker.queued().await), (3, 0));
}

#[tokio::test]
async fn only_the_named_ones_go_each_once() {
    let it = Parked::new(3).await;
    it.relent();
    let named = DeadLetterId(it.leads[1].id.0);
    let scope = ReplayScope::Ids(vec![named, DeadLetterId(any_id()), named]);
    let expected = Replayed {
        unknown: 1,
        ..replayed(1)
    };
    assert_eq!(it.replay.run(&scope, true).await.unwrap(), expected);
    assert_eq!(it.replay.run(&scope, false).await.unwrap(), expected);
    it.worker.drain().await;
    assert_eq!(it.parked().await, 2);
    assert_eq!(
        it.worker.state_of(it.leads[1].id).await,
        Some(ReceiptState::Stored)
    );
}

#[tokio::test]
async fn unreadable_bytes_stay() {
    let worker = Worker::new();
    worker.all.queue.inject(b"?".to_vec());
    worker.drain().await;
    let replay = ReplayFailed::new(worker.all.store.clone(), worker.all.queue.clone());
    let scope = ReplayScope::All {
        until: worker.all.clock.now(),
    };
    let done = replay.run(&scope, false).await.unwrap();
    assert_eq!(
        done,
        Replayed {
            unreadable: 1,
            ..Replayed::default()
        }
    );
    assert_eq!(worker.all.store.count().await.unwrap(), 1);
}

#[tokio::test]
async fn what_fails_again_is_parked_again_with_one_replay_more() {
    let it = Parked::new(1).await;
    for round in 1..=3 {
        it.worker
            .all
            .clock
            .advance(std::time::Duration::from_secs(1));
        assert_eq!(it.replay.run(&it.all(), false).await.unwrap(), replayed(1));
        assert_eq!(it.worker.state_of(it.leads[0].id).await, None);
        it.worker.drain().await;
        let letter = DeadLetterId(it.leads[0].id.0);
        let letter = it.worker.all.store.show(letter).await.unwrap().unwrap();
        assert_eq!(letter.replays, round);
    }
}

#[tokio::test]
async fn what_is_parked_after_the_start_is_not_sent_in_a_circle() {
    let it = Parked::new(1).await;
    let scope = it.all();
    it.worker
        .all
        .clock
        .advance(std::time::Duration::from_millis(1));
    assert_eq!(it.replay.run(&scope, false).await.unwrap(), replayed(1));
    it.worker.drain().await;
    assert_eq!(it.replay.run(&scope, false).await.unwrap(), replayed(0));
    assert_eq!(it.parked().await, 1);
}

#[tokio::test]
async fn a_replay_while_the_queue_is_away_keeps_what_is_parked() {
    let it = Parked::new(2).await;
    it.worker.all.queue.set_away(true);
    let error = it.replay.run(&it.all(), false).await.unwrap_err();
    assert!(matches!(error, ReplayError::Queue(_)));
    assert_eq!(it.parked().await, 2);
}

#[tokio::test]
async fn two_replays_at_once_store_each_lead_once() {
    let it = Parked::new(150).await;
    it.relent();
    let scope = it.all();
    let (one, two) = tokio::join!(it.replay.run(&scope, false), it.replay.run(&scope, false));
    assert!(one.unwrap().replayed + two.unwrap().replayed >= 150);
    it.worker.drain().await;
    assert_eq!(it.parked().await, 0);
    let stats = it
        .worker
        .all
        .store
        .stats(kernel::Timestamp::from_unix_ms(0))
        .await
        .unwrap();
    assert_eq!(stats.total(), 150);
}

#[tokio::test]
async fn a_replay_turns_failed_into_pending_and_then_into_the_outcome() {
    let worker = Worker::new();
    let bulk = any_bulk();
    let lead = bulk.lead();
    worker.all.store.refuse(lead.id, true);
    let part = bulk.part(bulk.note(1, 0, true), 0, std::slice::from_ref(&lead));
    worker.publish(Message::first(vec![part])).await;
    worker.drain().await;
    let counts = async || worker.all.store.batch(bulk.id).await.unwrap().unwrap();
    assert_eq!(
        (counts().await.counts.failed, counts().await.state()),
        (1, BatchState::Finished)
    );

    let replay = ReplayFailed::new(worker.all.store.clone(), worker.all.queue.clone());
    let scope = ReplayScope::All {
        until: worker.all.clock.now(),
    };
    replay.run(&scope, false).await.unwrap();
    assert_eq!(
        (counts().await.counts.pending(), counts().await.state()),
        (1, BatchState::Processing)
    );

    worker.all.store.relent(lead.id);
    worker.drain().await;
    assert_eq!(
        (counts().await.counts.stored, counts().await.state()),
        (1, BatchState::Finished)
    );
}
