//! P6: reads of a store that holds many leads, with the cache cold, and kept.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::filled::Filled;
use crate::Failure;
use crate::http::{self, Connection};
use crate::latency::Latency;
use crate::report::{Measure, Plot, Row};
use crate::rig::Rig;
use crate::scale::Scale;
use crate::system::System;

const DATABASE: &str = "skynet_read";
/// Questions of a kind.
const QUESTIONS: usize = 100;
/// Leads of a page on the way down, the most that a page may have.
const PAGE: u64 = 100;
/// The longest that questions of one kind may take; then those count that were answered.
const KIND_MAX: Duration = Duration::from_mins(1);
/// Leads of which follows what is searched for: one of each so many pages.
const SAMPLE_EVERY: usize = 7;
/// Letters of a text that is searched for.
const SEARCHED_MIN: usize = 3;
const SEARCHED_MAX: usize = 12;
/// Targets, in ms.
const P95_MS: f64 = 20.0;
const SEARCH_P95_MS: f64 = 50.0;

/// Asks one question after the other, of a store of each size.
pub(crate) async fn run(rig: &Rig, scale: &Scale) -> Result<Measure, Failure> {
    let mut measure = Measure::new("P6", "reads of many leads, one after the other");
    let mut filled = Filled::start(rig, DATABASE).await?;
    for (at, &size) in scale.sizes.iter().enumerate() {
        filled.fill(size).await?;
        let held = filled.leads().await?;
        let reads = Reads::of(&filled.system, held.min(scale.depth)).await?;
        reads.tell(&mut measure, held, at == 0);
    }
    filled.system.stop().await;
    Ok(measure)
}

/// What is asked: its name, the target, and the questions.
struct Kind {
    name: &'static str,
    p95_ms: f64,
    questions: Vec<String>,
}

impl Kind {
    fn all(sample: &[Value]) -> [Self; 5] {
        let each = |name: &str, part: fn(&str) -> Option<String>, parameter: &str| {
            let parts = sample.iter().filter_map(|it| part(it[name].as_str()?));
            let questions = parts.map(|it| format!("{parameter}={}", http::encoded(&it)));
            questions.collect::<Vec<_>>()
        };
        let whole = |it: &str| Some(it.to_owned());
        let statuses = ["active", "inactive", "converted", "invalid"];
        let of = |name, p95_ms, questions| Self {
            name,
            p95_ms,
            questions,
        };
        [
            of("first page", P95_MS, vec!["page=1&limit=20".to_owned()]),
            of(
                "filter by status",
                P95_MS,
                statuses.map(|it| format!("status={it}&limit=20")).to_vec(),
            ),
            of(
                "email, whole address",
                P95_MS,
                each("email", whole, "email"),
            ),
            of(
                "search, part of a name",
                SEARCH_P95_MS,
                each("lastName", inner, "search"),
            ),
            of(
                "search, part of an e-mail",
                SEARCH_P95_MS,
                each("email", unique, "search"),
            ),
        ]
    }
}

/// What reads of one store took.
struct Reads {
    walk: Walk,
    /// Each kind with the cache cold, and kept.
    kinds: Vec<(Kind, [Option<Latency>; 2])>,
}

impl Reads {
    async fn of(system: &System, depth: u64) -> Result<Self, Failure> {
        let mut reader = Reader::new(system);
        let walk = reader.walk(depth).await?;
        let mut kinds = Vec::new();
        for kind in Kind::all(&walk.sample) {
            let cold = reader.ask(&kind.questions, true).await?;
            let kept = reader.ask(&kind.questions, false).await?;
            kinds.push((kind, [cold, kept]));
        }
        Ok(Self { walk, kinds })
    }

    /// Adds rows of a store of so many leads; targets are of the first store.
    fn tell(self, measure: &mut Measure, held: u64, is_first: bool) {
        measure.notes.push(format!(
            "of {held} leads, pages of {PAGE} by cursor: p50 {:.2} ms of the first {QUESTIONS}, {} leads deep",
            self.walk.first.as_ref().map_or(f64::NAN, |it| it.p50),
            self.walk.depth
        ));
        let mut plot = Plot::latencies(format!("P6: reads of {held} leads with the cache cold"));
        let deep = ("page by cursor, deep", P95_MS, [self.walk.last, None]);
        let kinds = self.kinds.into_iter();
        let kinds = kinds.map(|(kind, times)| (kind.name, kind.p95_ms, times));
        for (name, bound, [cold, kept]) in std::iter::once(deep).chain(kinds) {
            if let Some(cold) = &cold {
                plot.line(name, cold.distribution.clone());
            }
            if is_first {
                let p95 = cold.as_ref().map_or(f64::NAN, |it| it.p95);
                measure.at_most(format!("{name}: p95 in ms"), p95, bound);
            }
            let cold = cold.map(|it| (format!("{held}: {name}"), it));
            let kept = kept.map(|it| (format!("{held}: {name}, kept"), it));
            for (what, latency) in cold.into_iter().chain(kept) {
                let row = Row::new(format!("{what} ({})", latency.count));
                measure.rows.push(row.latency(Some(latency)));
            }
        }
        measure.plots.push(plot);
    }
}

/// The middle of a name, where that is long enough to search for.
fn inner(name: &str) -> Option<String> {
    let letters: Vec<char> = name.chars().skip(1).take(SEARCHED_MAX).collect();
    (letters.len() >= SEARCHED_MIN).then(|| letters.iter().collect())
}

/// The end of the local part of an address, which no other address has.
fn unique(email: &str) -> Option<String> {
    let (local, _) = email.split_once('@')?;
    let from = local.len().saturating_sub(SEARCHED_MAX);
    local.get(from..).map(str::to_owned)
}

/// Somebody who reads lists over one connection.
struct Reader {
    connection: Connection,
    token: String,
}

/// What the way down through all pages took.
struct Walk {
    depth: u64,
    first: Option<Latency>,
    last: Option<Latency>,
    sample: Vec<Value>,
}

impl Reader {
    fn new(system: &System) -> Self {
        Self {
            connection: Connection::new(system.api.address),
            token: system.token.clone(),
        }
    }

    /// Reads page after page until so many leads have gone by.
    async fn walk(&mut self, depth: u64) -> Result<Walk, Failure> {
        let (mut times, mut sample, mut gone) = (Vec::new(), Vec::new(), 0);
        let mut path = format!("/api/v1/leads?limit={PAGE}");
        while gone < depth {
            let (answer, time) = self.timed(&path).await?;
            let leads = answer["data"].as_array().ok_or("a page holds no list")?;
            gone += leads.len() as u64;
            times.push(time);
            if sample.len() < QUESTIONS && times.len() % SAMPLE_EVERY == 0 {
                sample.extend(leads.first().cloned());
            }
            match answer["pagination"]["next_cursor"].as_str() {
                Some(next) => path = format!("/api/v1/leads?limit={PAGE}&cursor={next}"),
                None => break,
            }
        }
        let last = times.split_off(times.len().saturating_sub(QUESTIONS));
        times.truncate(QUESTIONS);
        Ok(Walk {
            depth: gone,
            first: Latency::of(times),
            last: Latency::of(last),
            sample,
        })
    }

    /// Asks questions in turns, each after the cache was emptied where it is to be cold, or else after it was
    /// asked before.
    async fn ask(&mut self, questions: &[String], cold: bool) -> Result<Option<Latency>, Failure> {
        let began = Instant::now();
        let mut times = Vec::new();
        for question in questions.iter().cycle().take(QUESTIONS) {
            if began.elapsed() > KIND_MAX {
                break;
            }
            let path = format!("/api/v1/leads?{question}");
            if cold {
                self.clear().await?;
            } else {
                self.timed(&path).await?;
            }
            let (answer, time) = self.timed(&path).await?;
            if answer["data"].as_array().is_none_or(Vec::is_empty) {
                return Err(format!("{question}: nothing is found").into());
            }
            times.push(time);
        }
        Ok(Latency::of(times))
    }

    async fn clear(&mut self) -> Result<(), Failure> {
        let request = http::post("/api/v1/cache/clear", &self.token, b"");
        let answer = self.connection.exchange(&request).await?;
        match answer.status {
            200 => Ok(()),
            status => Err(format!("the cache is not cleared: {status}").into()),
        }
    }

    async fn timed(&mut self, path: &str) -> Result<(Value, Duration), Failure> {
        let request = http::get(path, &self.token);
        let asked = Instant::now();
        let answer = self.connection.exchange(&request).await?;
        let time = asked.elapsed();
        if answer.status != 200 {
            let said = String::from_utf8_lossy(answer.body);
            return Err(format!("GET {path}: {} {said}", answer.status).into());
        }
        Ok((serde_json::from_slice(answer.body)?, time))
    }
}
