//! P5: reads that the cache answers, beside a handler that only asks the cache.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

use super::{Known, p1};
use crate::Failure;
use crate::feed::Feed;
use crate::http::{self, Connection};
use crate::leads;
use crate::proc::{Role, Watched};
use crate::raw::handler::{Handler, PAGE, PAGE_BY_HAND, PAGE_KEY};
use crate::redis::Redis;
use crate::report::{Measure, Plot, Row, median};
use crate::rig::Rig;
use crate::scale::Scale;
use crate::system::System;
use crate::volley::Volley;

const DATABASE: &str = "skynet_p5";
const CONNECTIONS: usize = 16;
/// Leads in the store.
const LEADS: u64 = 20_000;
const LIST: &str = "/api/v1/leads?page=1&limit=20";
/// Reads that leave room for leads that come in meanwhile: this share of what an idle system answers.
const CALM: f64 = 0.25;
/// The target for the ratio to the bare handler, and for the 99th percentile in ms.
const RATIO: f64 = 0.8;
const P99_MS: f64 = 5.0;

/// Measures the system and the bare handler in turns; then the system while leads come in.
pub(crate) async fn run(rig: &Rig, scale: &Scale, known: &Known) -> Result<Measure, Failure> {
    let title = format!(
        "cached reads, {CONNECTIONS} connections, beside a bare handler that asks Redis for the bytes"
    );
    let mut measure = Measure::new("P5", title);
    let mut system = System::fresh(rig, DATABASE).await?;
    let (filled, _) = p1::push(&mut system, LEADS, 1).await?;
    let list = system.get(LIST).await?;
    let id = list["data"][0]["id"].as_str().ok_or("the list is empty")?;
    let reads = [
        ("list", LIST.to_owned()),
        ("lead", format!("/api/v1/leads/{id}")),
    ];
    let mut rates = Vec::new();
    for (name, path) in &reads {
        rates.push(idle(rig, scale, &system, (name, path), &mut measure).await?);
    }
    let half = known.bulk_rate.unwrap_or_else(|| filled.rate()) / 2.0;
    let paces = rates.into_iter().flat_map(|it| [None, Some(it * CALM)]);
    let reads = reads.iter().flat_map(|it| [it, it]);
    for (seed, ((name, path), pace)) in (2..).zip(reads.zip(paces)) {
        let reads = Reads { name, path, pace };
        busy(rig, scale, &mut system, &reads, half, seed, &mut measure).await?;
    }
    system.stop().await;
    rig.drop(DATABASE).await?;
    Ok(measure)
}

/// What is read while leads come in.
struct Reads<'a> {
    name: &'a str,
    path: &'a str,
    /// Reads a second at most; as many as are answered where it is none.
    pace: Option<f64>,
}

/// Reads while nothing else happens. Returns how many were answered a second.
async fn idle(
    rig: &Rig,
    scale: &Scale,
    system: &System,
    (name, path): (&str, &str),
    measure: &mut Measure,
) -> Result<f64, Failure> {
    let request = [Bytes::from(http::get(path, &system.token))];
    let bytes = body_of(system.api.address, &request[0]).await?;
    let mut cache = Redis::connect(rig.cache_address()).await?;
    cache.ask(&[b"SET", PAGE_KEY, &bytes]).await?;
    let handler = Handler::start(rig.cache_address(), &rig.folder().join("bare.log")).await?;
    let mut processes = rig.processes();
    processes.push((Role::Handler, handler.process.id()));
    let handler_watched = Watched::new(processes);
    let page = [Bytes::from(http::get(PAGE, ""))];
    let by_hand = [Bytes::from(http::get(PAGE_BY_HAND, ""))];

    measure.notes.push(format!(
        "{name}: ratios are of the API to the bare handler with the client library, and with one question by hand"
    ));
    let mut latencies = Plot::latencies(format!("P5: cached {name}"));
    let (mut ratios, mut tails, mut rates) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=scale.rounds {
        let before = Hits::read(&mut cache).await?;
        let answering = Volley {
            requests: &request,
            ..volley(system.api.address, scale.limit)
        };
        let read = answering.run(&system.watched).await?;
        let hits = Hits::read(&mut cache).await?.since(before);
        let bare = Volley {
            requests: &page,
            ..volley(handler.address, scale.limit)
        };
        let least = Volley {
            requests: &by_hand,
            ..bare
        };
        let bare = bare.run(&handler_watched).await?;
        let least = least.run(&handler_watched).await?;
        let ratio = read.rate() / bare.rate();
        let row = read.row(format!("{name} {round}, {hits}"));
        measure.rows.push(row.ratio(ratio));
        let row = bare.row(format!("bare, {} bytes {round}", bytes.len()));
        measure.rows.push(row);
        let row = least.row(format!("  no client library {round}"));
        measure.rows.push(row.ratio(least.rate() / bare.rate()));
        ratios.push(ratio);
        rates.push(read.rate());
        tails.push(read.p99());
        if let Some(latency) = read.latency {
            latencies.line(format!("round {round}"), latency.distribution);
        }
    }
    let what = format!("{name}: ratio to the bare handler, median");
    measure.at_least(what, median(ratios), RATIO);
    measure.at_most(format!("{name}: p99 in ms, median"), median(tails), P99_MS);
    measure.plots.push(latencies);
    Ok(median(rates))
}

/// Reads while leads come in at half the rate that the system can store.
async fn busy(
    rig: &Rig,
    scale: &Scale,
    system: &mut System,
    reads: &Reads<'_>,
    rate: f64,
    seed: u64,
    measure: &mut Measure,
) -> Result<(), Failure> {
    let &Reads { name, path, pace } = reads;
    let request = [Bytes::from(http::get(path, &system.token))];
    let leads = p1::whole_bulks(rate * scale.limit.as_secs_f64());
    let bulks = leads::bulk_requests(leads, p1::BULK, seed, &system.token)?;
    let (address, watched) = (system.api.address, system.watched.clone());
    let feed = Feed {
        pace: Some(rate),
        ..system.feed(&bulks, p1::BULK as u64, CONNECTIONS)
    };
    let mut cache = Redis::connect(rig.cache_address()).await?;
    let before = Hits::read(&mut cache).await?;
    let reading = Volley {
        requests: &request,
        pace,
        ..volley(address, scale.limit)
    };
    let reading = reading.run(&watched);
    let (answered, (fed, balance)) = tokio::try_join!(reading, system.fed(feed))?;
    let hits = Hits::read(&mut cache).await?.since(before);
    let calm = if pace.is_some() { ", calm" } else { "" };
    let row = answered.row(format!("{name} at half rate{calm}, {hits}"));
    measure.rows.push(row);
    let row = Row::of_fed("  its leads, and all processes", &fed, balance);
    measure.rows.push(row);
    let few = pace.map_or(String::new(), |_| {
        format!(", {CALM} of the idle rate is read")
    });
    let what = format!("{name}: p99 in ms while leads come at half rate{few}");
    measure.at_most(what, answered.p99(), P99_MS);
    Ok(())
}

fn volley<'a>(address: SocketAddr, time: Duration) -> Volley<'a> {
    Volley {
        address,
        requests: &[],
        connections: CONNECTIONS,
        time,
        status: 200,
        pace: None,
    }
}

async fn body_of(address: SocketAddr, request: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut connection = Connection::new(address);
    Ok(connection.exchange(request).await?.body.to_vec())
}

/// Keys that were looked up in the cache, and those that were there.
#[derive(Clone, Copy)]
struct Hits {
    hits: u64,
    misses: u64,
}

impl Hits {
    async fn read(cache: &mut Redis) -> Result<Self, Failure> {
        let about = cache.ask(&[b"INFO", b"stats"]).await?;
        let about = String::from_utf8_lossy(about);
        let number = |name: &str| -> Result<u64, Failure> {
            let told = about.lines().find_map(|it| it.strip_prefix(name));
            Ok(told.ok_or("the cache tells no hits")?.trim().parse()?)
        };
        Ok(Self {
            hits: number("keyspace_hits:")?,
            misses: number("keyspace_misses:")?,
        })
    }

    fn since(self, before: Self) -> Self {
        Self {
            hits: self.hits - before.hits,
            misses: self.misses - before.misses,
        }
    }
}

impl fmt::Display for Hits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = (self.hits + self.misses).max(1) as f64;
        write!(f, "hits {:.2} %", self.hits as f64 / all * 100.0)
    }
}
