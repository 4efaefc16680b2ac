//! One API and one worker, with default settings, over the servers of a run.

use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::time::sleep;

use crate::Failure;
use crate::counter::Counter;
use crate::feed::{Fed, Feed};
use crate::http::{self, Connection};
use crate::leads;
use crate::proc::{Role, Watched};
use crate::programs::Program;
use crate::rig::Rig;

/// Leads that may be accepted and not yet stored: less than a second's.
const BACKLOG_MAX: u64 = 20_000;

/// How long a search may take to know of a lead, and how often it is asked.
const SEARCH_LAG_MAX: Duration = Duration::from_secs(30);
const SEARCH_EVERY: Duration = Duration::from_millis(50);

/// A running system.
pub(crate) struct System {
    pub(crate) api: Program,
    pub(crate) worker: Program,
    pub(crate) token: String,
    pub(crate) counter: Counter,
    pub(crate) watched: Watched,
}

/// What was accepted beside what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Balance {
    pub(crate) accepted: u64,
    pub(crate) duplicate: u64,
    /// Rows counted one by one.
    pub(crate) stored: u64,
    /// Leads by the counters.
    pub(crate) counted: u64,
    pub(crate) parked: u64,
    pub(crate) queued: u64,
}

impl Balance {
    pub(crate) fn is_even(self) -> bool {
        self.stored == self.accepted - self.duplicate
            && self.counted == self.stored
            && self.parked == 0
            && self.queued == 0
    }

    /// The balance, if it is even.
    pub(crate) fn checked(self) -> Result<Self, Failure> {
        if self.is_even() {
            return Ok(self);
        }
        Err(format!("a rate without its balance is none: {self:?}").into())
    }
}

impl System {
    /// Starts one on a database, and waits until it is ready.
    pub(crate) async fn start(rig: &Rig, database: &str) -> Result<Self, Failure> {
        let settings = rig.settings(database);
        let folder = rig.folder().join(database);
        let mut api = Program::start("skynet-api", &[], &folder, &settings)?;
        let worker = ["--queues", "leads"];
        let mut worker = Program::start("skynet-worker", &worker, &folder, &settings)?;
        api.ready().await?;
        worker.written("skynet-worker is ready").await?;
        let mut processes = vec![
            (Role::Api, api.process.id()),
            (Role::Worker, worker.process.id()),
        ];
        processes.extend(rig.processes());
        Ok(Self {
            token: sign_in(api.address).await?,
            api,
            worker,
            counter: rig.counter(database).await?,
            watched: Watched::new(processes),
        })
    }

    /// Starts one on an empty database.
    pub(crate) async fn fresh(rig: &Rig, database: &str) -> Result<Self, Failure> {
        rig.fresh(database).await?;
        Self::start(rig, database).await
    }

    /// What a feed to its API needs beside the requests.
    pub(crate) fn feed<'a>(
        &self,
        requests: &'a [bytes::Bytes],
        leads_a_request: u64,
        connections: usize,
    ) -> Feed<'a> {
        Feed {
            address: self.api.address,
            requests,
            leads_a_request,
            connections,
            backlog_max: BACKLOG_MAX,
            pace: None,
        }
    }

    /// Sends requests until all their leads are stored and a search finds the last of them, and
    /// checks the balance.
    pub(crate) async fn fed(&mut self, feed: Feed<'_>) -> Result<(Fed, Balance), Failure> {
        let (before, _) = self.counter.rows().await?;
        let mut fed = feed.run(&mut self.counter, &self.watched).await?;
        let last = feed.requests.last().and_then(|it| leads::last_email(it));
        fed.stored += self.search_lag(&last.ok_or("nothing was sent")?).await?;
        let balance = self.balance(&fed, before).await?.checked()?;
        Ok((fed, balance))
    }

    /// Compares what a feed was promised with what is there more than `before`.
    async fn balance(&mut self, fed: &Fed, before: u64) -> Result<Balance, Failure> {
        let (rows, parked) = self.counter.rows().await?;
        let counted = self.counter.kept().await?.stored;
        Ok(Balance {
            accepted: fed.accepted,
            duplicate: fed.duplicate,
            stored: rows - before,
            counted: counted - before,
            parked,
            queued: self.queued().await?,
        })
    }

    /// Messages that wait, in all queues.
    pub(crate) async fn queued(&self) -> Result<u64, Failure> {
        let answer = self.get("/api/v1/queue").await?;
        let queues = answer["data"]["queues"].as_array();
        let queues = queues.ok_or("the API tells no queues")?;
        Ok(queues.iter().filter_map(|it| it["ready"].as_u64()).sum())
    }

    /// Reads something that is there.
    pub(crate) async fn get(&self, path: &str) -> Result<serde_json::Value, Failure> {
        let mut connection = Connection::new(self.api.address);
        let request = http::get(path, &self.token);
        let answer = connection.exchange(&request).await?;
        if answer.status != 200 {
            return Err(format!("GET {path}: {}", answer.status).into());
        }
        Ok(serde_json::from_slice(answer.body)?)
    }

    /// How much later than now a search is asked that finds a lead by its address.
    async fn search_lag(&self, email: &str) -> Result<Duration, Failure> {
        let began = Instant::now();
        loop {
            let lag = began.elapsed();
            let answer = self.get(&format!("/api/v1/leads?search={email}")).await?;
            if answer["data"].as_array().is_some_and(|it| !it.is_empty()) {
                return Ok(lag);
            }
            if lag > SEARCH_LAG_MAX {
                return Err("a search does not find what is stored".into());
            }
            sleep(SEARCH_EVERY).await;
        }
    }

    /// Asks both to end, and waits until they did.
    pub(crate) async fn stop(mut self) {
        for program in [&mut self.worker, &mut self.api] {
            program.process.terminate(test_rig::PATIENCE).await;
        }
    }
}

/// A token of the administrator that a first start makes.
pub(crate) async fn sign_in(address: std::net::SocketAddr) -> Result<String, Failure> {
    let body = br#"{"username":"admin","password":"password"}"#;
    let request = http::post("/api/v1/login", "", body);
    let mut connection = Connection::new(address);
    let answer = connection.exchange(&request).await?;
    let answer: serde_json::Value = serde_json::from_slice(answer.body)?;
    let token = answer["user"]["token"].as_str();
    Ok(token.ok_or("the API gives no token")?.to_owned())
}
