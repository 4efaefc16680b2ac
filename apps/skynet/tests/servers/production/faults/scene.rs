//! Two APIs, two workers, their servers, and loads: what every fault is tried on.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use test_rig::load::{Api, CANARY, Load, verify};
use test_rig::{Process, Proxy};

use super::doors::{Doors, Role};
use super::table::Row;
use crate::place::{Node, PATIENCE, Place, terminated, until};

/// How soon the product has to work again once the cause of a fault is gone.
const RECOVERY_LIMIT: Duration = Duration::from_secs(10);
const CLIENTS: usize = 2;
const SEED: u64 = 20_261_126;
/// Requests that are answered before a fault, and after it.
const SOME_REQUESTS: usize = 40;
/// How long a client of a test rests before it asks again.
const REST: Duration = Duration::from_millis(20);

pub(super) const STORE_LEAD: &str = "/api/v1/lead/process";
pub(super) const QUEUE_LEAD: &str = "/api/v1/lead/process-async";
pub(super) const QUEUE_LEADS: &str = "/api/v1/leads/process-bulk";

/// What every fault is tried on.
pub(super) struct Scene {
    pub(super) place: Place,
    /// Of each API.
    pub(super) api_doors: [Doors; 2],
    /// Of both workers.
    pub(super) worker_doors: Doors,
    pub(super) nodes: [Node; 2],
    pub(super) workers: [Process; 2],
    /// The first API, called by an administrator.
    pub(super) api: Api,
    loads: AtomicU64,
    canaries: AtomicUsize,
}

/// What a fault left, beside what the load was promised.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Healed {
    /// See [`Row::recovery`].
    pub(super) recovery: Option<Duration>,
    /// Messages that had to be parked, and are not any more.
    pub(super) dead: usize,
}

impl Scene {
    pub(super) async fn new() -> Self {
        Self::told(&[]).await
    }

    /// With some settings in every program.
    pub(super) async fn told(settings: &[(&'static str, &'static str)]) -> Self {
        let mut place = Place::new().await;
        let told = settings.iter().map(|(name, text)| (*name, (*text).into()));
        place.told = told.collect();
        let api_doors = [
            Doors::before(&place.servers).await,
            Doors::before(&place.servers).await,
        ];
        let worker_doors = Doors::before(&place.servers).await;
        let node = |doors: &Doors| place.start_api_with(&doors.settings(&place.servers));
        let mut nodes = api_doors.each_ref().map(node);
        let worker = || place.start_worker_with(&worker_doors.settings(&place.servers));
        let workers = [worker(), worker()];
        for node in &mut nodes {
            node.ready().await;
        }
        let api = nodes[0].api.sign_in().await;
        Self {
            place,
            api_doors,
            worker_doors,
            nodes,
            workers,
            api,
            loads: AtomicU64::default(),
            canaries: AtomicUsize::default(),
        }
    }

    /// Tries one fault under a load on both APIs: `fault` does something, undoes it, and sees to
    /// it that the product recovers. Then every promise has to be kept, and nothing be parked.
    pub(super) async fn tried(
        &mut self,
        name: &'static str,
        fault: impl AsyncFnOnce(&mut Self, &Load) -> Healed,
    ) {
        let load = self.load(self.apis().to_vec());
        self.tried_under(name, load, fault).await;
    }

    /// As [`Scene::tried`], under a load that is running.
    pub(super) async fn tried_under(
        &mut self,
        name: &'static str,
        load: Load,
        fault: impl AsyncFnOnce(&mut Self, &Load) -> Healed,
    ) {
        load.answered(SOME_REQUESTS).await;
        let Healed { recovery, dead } = fault(self, &load).await;
        load.answered(SOME_REQUESTS).await;
        let answers = load.answers();
        let ledger = load.finish().await;
        self.settled().await;

        let parked = self.parked().await;
        assert!(parked.is_empty(), "{name}: {parked:?}");
        let tally = verify(&self.api, &ledger).await;
        println!("{name}: {tally}; {answers:?}");
        Row {
            fault: name,
            sent: ledger.entries.len(),
            accepted: tally.promised,
            stored: tally.stored,
            duplicates: tally.duplicate,
            dead,
            recovery,
        }
        .write();
        assert!(tally.stored > 0, "{name}: {tally}");
        assert!(recovery <= Some(RECOVERY_LIMIT), "{name}: {recovery:?}");
    }

    /// A load that no other is called like.
    pub(super) fn load(&self, apis: Vec<Api>) -> Load {
        let number = self.loads.fetch_add(1, Ordering::SeqCst);
        Load::start(&format!("load{number}"), apis, CLIENTS, SEED + number)
    }

    /// Each API, called by an administrator.
    pub(super) fn apis(&self) -> [Api; 2] {
        self.nodes.each_ref().map(|it| self.api.at(it.api_base()))
    }

    /// Does something with every door in front of a server.
    pub(super) fn doors(&self, role: Role, change: impl Fn(&Proxy)) {
        let doors = self.api_doors.iter().chain([&self.worker_doors]);
        doors.for_each(|it| change(it.of(role)));
    }

    pub(super) fn start_worker(&self) -> Process {
        let settings = self.worker_doors.settings(&self.place.servers);
        self.place.start_worker_with(&settings)
    }

    /// Waits until every API tells that of its servers just this one does not work.
    pub(super) async fn tells(&self, down: Role) {
        let is_needed = down != Role::Cache;
        let expected = Role::ALL.map(|it| (it.name(), if it == down { "down" } else { "up" }));
        let expected: Value = expected.into_iter().collect();
        for api in self.apis() {
            until("an API tells what is down", async || {
                let path = "/api/v1/health/ready";
                let answer = api.try_call(Method::GET, path, String::new()).await;
                answer.is_some_and(|(status, answer)| {
                    status.is_success() != is_needed && answer["data"] == expected
                })
            })
            .await;
        }
    }

    /// A lead that nobody sent before, and its address.
    pub(super) fn canary(&self) -> (Value, String) {
        let number = self.canaries.fetch_add(1, Ordering::SeqCst);
        let email = format!("{CANARY}-{number}@example.com");
        let tag = format!("{CANARY} {number}");
        let lead = json!({"firstName": "Ada", "lastName": "L", "email": email, "tag": tag});
        (lead, email)
    }

    /// Every API accepts leads that are stored later; gives their receipts.
    pub(super) async fn queues(&self) -> Vec<String> {
        let mut receipts = Vec::new();
        for api in self.apis() {
            let lead = self.canary().0.to_string();
            let (status, answer) = api.post(QUEUE_LEAD, lead).await;
            assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
            receipts.push(answer["receipt"].as_str().unwrap().to_owned());
        }
        receipts
    }

    /// Every API stores leads while their senders wait, and all find them.
    pub(super) async fn stores_and_finds(&self) {
        for api in self.apis() {
            let (lead, email) = self.canary();
            let (status, answer) = api.post(STORE_LEAD, lead.to_string()).await;
            assert_eq!(status, StatusCode::CREATED, "{answer}");
            let id = answer["data"]["id"].as_str().unwrap();
            for reader in self.apis() {
                let found = reader.get(&format!("/api/v1/leads/{id}")).await;
                assert_eq!(found["data"]["email"], email, "{found}");
            }
        }
    }

    /// Waits until the receipt of a lead says that it is stored.
    pub(super) async fn is_stored(&self, receipt: &str) {
        until("a lead is stored", async || {
            let answer = self.api.try_call(Method::GET, receipt, String::new());
            answer
                .await
                .is_some_and(|(_, answer)| answer["data"]["state"] == "stored")
        })
        .await;
    }

    /// The cause of the fault is gone as of now: waits until every API says that it is ready and
    /// a lead that it accepted is stored.
    pub(super) async fn recovers(&mut self) -> Healed {
        let began_at = Instant::now();
        for node in &mut self.nodes {
            node.ready().await;
        }
        for api in self.apis() {
            let lead = self.canary().0.to_string();
            let receipt = loop {
                assert!(began_at.elapsed() < PATIENCE, "no lead is accepted");
                let answer = api.try_call(Method::POST, QUEUE_LEAD, lead.clone()).await;
                match answer {
                    Some((StatusCode::ACCEPTED, answer)) => break answer["receipt"].clone(),
                    _ => tokio::time::sleep(REST).await,
                }
            };
            self.is_stored(receipt.as_str().unwrap()).await;
        }
        Healed {
            recovery: Some(began_at.elapsed()),
            dead: 0,
        }
    }

    /// What is parked.
    pub(super) async fn parked(&self) -> Vec<Value> {
        let answer = self.api.get("/api/v1/failed?limit=100").await;
        answer["data"].as_array().unwrap().clone()
    }

    /// Sends what is parked again.
    pub(super) async fn replay(&self) {
        let all = r#"{"all":true}"#;
        self.api
            .call(Method::POST, "/api/v1/failed/replay", all)
            .await;
    }

    /// Waits until nothing is left to do. A broker does not tell what is in a worker's hands, so
    /// the workers end in between, and what they held shows as waiting or is done.
    pub(super) async fn settled(&mut self) {
        loop {
            self.api.drained().await;
            for worker in &mut self.workers {
                assert_eq!(terminated(worker).await.code(), Some(0), "{}", worker.log());
            }
            // A queue takes back what a consumer held when it lets the consumer go.
            let all_are = |answer: &Value, what: &str| {
                let queues = answer["data"]["queues"].as_array().unwrap();
                queues.iter().all(|it| it[what] == 0)
            };
            let path = "/api/v1/queue";
            let left = self.api.until(path, |it| all_are(it, "consumers")).await;
            let is_empty = all_are(&left, "ready");
            self.workers = [self.start_worker(), self.start_worker()];
            if is_empty {
                return;
            }
        }
    }

    /// Asks every process to end, which each does in time and well.
    pub(super) async fn ends(mut self) {
        let nodes = self.nodes.iter_mut().map(|it| &mut it.process);
        for process in nodes.chain(&mut self.workers) {
            let ended = terminated(process).await;
            assert_eq!(ended.code(), Some(0), "{}", process.log());
        }
    }
}
