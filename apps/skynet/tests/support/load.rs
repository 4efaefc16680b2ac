//! Clients that send leads in every way there is, and write down what they are promised.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::chance::Chance;
use super::ledger::{Ledger, Promise, Submission};
use super::sent::{Flaw, Sent};
use super::server::Server;

/// A key whose request died with the server may be held for so long, and a little more.
const CLAIMS_END: Duration = Duration::from_secs(90);
/// By when a running server has answered some requests.
const ANSWERS_BY: Duration = Duration::from_mins(1);
const LOOK_EVERY: Duration = Duration::from_millis(200);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Sync,
    Async,
    Json,
    Ndjson,
}

/// A request that can be sent again byte for byte.
#[derive(Clone, Debug)]
struct Request {
    way: Way,
    key: Option<String>,
    leads: Vec<Sent>,
}

/// How often the server was ready, and whether to go on.
#[derive(Clone, Copy, Debug, Default)]
struct Phase {
    starts: usize,
    stop: bool,
}

/// The clients.
pub(crate) struct Load {
    shared: Arc<Shared>,
    clients: JoinSet<()>,
}

struct Shared {
    client: Client,
    base: String,
    token: String,
    phase: watch::Sender<Phase>,
    answers: AtomicUsize,
    numbers: AtomicUsize,
    ledger: Mutex<Ledger>,
    /// Keyed requests without an answer.
    again: Mutex<Vec<Request>>,
}

impl Load {
    /// Sets so many clients on a server that is ready.
    pub(crate) fn start(server: &Server, token: &str, clients: usize, seed: u64) -> Self {
        let shared = Arc::new(Shared {
            client: server.client.clone(),
            base: server.url(""),
            token: token.to_owned(),
            phase: watch::Sender::new(Phase::default()),
            answers: AtomicUsize::default(),
            numbers: AtomicUsize::default(),
            ledger: Mutex::default(),
            again: Mutex::default(),
        });
        let mut load = Self {
            shared,
            clients: JoinSet::new(),
        };
        for client in 0..clients {
            let shared = Arc::clone(&load.shared);
            let chance = Chance::new(seed ^ (client as u64 + 1) << 32);
            load.clients.spawn(async move { shared.run(chance).await });
        }
        load
    }

    /// The server is ready again.
    pub(crate) fn restarted(&self) {
        self.shared.phase.send_modify(|it| it.starts += 1);
    }

    /// Waits until so many more requests were answered.
    pub(crate) async fn answered(&self, more: usize) {
        let until = self.shared.answers.load(Ordering::SeqCst) + more;
        let give_up_at = std::time::Instant::now() + ANSWERS_BY;
        while self.shared.answers.load(Ordering::SeqCst) < until {
            assert!(
                std::time::Instant::now() < give_up_at,
                "the server answers nobody"
            );
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Ends the load, sends again what has a key and no answer, and gives the ledger.
    pub(crate) async fn finish(mut self) -> Ledger {
        self.shared.phase.send_modify(|it| it.stop = true);
        while let Some(ended) = self.clients.join_next().await {
            ended.unwrap();
        }
        let started = std::time::Instant::now();
        loop {
            let again = std::mem::take(&mut *self.shared.again());
            if again.is_empty() {
                break;
            }
            assert!(
                started.elapsed() < CLAIMS_END,
                "{} keys are held",
                again.len()
            );
            for request in again {
                self.shared.send(request).await;
            }
            if !self.shared.again().is_empty() {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
        std::mem::take(&mut *self.shared.ledger.lock().unwrap())
    }
}

impl Shared {
    fn again(&self) -> MutexGuard<'_, Vec<Request>> {
        self.again.lock().unwrap()
    }

    /// The request that has waited longest for an answer.
    fn oldest(&self) -> Option<Request> {
        let mut again = self.again();
        if again.is_empty() {
            None
        } else {
            Some(again.remove(0))
        }
    }

    async fn run(&self, mut chance: Chance) {
        let mut phase = self.phase.subscribe();
        loop {
            let Phase { starts, stop } = *phase.borrow_and_update();
            if stop {
                return;
            }
            let old = if chance.one_in(4) {
                self.oldest()
            } else {
                None
            };
            let request = old.unwrap_or_else(|| self.request(&mut chance));
            if !self.send(request).await {
                let changed = |it: &Phase| it.starts > starts || it.stop;
                phase.wait_for(changed).await.unwrap();
            }
        }
    }

    fn request(&self, chance: &mut Chance) -> Request {
        let (way, count) = match chance.below(10) {
            0..3 => (Way::Sync, 1),
            3..6 => (Way::Async, 1),
            6..8 => (Way::Json, 1 + chance.below(120)),
            _ => (Way::Ndjson, 1 + chance.below(300)),
        };
        let number = self.numbers.fetch_add(1, Ordering::SeqCst);
        let key = chance.one_in(2).then(|| format!("key {number}"));
        // A lead that is stored twice must not look like one whose address is held.
        let twins = way != Way::Sync || key.is_none();
        let mut leads: Vec<Sent> = (0..count).map(|_| self.lead(chance, way, twins)).collect();
        if count > 1 && !leads.iter().any(Sent::is_valid) {
            leads.push(self.valid(chance));
        }
        Request { way, key, leads }
    }

    fn valid(&self, chance: &mut Chance) -> Sent {
        let number = self.numbers.fetch_add(1, Ordering::SeqCst);
        let email = format!("Lead{number}@Example.com");
        Sent::new(format!("tag {number}"), email, Flaw::None, chance)
    }

    fn lead(&self, chance: &mut Chance, way: Way, twins: bool) -> Sent {
        let fresh = self.valid(chance);
        let mut email = fresh.email.clone();
        if !twins {
            email = format!("own-{email}");
        } else if chance.one_in(15) {
            let other = chance.below(self.numbers.load(Ordering::SeqCst));
            email = format!("LEAD{other}@example.com");
        }
        let flaw = match chance.below(40) {
            0 => Flaw::NoEmail,
            1 => Flaw::BadPhone,
            2 if way == Way::Ndjson => Flaw::NotJson,
            _ => Flaw::None,
        };
        Sent::new(fresh.tag, email, flaw, chance)
    }

    /// Sends a request and writes down what came of it; says whether there was an answer.
    async fn send(&self, request: Request) -> bool {
        let Some((status, answer)) = self.answer(&request).await else {
            self.unanswered(request);
            return false;
        };
        self.answers.fetch_add(1, Ordering::SeqCst);
        self.note(request, status, &answer);
        true
    }

    async fn answer(&self, request: &Request) -> Option<(StatusCode, Value)> {
        let lines = || request.leads.iter().map(Sent::json).collect::<Vec<_>>();
        let (path, kind, body) = match request.way {
            Way::Sync => ("lead/process", "application/json", lines().concat()),
            Way::Async => ("lead/process-async", "application/json", lines().concat()),
            Way::Json => (
                "leads/process-bulk",
                "application/json",
                format!("{{\"leads\":[{}],\"batch_size\":20}}", lines().join(",")),
            ),
            Way::Ndjson => (
                "leads/process-bulk?batch_size=30",
                "application/x-ndjson",
                lines().join("\n"),
            ),
        };
        let mut post = self.client.post(format!("{}/api/v1/{path}", self.base));
        if let Some(key) = &request.key {
            post = post.header("Idempotency-Key", key);
        }
        let post = post.header("Content-Type", kind).bearer_auth(&self.token);
        let answer = post.body(body).send().await.ok()?;
        let status = answer.status();
        let text = answer.text().await.ok()?;
        Some((status, serde_json::from_str(&text).unwrap()))
    }

    fn unanswered(&self, request: Request) {
        if request.key.is_some() {
            self.again().push(request);
        } else {
            self.promise(request, |_| Promise::Nothing);
        }
    }

    fn promise(&self, request: Request, of: impl Fn(&Sent) -> Promise) {
        let mut ledger = self.ledger.lock().unwrap();
        let entries = request.leads.into_iter().map(|it| {
            let promise = of(&it);
            (it, promise)
        });
        ledger.entries.extend(entries);
    }

    fn note(&self, request: Request, status: StatusCode, answer: &Value) {
        let text = |at: &str| {
            answer
                .pointer(at)
                .and_then(Value::as_str)
                .unwrap()
                .to_owned()
        };
        match (request.way, status.as_u16()) {
            (Way::Sync, 201) => {
                let id = text("/data/id");
                self.promise(request, |_| Promise::Stored(id.clone()));
            }
            (Way::Async, 202) => {
                let id = text("/lead_id");
                self.promise(request, |_| Promise::Queued(id.clone()));
            }
            (Way::Json | Way::Ndjson, 202) => self.note_submission(request, answer),
            (Way::Sync | Way::Async, 400) => {
                assert!(!request.leads[0].is_valid(), "{answer}");
                self.promise(request, |_| Promise::Never);
            }
            (Way::Json | Way::Ndjson, 400) => {
                assert!(!request.leads.iter().any(Sent::is_valid), "{answer}");
                self.promise(request, |_| Promise::Never);
            }
            (Way::Sync, 409) if text("/type") == "/problems/duplicate-lead" => {
                assert!(request.key.is_none(), "{answer} for an address of its own");
                self.promise(request, |_| Promise::Never);
            }
            (_, 409) if text("/type") == "/problems/request-running" => self.unanswered(request),
            (_, 503) => self.unanswered(request),
            _ => panic!("{status} {answer}"),
        }
    }

    fn note_submission(&self, request: Request, answer: &Value) {
        let id = answer["processing_id"].as_str().unwrap().to_owned();
        let accepted = request.leads.iter().filter(|it| it.is_valid()).count();
        let rejected = request.leads.len() - accepted;
        assert_eq!(answer["details"]["accepted"], accepted, "{answer}");
        assert_eq!(answer["details"]["rejected"], rejected, "{answer}");
        self.ledger.lock().unwrap().submissions.push(Submission {
            id: id.clone(),
            accepted,
            rejected,
        });
        self.promise(request, |it| {
            if it.is_valid() {
                Promise::Row(id.clone())
            } else {
                Promise::Never
            }
        });
    }
}
