//! P2: bulks into a store that holds many leads already.

use super::filled::Filled;
use super::{Known, p1};
use crate::Failure;
use crate::report::{Measure, Plot, Row, median};
use crate::rig::Rig;
use crate::scale::Scale;
use crate::system::System;

const DATABASE: &str = "skynet_filled";
const FRESH: &str = "skynet_p2";
/// The most leads of a round, so that its rounds start from about as many leads.
const ROUND_MAX: f64 = 300_000.0;
/// Leads of which follows the rate of an empty store, where that was not measured.
const TRIAL: u64 = 300_000;
/// Targets: leads in the store, and the share of the rate of an empty one.
const TARGETS: [(u64, f64); 2] = [(1_000_000, 0.85), (5_000_000, 0.75)];

/// Fills the store, and measures it at each size.
pub(crate) async fn run(rig: &Rig, scale: &Scale, known: &Known) -> Result<Measure, Failure> {
    let mut measure = Measure::new("P2", "as P1, into a store that holds many leads");
    let best = if let Some(rate) = known.bulk_rate {
        rate
    } else {
        let mut system = System::fresh(rig, FRESH).await?;
        let (fed, _) = p1::push(&mut system, TRIAL, 1).await?;
        system.stop().await;
        rig.drop(FRESH).await?;
        fed.rate()
    };
    measure.notes.push(format!(
        "ratio is to {best:.0} leads/s, the best of an empty store in this run"
    ));
    let mut filled = Filled::start(rig, DATABASE).await?;
    for &size in &scale.sizes {
        let held = filled.leads().await?;
        if held > size + size / 2 {
            let note = format!("{held} leads are kept: nothing to measure at {size}");
            measure.notes.push(note);
            continue;
        }
        filled.fill(size).await?;
        let (mut rates, mut expected) = (Vec::new(), best);
        for round in 1..=scale.rounds {
            let held = filled.leads().await?;
            let leads = p1::whole_bulks((expected * scale.round.as_secs_f64()).min(ROUND_MAX));
            let (fed, balance) = filled.push(leads).await?;
            expected = fed.rate();
            rates.push(fed.rate());
            let row = Row::of_fed(format!("from {held}, round {round}"), &fed, balance);
            measure.rows.push(row.ratio(fed.rate() / best));
        }
        let ratio = median(rates) / best;
        if let Some((_, target)) = TARGETS.iter().find(|it| it.0 == size) {
            let what = format!("from {size} leads: share of the rate of an empty store");
            measure.at_least(what, ratio, *target);
        }
    }
    let mut plot = Plot {
        title: "P2: leads stored a second against leads in the store".to_owned(),
        across: "leads in the store",
        up: "leads a second",
        lines: Vec::new(),
    };
    plot.line("all of the run", std::mem::take(&mut filled.rates));
    measure.plots.push(plot);
    filled.system.stop().await;
    Ok(measure)
}
