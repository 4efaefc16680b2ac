//! P4: one lead a request, stored before it is answered.

use crate::Failure;
use crate::leads;
use crate::raw::mysql::{self, Rows};
use crate::report::{Measure, Plot, Row, median};
use crate::rig::Rig;
use crate::scale::Scale;
use crate::system::System;

const DATABASE: &str = "skynet_p4";
const RAW: &str = "skynet_raw";
const CLIENTS: usize = 64;
/// Leads before the clock starts.
const WARM_UP: u64 = 200;
/// Leads of one client in a round.
const ALONE: u64 = 2_000;
/// Requests of which follows how many a round of all clients takes.
const TRIAL: u64 = 5_000;
/// The target for the median beside that of a bare commit, and for the rate.
const TIMES_BARE: f64 = 1.5;
const RATE: f64 = 4_000.0;

/// Measures the system and commits of single rows in turns.
pub(crate) async fn run(rig: &Rig, scale: &Scale) -> Result<Measure, Failure> {
    let title =
        format!("one lead a request, stored; bare commits of a row; then {CLIENTS} clients");
    let mut measure = Measure::new("P4", title);
    let mut latencies = Plot::latencies("P4: a sync request of one client");
    let (mut times_bare, mut rates) = (Vec::new(), Vec::new());
    for round in 1..=scale.rounds {
        let mut system = System::fresh(rig, DATABASE).await?;
        let seed = u64::from(round) * 10;
        let mut send = async |count: u64, seed: u64, clients: usize| {
            let requests = leads::single_requests(leads::SYNC, count, seed, &system.token)?;
            system.fed(system.feed(&requests, 1, clients)).await
        };
        send(WARM_UP, seed, 1).await?;
        let (alone, alone_balance) = send(ALONE, seed + 1, 1).await?;
        let rows = Rows::read(rig, DATABASE).await?;
        mysql::prepare(rig, RAW, DATABASE).await?;
        let bare = mysql::commit_each(rig, RAW, &rows).await?;
        rig.drop(RAW).await?;
        let (trial, _) = send(TRIAL, seed + 2, CLIENTS).await?;
        let count = (trial.rate() * scale.round.as_secs_f64() / 2.0) as u64;
        let (together, together_balance) = send(count, seed + 3, CLIENTS).await?;
        system.stop().await;
        rig.drop(DATABASE).await?;

        let p50 = |it: &Option<crate::latency::Latency>| it.as_ref().map_or(f64::NAN, |it| it.p50);
        times_bare.push(p50(&alone.latency) / p50(&bare.latency));
        rates.push(together.rate());
        for (name, latency) in [("system", &alone.latency), ("bare commit", &bare.latency)] {
            if let Some(latency) = latency {
                latencies.line(format!("{name} {round}"), latency.distribution.clone());
            }
        }
        let row = Row::of_fed(format!("1 client {round}"), &alone, alone_balance);
        measure.rows.push(row);
        measure.rows.push(bare.row(format!("bare commit {round}")));
        let row = Row::of_fed(
            format!("{CLIENTS} clients {round}"),
            &together,
            together_balance,
        );
        measure.rows.push(row);
    }
    measure.at_most(
        "p50 of one client / p50 of a bare commit, median",
        median(times_bare),
        TIMES_BARE,
    );
    measure.at_least(
        format!("requests of {CLIENTS} clients a second, median"),
        median(rates),
        RATE,
    );
    measure.plots.push(latencies);
    Ok(measure)
}
