//! P1: bulks over HTTP, through the queue and the worker, until they are committed.

use super::Known;
use crate::Failure;
use crate::feed::Fed;
use crate::leads;
use crate::raw::mysql::{self, Rows, Shape};
use crate::report::{Measure, Plot, Row, median};
use crate::rig::Rig;
use crate::scale::Scale;
use crate::system::{Balance, System};

const DATABASE: &str = "skynet_p1";
const RAW: &str = "skynet_raw";
/// Leads of a request.
pub(crate) const BULK: usize = 100;
const CONNECTIONS: usize = 16;
/// Leads that are not measured: of their rate follows how many a round takes.
const TRIAL: u64 = 50_000;
/// Leads before the clock of a round starts: they make connections and the names of attributes.
const WARM_UP: u64 = 5_000;
/// The target for the ratio to raw inserts, and for the rate.
const RATIO: f64 = 0.70;
const RATE: f64 = 25_000.0;

/// Measures the system and the raw database in turns.
pub(crate) async fn run(rig: &Rig, scale: &Scale, known: &mut Known) -> Result<Measure, Failure> {
    let title = format!(
        "bulks of {BULK} over HTTP, RabbitMQ and worker until committed, beside raw inserts of the rows"
    );
    let mut measure = Measure::new("P1", title);
    let mut system = System::fresh(rig, DATABASE).await?;
    let (trial, _) = push(&mut system, TRIAL, 1).await?;
    system.stop().await;
    let shape = best_shape(rig, &mut measure).await?;

    let mut over_time = Plot::rates("P1: leads stored a second");
    let mut latencies = Plot::latencies("P1: a bulk request");
    let (mut rates, mut ratios) = (Vec::new(), Vec::new());
    for round in 1..=scale.rounds {
        let mut system = System::fresh(rig, DATABASE).await?;
        let seed = u64::from(round) * 10;
        push(&mut system, WARM_UP, seed).await?;
        let expected = rates.last().copied().unwrap_or(trial.rate());
        let leads = whole_bulks(expected * scale.round.as_secs_f64());
        let (fed, balance) = push(&mut system, leads, seed + 1).await?;
        system.stop().await;

        let mut rows = Rows::read(rig, DATABASE).await?;
        rows.truncate(usize::try_from(leads)?);
        mysql::prepare(rig, RAW, DATABASE).await?;
        // With it go the pages that it would still have to write.
        rig.drop(DATABASE).await?;
        let raw = mysql::insert(rig, RAW, &rows, shape).await?;
        rig.drop(RAW).await?;

        over_time.line(format!("round {round}"), fed.rates.clone());
        if let Some(latency) = &fed.latency {
            latencies.line(format!("round {round}"), latency.distribution.clone());
        }
        let ratio = fed.rate() / raw.rate();
        let row = Row::of_fed(format!("system {round}"), &fed, balance);
        measure.rows.push(row.ratio(ratio));
        let row = Row::new(format!("raw {round}")).rate(raw.rate());
        measure.rows.push(row.cpu(&raw.cpu, raw.rows));
        rates.push(fed.rate());
        ratios.push(ratio);
    }
    known.bulk_rate = rates.iter().copied().reduce(f64::max);
    measure.at_least("ratio to raw inserts, median", median(ratios), RATIO);
    measure.at_least("leads a second, median", median(rates), RATE);
    measure.plots = vec![over_time, latencies];
    Ok(measure)
}

/// Sends leads in bulks until they are stored.
pub(crate) async fn push(
    system: &mut System,
    leads: u64,
    seed: u64,
) -> Result<(Fed, Balance), Failure> {
    let requests = leads::bulk_requests(leads, BULK, seed, &system.token)?;
    let feed = system.feed(&requests, BULK as u64, CONNECTIONS);
    system.fed(feed).await
}

/// So many leads that every request is full.
pub(crate) fn whole_bulks(leads: f64) -> u64 {
    let bulk = BULK as u64;
    (leads as u64 / bulk).max(1) * bulk
}

/// Tries each kind of statement on the rows of the trial, and takes the fastest.
async fn best_shape(rig: &Rig, measure: &mut Measure) -> Result<Shape, Failure> {
    let rows = Rows::read(rig, DATABASE).await?;
    let mut best: Option<(f64, Shape)> = None;
    let mut tried = Vec::new();
    for shape in Shape::ALL {
        mysql::prepare(rig, RAW, DATABASE).await?;
        let rate = mysql::insert(rig, RAW, &rows, shape).await?.rate();
        tried.push(format!("{} {rate:.0}/s", shape.name()));
        if best.is_none_or(|it| it.0 < rate) {
            best = Some((rate, shape));
        }
    }
    let (_, shape) = best.ok_or("no statement was tried")?;
    let tried = tried.join("; ");
    measure.notes.push(format!(
        "raw statements tried over 2 connections: {tried}; the rounds use {}",
        shape.name()
    ));
    Ok(shape)
}
