//! Clients that send leads in every way there is, and write down what they are promised.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::Value;
use tokio::task::JoinSet;

use super::api::Api;
use super::chance::Chance;
use super::ledger::{Ledger, Promise, Submission};
use super::sent::{Flaw, Sent};

/// A key whose request died with the server may be held for so long, and a little more.
const CLAIMS_END: Duration = Duration::from_secs(90);
/// By when a running server has answered some requests.
const ANSWERS_BY: Duration = Duration::from_mins(1);
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How long a client rests that got no answer, or was told to come again.
const REST: Duration = Duration::from_millis(50);

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

/// What became of requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// Answered for good.
    pub answered: usize,
    /// Answered 503.
    pub unavailable: usize,
    /// Nobody took the connection.
    pub refused: usize,
    /// The connection broke, or no answer came.
    pub broken: usize,
}

/// Clients on one or more APIs of one system.
pub struct Load {
    shared: Arc<Shared>,
    clients: JoinSet<()>,
}

struct Shared {
    name: String,
    apis: Vec<Api>,
    is_over: AtomicBool,
    answers: Mutex<Answers>,
    numbers: AtomicUsize,
    ledger: Mutex<Ledger>,
    /// Keyed requests without an answer.
    again: Mutex<Vec<Request>>,
}

impl Load {
    /// Sets so many clients on APIs. `name` is one word that no other load on the system has; all
    /// tags, addresses and keys begin with it.
    pub fn start(name: &str, apis: Vec<Api>, clients: usize, seed: u64) -> Self {
        let ledger = Ledger {
            name: name.to_owned(),
            ..Ledger::default()
        };
        let shared = Arc::new(Shared {
            name: name.to_owned(),
            apis,
            is_over: AtomicBool::new(false),
            answers: Mutex::default(),
            numbers: AtomicUsize::default(),
            ledger: Mutex::new(ledger),
            again: Mutex::default(),
        });
        let mut load = Self {
            shared,
            clients: JoinSet::new(),
        };
        for client in 0..clients {
            let shared = Arc::clone(&load.shared);
            let chance = Chance::new(seed ^ (client as u64 + 1) << 32);
            load.clients
                .spawn(async move { shared.run(client, chance).await });
        }
        load
    }

    /// What became of requests so far.
    pub fn answers(&self) -> Answers {
        *self.shared.answers.lock().unwrap()
    }

    /// Waits until so many more requests were answered for good.
    pub async fn answered(&self, more: usize) {
        let until = self.answers().answered + more;
        let give_up_at = Instant::now() + ANSWERS_BY;
        while self.answers().answered < until {
            assert!(Instant::now() < give_up_at, "the server answers nobody");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Ends the load, sends again what has a key and no answer, and gives the ledger.
    pub async fn finish(mut self) -> Ledger {
        self.shared.is_over.store(true, Ordering::SeqCst);
        while let Some(ended) = self.clients.join_next().await {
            ended.unwrap();
        }
        let started = Instant::now();
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
                self.shared.send(0, request).await;
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

    async fn run(&self, client: usize, mut chance: Chance) {
        let mut at = client;
        while !self.is_over.load(Ordering::SeqCst) {
            let old = if chance.one_in(4) {
                self.oldest()
            } else {
                None
            };
            let request = old.unwrap_or_else(|| self.request(&mut chance));
            if !self.send(at, request).await {
                // The next one may do better.
                at += 1;
                tokio::time::sleep(REST).await;
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
        let key = chance
            .one_in(2)
            .then(|| format!("{} key {number}", self.name));
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
        let name = &self.name;
        let email = format!("{name}-Lead{number}@Example.com");
        Sent::new(format!("{name} {number}"), email, Flaw::None, chance)
    }

    fn lead(&self, chance: &mut Chance, way: Way, twins: bool) -> Sent {
        let fresh = self.valid(chance);
        let mut email = fresh.email.clone();
        if !twins {
            email = format!("own-{email}");
        } else if chance.one_in(15) {
            let other = chance.below(self.numbers.load(Ordering::SeqCst));
            email = format!("{}-LEAD{other}@example.com", self.name);
        }
        let flaw = match chance.below(40) {
            0 => Flaw::NoEmail,
            1 => Flaw::BadPhone,
            2 if way == Way::Ndjson => Flaw::NotJson,
            _ => Flaw::None,
        };
        Sent::new(fresh.tag, email, flaw, chance)
    }

    /// Sends a request and writes down what came of it; says whether it was answered for good.
    async fn send(&self, at: usize, request: Request) -> bool {
        let api = &self.apis[at % self.apis.len()];
        match answer(api, &request).await {
            Ok((StatusCode::SERVICE_UNAVAILABLE, answer)) => {
                assert_eq!(answer["success"], false, "{answer}");
                self.count(|it| &mut it.unavailable);
                self.unanswered(request);
                false
            }
            Ok((status, answer)) => {
                self.note(request, status, &answer);
                self.count(|it| &mut it.answered);
                true
            }
            Err(error) => {
                if error.is_connect() {
                    self.count(|it| &mut it.refused);
                } else {
                    self.count(|it| &mut it.broken);
                }
                self.unanswered(request);
                false
            }
        }
    }

    fn count(&self, of: impl FnOnce(&mut Answers) -> &mut usize) {
        *of(&mut self.answers.lock().unwrap()) += 1;
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

/// What an API answers to a request; 503 comes with a time to wait.
async fn answer(api: &Api, request: &Request) -> Result<(StatusCode, Value), reqwest::Error> {
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
    let mut post = api.request(Method::POST, &format!("/api/v1/{path}"));
    if let Some(key) = &request.key {
        post = post.header("Idempotency-Key", key);
    }
    let kind = reqwest::header::HeaderValue::from_static(kind);
    let mut post = post.body(body).build()?;
    post.headers_mut()
        .insert(reqwest::header::CONTENT_TYPE, kind);
    let answer = api.execute(post).await?;
    let status = answer.status();
    let may_come_again = answer.headers().contains_key("Retry-After");
    let text = answer.text().await?;
    assert!(
        status != StatusCode::SERVICE_UNAVAILABLE || may_come_again,
        "503 without Retry-After: {text}"
    );
    Ok((status, serde_json::from_str(&text).unwrap()))
}
