//! P3: one lead a request, queued at once, stored behind.

use crate::Failure;
use crate::leads;
use crate::proc::{Role, Watched};
use crate::raw::handler::Handler;
use crate::raw::publish::publish;
use crate::report::{Measure, Plot, Row, median};
use crate::rig::Rig;
use crate::scale::Scale;
use crate::system::System;
use crate::volley::Volley;

const DATABASE: &str = "skynet_p3";
const CONNECTIONS: usize = 64;
/// Requests of which follows how many a round takes.
const TRIAL: u64 = 10_000;
/// The target for the rate, and for the 99th percentile in ms.
const RATE: f64 = 12_000.0;
const P99_MS: f64 = 20.0;

/// Measures the system, a handler that does nothing, and publishing alone, in turns.
pub(crate) async fn run(rig: &Rig, scale: &Scale) -> Result<Measure, Failure> {
    let title = format!(
        "one lead a request, queued, {CONNECTIONS} connections; a bare handler; a bare confirmed publish"
    );
    let mut measure = Measure::new("P3", title);
    let mut latencies = Plot::latencies("P3: an async request");
    let (mut rates, mut tails) = (Vec::new(), Vec::new());
    let mut expected = None;
    for round in 1..=scale.rounds {
        let mut system = System::fresh(rig, DATABASE).await?;
        let seed = u64::from(round) * 10;
        let trial = leads::single_requests(leads::ASYNC, TRIAL, seed, &system.token)?;
        let (fed, _) = system.fed(system.feed(&trial, 1, CONNECTIONS)).await?;
        let expected = *expected.get_or_insert(fed.rate());
        let count = (expected * scale.round.as_secs_f64()) as u64;
        let requests = leads::single_requests(leads::ASYNC, count, seed + 1, &system.token)?;
        let (fed, balance) = system.fed(system.feed(&requests, 1, CONNECTIONS)).await?;
        system.stop().await;
        rig.drop(DATABASE).await?;

        let handler = Handler::start(rig.cache_address(), &rig.folder().join("bare.log")).await?;
        let watched = Watched::new(vec![(Role::Handler, handler.process.id())]);
        let volley = Volley {
            address: handler.address,
            requests: &requests,
            connections: CONNECTIONS,
            time: scale.limit,
            status: 202,
            pace: None,
        };
        let bare = volley.run(&watched).await?;
        drop(handler);
        let bodies = leads::bodies(TRIAL, seed)?;
        let published = publish(rig, &bodies, CONNECTIONS, scale.limit).await?;

        let p99 = fed.latency.as_ref().map_or(f64::NAN, |it| it.p99);
        if let Some(latency) = &fed.latency {
            latencies.line(format!("round {round}"), latency.distribution.clone());
        }
        let row = Row::of_fed(format!("system {round}"), &fed, balance);
        measure.rows.push(row.ratio(fed.rate() / published.rate()));
        measure.rows.push(bare.row(format!("bare handler {round}")));
        let row = published.row(format!("bare publish {round}"));
        measure.rows.push(row);
        rates.push(fed.rate());
        tails.push(p99);
    }
    measure.notes.push(
        "ratio is to the bare publish; a rate counts until the last lead is stored".to_owned(),
    );
    measure.at_least(
        "requests accepted and stored a second, median",
        median(rates),
        RATE,
    );
    measure.at_most("p99 in ms, median", median(tails), P99_MS);
    measure.plots.push(latencies);
    Ok(measure)
}
