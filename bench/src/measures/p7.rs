//! P7: memory of API and worker, under load, under many connections, under one huge body.

use std::future::Future;
use std::io;
use std::time::Duration;

use tokio::net::TcpStream;

use super::p1;
use crate::Failure;
use crate::http::{self, Connection};
use crate::leads;
use crate::proc::{Memory, Role, Watched};
use crate::report::{Measure, Plot, Row};
use crate::rig::Rig;
use crate::scale::Scale;
use crate::system::System;

const DATABASE: &str = "skynet_p7";
/// Leads of which follows how many a round takes.
const TRIAL: u64 = 50_000;
/// Leads that are made at once for the huge body.
const PART: u64 = 10_000;
/// How often memory is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long a store may take for what is left of the body.
const STORED_MAX: Duration = Duration::from_mins(5);
/// How long memory is looked at once connections are open that say nothing: the server closes them soon.
const SETTLED: Duration = Duration::from_secs(1);
/// After how long memory is looked at once connections have been answered.
const AT_REST: Duration = Duration::from_secs(4);
/// Targets, in MiB.
const API_MIB: f64 = 64.0;
const WORKER_MIB: f64 = 96.0;
const MOVE_MIB: f64 = 32.0;

/// Measures memory; the processes stay the same ones all the time.
pub(crate) async fn run(rig: &Rig, scale: &Scale) -> Result<Measure, Failure> {
    let title = format!(
        "memory while bulks come in, with {} connections, and with a body of {} MiB",
        scale.idle_connections, scale.body_mib
    );
    let mut measure = Measure::new("P7", title);
    let mut system = System::fresh(rig, DATABASE).await?;
    let before = Held::now(&system.watched)?;
    measure.rows.push(before.row("just started"));

    let (trial, _) = p1::push(&mut system, TRIAL, 1).await?;
    let leads = p1::whole_bulks(trial.rate() * scale.round.as_secs_f64());
    let (fed, balance) = p1::push(&mut system, leads, 2).await?;
    let row = Row::of_fed("while bulks come in", &fed, balance);
    let held = |role| row.memory.iter().find(|it| it.0 == role);
    let most = |role| held(role).map_or(f64::NAN, |it| it.1.peak_mib);
    measure.at_most("API, MiB while bulks come in", most(Role::Api), API_MIB);
    measure.at_most(
        "worker, MiB while bulks come in",
        most(Role::Worker),
        WORKER_MIB,
    );
    measure.rows.push(row);

    let watched = system.watched.clone();
    let silent = silent(&system, scale.idle_connections).await?;
    let peak = most_within(&watched, SETTLED).await?;
    let what = format!("{} connections that say nothing", silent.len());
    measure.at_most(format!("API, MiB with {what}"), peak.api, API_MIB);
    measure.rows.push(peak.row(what));
    drop(silent);

    let open = connect(&system, scale.idle_connections).await?;
    let what = format!("{} connections that have been answered", open.len());
    let just = Held::now(&watched)?;
    measure.rows.push(just.row(format!("{what}, just now")));
    tokio::time::sleep(AT_REST).await;
    let held = Held::now(&watched)?;
    measure.at_most(format!("API, MiB with {what}"), held.api, API_MIB);
    measure.rows.push(held.row(what));
    drop(open);

    let before = Held::now(&system.watched)?;
    measure.rows.push(before.row("before the body"));
    let (accepted, seen) = watch(&watched, stream(&mut system, scale.body_mib)).await?;
    let most = seen.iter().fold(before, |most, it| most.max(it.1));
    measure
        .rows
        .push(most.row(format!("body of {accepted} leads")));
    measure.at_most(
        "API, MiB more with the body",
        most.api - before.api,
        MOVE_MIB,
    );
    measure.at_most(
        "worker, MiB more with the body",
        most.worker - before.worker,
        MOVE_MIB,
    );
    let mut plot = Plot {
        title: "P7: memory while one body comes in".to_owned(),
        across: "seconds",
        up: "MiB",
        lines: Vec::new(),
    };
    plot.line("API", seen.iter().map(|it| (it.0, it.1.api)).collect());
    plot.line(
        "worker",
        seen.iter().map(|it| (it.0, it.1.worker)).collect(),
    );
    measure.plots.push(plot);
    system.stop().await;
    rig.drop(DATABASE).await?;
    Ok(measure)
}

/// What API and worker hold, in MiB.
#[derive(Clone, Copy)]
struct Held {
    api: f64,
    worker: f64,
}

impl Held {
    fn now(watched: &Watched) -> Result<Self, Failure> {
        let now = |role| watched.memory(role).map(|it| it.now_mib);
        let gone = "a process has ended";
        Ok(Self {
            api: now(Role::Api).ok_or(gone)?,
            worker: now(Role::Worker).ok_or(gone)?,
        })
    }

    fn max(self, other: Self) -> Self {
        Self {
            api: self.api.max(other.api),
            worker: self.worker.max(other.worker),
        }
    }

    fn row(self, what: impl Into<String>) -> Row {
        let memory = |mib| Memory {
            now_mib: mib,
            peak_mib: mib,
        };
        let row = Row::new(what).memory(Role::Api, memory(self.api));
        row.memory(Role::Worker, memory(self.worker))
    }
}

/// Opens connections, on each of which one request is answered, and leaves them open.
async fn connect(system: &System, count: usize) -> Result<Vec<Connection>, Failure> {
    let request = http::get("/api/v1/health", "");
    let mut open = Vec::with_capacity(count);
    while open.len() < count {
        let mut connection = Connection::new(system.api.address);
        let answer = connection.exchange(&request).await;
        answer.map_err(|error| format!("connection {}: {error}", open.len() + 1))?;
        open.push(connection);
    }
    Ok(open)
}

/// Opens connections and says nothing on them. The server closes them when the head of a request is late.
async fn silent(system: &System, count: usize) -> Result<Vec<TcpStream>, Failure> {
    let mut open = Vec::with_capacity(count);
    while open.len() < count {
        let stream = TcpStream::connect(system.api.address).await;
        open.push(stream.map_err(|error| format!("connection {}: {error}", open.len() + 1))?);
    }
    Ok(open)
}

/// The most that is held within a time.
async fn most_within(watched: &Watched, time: Duration) -> Result<Held, Failure> {
    let wait = async {
        tokio::time::sleep(time).await;
        Ok(())
    };
    let ((), seen) = watch(watched, wait).await?;
    let now = Held::now(watched)?;
    Ok(seen.iter().fold(now, |most, it| most.max(it.1)))
}

/// Looks at memory, by seconds, until something is done.
async fn watch<T>(
    watched: &Watched,
    doing: impl Future<Output = Result<T, Failure>>,
) -> Result<(T, Vec<(f64, Held)>), Failure> {
    let began = std::time::Instant::now();
    let mut seen = Vec::new();
    let mut doing = std::pin::pin!(doing);
    loop {
        tokio::select! {
            done = &mut doing => return Ok((done?, seen)),
            () = tokio::time::sleep(LOOK_EVERY) => {
                seen.push((began.elapsed().as_secs_f64(), Held::now(watched)?));
            }
        }
    }
}

/// Sends one body of so many MiB, made on the way, and waits until its leads are stored.
async fn stream(system: &mut System, mib: u64) -> Result<u64, Failure> {
    let before = system.counter.kept().await?.settled();
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n",
        leads::BULK,
        system.token
    );
    let mut connection = Connection::new(system.api.address);
    connection.send(head.as_bytes()).await?;
    let (mut sent, mut seed) = (0, 1_000);
    while sent < mib * 1_024 * 1_024 {
        seed += 1;
        let part = tokio::task::spawn_blocking(move || leads::lines(PART, seed)).await??;
        sent += part.len() as u64;
        if let Err(error) = send_chunk(&mut connection, &part).await {
            let answer = connection.answer().await?;
            let said = String::from_utf8_lossy(answer.body);
            return Err(format!("after {sent} bytes: {error}, {said}").into());
        }
    }
    connection.send(b"0\r\n\r\n").await?;
    let answer = connection.answer().await?;
    if answer.status != 202 {
        return Err(String::from_utf8_lossy(answer.body).into_owned().into());
    }
    let answer: serde_json::Value = serde_json::from_slice(answer.body)?;
    let accepted = answer["details"]["accepted"].as_u64();
    let accepted = accepted.ok_or("the answer tells no number of accepted leads")?;
    let asked = std::time::Instant::now();
    while system.counter.kept().await?.settled() < before + accepted {
        if asked.elapsed() > STORED_MAX {
            return Err("the leads of the body are not stored".into());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(accepted)
}

async fn send_chunk(connection: &mut Connection, bytes: &[u8]) -> io::Result<()> {
    connection
        .send(format!("{:x}\r\n", bytes.len()).as_bytes())
        .await?;
    connection.send(bytes).await?;
    connection.send(b"\r\n").await
}
