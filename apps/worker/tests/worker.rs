//! What a worker promises, over the reference adapters.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test may fail loudly"
)]

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kernel::{Batch, Cause, Probe};
use lead::ports::{
    Appended, DeadLetters, Indexed, Intake, LeadConsumer, LeadFinder, LeadPublisher, LeadStore,
    QueueMonitor, StoreError,
};
use lead::{LeadId, Message, NewLead, ParkCode, ReceiptState, RetryPolicy, StoreLeads};
use skynet_worker::{Needs, Settings, Worker};
use testkit::fixtures::{any_lead, any_message, message_of};
use testkit::memory::{Family, family};
use testkit::mocks::MockLeadStore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Longer than the time until housekeeping begins.
const PATIENCE: Duration = Duration::from_secs(90);

struct Running {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.task)
            .await
            .unwrap()
            .unwrap();
    }
}

fn settings() -> Settings {
    Settings {
        batch: 500,
        linger: Duration::from_millis(20),
        concurrency: NonZeroUsize::MIN,
        retry: RetryPolicy::default(),
        results_age: Duration::from_hours(720),
        drain: Duration::from_secs(5),
        bump_every: Duration::ZERO,
    }
}

fn worker(family: &Family, store: Arc<dyn LeadStore>, settings: Settings) -> Worker {
    let verdicts = StoreLeads::new(
        Arc::clone(&store),
        family.cache.clone(),
        family.clock.clone(),
        Arc::clone(&family.ids),
        settings.retry.clone(),
    );
    let needs = Needs {
        consumer: Arc::clone(&family.consumer) as Arc<dyn LeadConsumer>,
        store,
        store_probe: Arc::clone(&family.store_probe) as Arc<dyn Probe>,
        clock: family.clock.clone(),
        entropy: family.entropy.clone(),
    };
    Worker::from_parts(needs, verdicts, settings)
}

fn start(worker: Worker) -> Running {
    let stop = CancellationToken::new();
    let task = tokio::spawn(worker.run(stop.clone()));
    Running { stop, task }
}

async fn publish(family: &Family, message: Message) {
    family.queue.publish(&Batch::one(message)).await.unwrap();
}

async fn state(family: &Family, lead: LeadId) -> Option<ReceiptState> {
    family.store.receipt(lead).await.unwrap().map(|it| it.state)
}

async fn until<F: Future<Output = bool>>(mut condition: impl FnMut() -> F) {
    let met = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, met)
        .await
        .expect("it never came to be");
}

async fn depth(family: &Family) -> u64 {
    let depths = family.queue.depths().await.unwrap();
    depths
        .iter()
        .map(|it| it.ready + it.in_flight.unwrap_or_default())
        .sum()
}

#[tokio::test]
async fn a_poison_lead_is_parked_and_its_neighbours_are_stored() {
    let family = family();
    let leads: Vec<NewLead> = (0..500).map(|_| any_lead()).collect();
    let poison = leads[123].id;
    family.store.refuse(poison, true);
    publish(&family, message_of(&leads)).await;

    let running = start(worker(&family, family.store.clone(), settings()));
    until(async || depth(&family).await == 0).await;
    running.stop().await;

    let mut stored = 0;
    for lead in &leads {
        match state(&family, lead.id).await {
            Some(ReceiptState::Stored) => stored += 1,
            other => assert_eq!((lead.id, other), (poison, Some(ReceiptState::Failed))),
        }
    }
    assert_eq!(stored, 499);
    let parked = family.store.list_parked().await;
    assert_eq!(parked, [(poison, ParkCode::Refused, 1)]);
}

#[tokio::test]
async fn a_lead_that_fails_is_tried_after_each_wait_and_then_parked() {
    let family = family();
    let lead = any_lead();
    family.store.refuse(lead.id, false);
    publish(&family, message_of(std::slice::from_ref(&lead))).await;

    let attempts = Arc::new(AtomicU64::new(0));
    let store = watched(&family, lead.id, Fate::Counted, Arc::clone(&attempts));

    let running = start(worker(&family, store, settings()));
    for (delay, attempt) in RetryPolicy::default().delays().iter().zip(1..) {
        until(async || {
            let depths = family.queue.depths().await.unwrap();
            let waits_again = (depths[0].ready, depths[0].in_flight) == (1, Some(0));
            waits_again && attempts.load(Ordering::SeqCst) == attempt
        })
        .await;
        assert_eq!(state(&family, lead.id).await, None);
        family.clock.advance(*delay);
    }
    until(async || state(&family, lead.id).await == Some(ReceiptState::Failed)).await;
    running.stop().await;

    let parked = family.store.list_parked().await;
    assert_eq!(parked, [(lead.id, ParkCode::AttemptsSpent, 6)]);
    assert_eq!(depth(&family).await, 0);
}

#[tokio::test]
async fn an_outage_spends_no_attempts_and_takes_no_more() {
    let family = family();
    family.store.set_away(true);
    family.store_probe.set_away(true);
    let leads: Vec<NewLead> = (0..3).map(|_| any_lead()).collect();
    publish(&family, message_of(&leads)).await;

    let running = start(worker(&family, family.store.clone(), settings()));
    until(async || family.queue.depths().await.unwrap()[0].in_flight == Some(1)).await;
    let later = any_lead();
    publish(&family, message_of(std::slice::from_ref(&later))).await;
    assert_eq!(family.queue.depths().await.unwrap()[0].ready, 1);
    family.store.set_away(false);
    family.store_probe.set_away(false);
    until(async || depth(&family).await == 0).await;
    running.stop().await;

    for lead in leads.iter().chain([&later]) {
        let receipt = family.store.receipt(lead.id).await.unwrap().unwrap();
        assert_eq!((receipt.state, receipt.attempts), (ReceiptState::Stored, 1));
    }
}

#[tokio::test]
async fn a_drain_during_an_outage_gives_everything_back() {
    let family = family();
    family.store.set_away(true);
    family.store_probe.set_away(true);
    publish(&family, any_message(10)).await;
    let quick = Settings {
        drain: Duration::from_millis(50),
        ..settings()
    };

    let running = start(worker(&family, family.store.clone(), quick));
    until(async || family.queue.depths().await.unwrap()[0].in_flight == Some(1)).await;
    running.stop().await;

    let depths = family.queue.depths().await.unwrap();
    assert_eq!((depths[0].ready, depths[0].in_flight), (1, Some(0)));
    family.store.set_away(false);
    family.store_probe.set_away(false);
    let running = start(worker(&family, family.store.clone(), settings()));
    until(async || depth(&family).await == 0).await;
    running.stop().await;
    assert!(family.store.list_parked().await.is_empty());
}

#[tokio::test]
async fn workers_that_start_and_stop_lose_nothing() {
    let family = family();
    let leads: Vec<NewLead> = (0..400).map(|_| any_lead()).collect();
    for lead in &leads {
        publish(&family, message_of(std::slice::from_ref(lead))).await;
    }
    let small = Settings {
        batch: 7,
        concurrency: NonZeroUsize::new(3).unwrap(),
        ..settings()
    };

    while depth(&family).await > 0 {
        let running = start(worker(&family, family.store.clone(), small.clone()));
        tokio::task::yield_now().await;
        running.stop().await;
        family.consumer.crash();
    }

    for lead in &leads {
        assert_eq!(state(&family, lead.id).await, Some(ReceiptState::Stored));
    }
}

#[tokio::test]
async fn a_message_that_workers_die_with_ends_parked_and_its_neighbours_stored() {
    let family = family();
    let leads: Vec<NewLead> = (0..20).map(|_| any_lead()).collect();
    let killer = leads[11].id;
    publish(&family, message_of(&leads)).await;
    let deaths = Arc::new(AtomicU64::new(0));

    // A store call with the killer in it never ends: the process is gone.
    for _ in 0..20 {
        if depth(&family).await == 0 {
            break;
        }
        let store = watched(&family, killer, Fate::Deadly, Arc::clone(&deaths));
        let before = deaths.load(Ordering::SeqCst);
        let running = start(worker(&family, store, settings()));
        until(async || deaths.load(Ordering::SeqCst) > before || depth(&family).await == 0).await;
        running.task.abort();
        family.consumer.crash();
    }

    assert_eq!(depth(&family).await, 0);
    assert!(deaths.load(Ordering::SeqCst) <= 10);
    for lead in leads.iter().filter(|it| it.id != killer) {
        assert_eq!(state(&family, lead.id).await, Some(ReceiptState::Stored));
    }
    let parked = family.store.list_parked().await;
    assert_eq!(parked.len(), 1);
    assert_eq!((parked[0].0, parked[0].1), (killer, ParkCode::CrashLoop));
}

#[tokio::test(start_paused = true)]
async fn what_was_stored_is_indexed_at_once_while_there_is_more_and_again_later() {
    let family = family();
    let calls = Arc::new(AtomicU64::new(0));
    let mut store = MockLeadStore::new();
    store.expect_recount().returning(|| Ok(()));
    store.expect_forget().returning(|_| Ok(0));
    let counted = Arc::clone(&calls);
    store
        .expect_index()
        .returning(move || match counted.fetch_add(1, Ordering::SeqCst) {
            3 => Err(StoreError::Unavailable(Cause::new("not here"))),
            call => Ok(Indexed {
                leads: 1,
                more: call < 3,
            }),
        });

    let began = tokio::time::Instant::now();
    let running = start(worker(&family, Arc::new(store), settings()));
    until(async || calls.load(Ordering::SeqCst) >= 4).await;
    assert!(began.elapsed() < Duration::from_millis(500));
    until(async || calls.load(Ordering::SeqCst) >= 6).await;
    assert!(began.elapsed() >= Duration::from_millis(5_500));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn old_results_are_forgotten_in_small_batches_until_none_is_left() {
    let family = family();
    let before = family.clock.clone();
    let calls = Arc::new(AtomicU64::new(0));
    let mut store = MockLeadStore::new();
    store.expect_recount().returning(|| Ok(()));
    store.expect_index().returning(|| Ok(Indexed::default()));
    let counted = Arc::clone(&calls);
    store.expect_forget().returning(move |moment| {
        use kernel::Clock as _;
        assert_eq!(moment, before.now().minus(Duration::from_hours(720)));
        match counted.fetch_add(1, Ordering::SeqCst) {
            0 | 1 => Ok(1_000),
            _ => Ok(0),
        }
    });

    let running = start(worker(&family, Arc::new(store), settings()));
    until(async || calls.load(Ordering::SeqCst) == 3).await;
    running.stop().await;
}

/// What a watched lead does to whoever appends it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Nothing; it is counted.
    Counted,
    /// It is counted, and the call never ends, as when the process is gone.
    Deadly,
}

/// The family's store, with an eye on one lead.
fn watched(
    family: &Family,
    lead: LeadId,
    fate: Fate,
    appends: Arc<AtomicU64>,
) -> Arc<dyn LeadStore> {
    Arc::new(Watched {
        store: family.store.clone(),
        lead,
        fate,
        appends,
    })
}

struct Watched {
    store: Arc<testkit::memory::MemoryLeadStore>,
    lead: LeadId,
    fate: Fate,
    appends: Arc<AtomicU64>,
}

#[async_trait::async_trait]
impl LeadStore for Watched {
    async fn append(&self, intake: &Intake) -> Result<Vec<Appended>, StoreError> {
        if intake.leads.iter().any(|it| it.lead.id == self.lead) {
            self.appends.fetch_add(1, Ordering::SeqCst);
            if self.fate == Fate::Deadly {
                std::future::pending::<()>().await;
            }
        }
        self.store.append(intake).await
    }

    async fn park(&self, parked: &Batch<lead::Parked>) -> Result<(), StoreError> {
        self.store.park(parked).await
    }

    async fn forget(&self, before: kernel::Timestamp) -> Result<u64, StoreError> {
        self.store.forget(before).await
    }

    async fn recount(&self) -> Result<(), StoreError> {
        Err(StoreError::Unavailable(Cause::new("not here")))
    }

    async fn index(&self) -> Result<Indexed, StoreError> {
        self.store.index().await
    }
}

/// What is parked, in short.
trait ListParked {
    async fn list_parked(&self) -> Vec<(LeadId, ParkCode, u16)>;
}

impl ListParked for testkit::memory::MemoryLeadStore {
    async fn list_parked(&self) -> Vec<(LeadId, ParkCode, u16)> {
        let letters = DeadLetters::list(self, None, 1_000).await.unwrap();
        letters
            .into_iter()
            .map(|it| (LeadId(it.id.0), it.code, it.attempts))
            .collect()
    }
}
