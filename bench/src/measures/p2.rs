//! P2: bulks into a store that holds many leads already.

use super::filled::Filled;
use super::{Known, p1};
use crate::Failure;
use crate::raw::mysql::{self, Rows, Shape};
use crate::report::{Measure, Plot, Row, median};
use crate::rig::{self, Rig};
use crate::scale::Scale;
use crate::system::System;

const DATABASE: &str = "skynet_filled";
const FRESH: &str = "skynet_p2";
const RAW: &str = "skynet_raw";
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
    let held = filled.leads().await?;
    filled.system.stop().await;
    let leads = p1::whole_bulks((best * scale.round.as_secs_f64()).min(ROUND_MAX));
    raw(rig, held, leads, &mut measure).await?;
    Ok(measure)
}

/// What the database alone does beside so many leads: rows of others are inserted into an empty table and
/// into the filled one, of which the first half only warms it, and are taken out again.
async fn raw(rig: &Rig, held: u64, leads: u64, measure: &mut Measure) -> Result<(), Failure> {
    let mut system = System::fresh(rig, FRESH).await?;
    p1::push(&mut system, 2 * leads, held + 1).await?;
    system.stop().await;
    let mut warming = Rows::read(rig, FRESH).await?;
    rig.drop(FRESH).await?;
    let rows = warming.split_off(usize::try_from(leads)?);

    mysql::prepare(rig, RAW, DATABASE).await?;
    let empty = mysql::insert(rig, RAW, &rows, Shape::FAST).await?;
    rig.drop(RAW).await?;
    mysql::insert(rig, DATABASE, &warming, Shape::FAST).await?;
    let filled = mysql::insert(rig, DATABASE, &rows, Shape::FAST).await?;
    let added = "DELETE FROM leads WHERE id >= (SELECT id FROM (SELECT id FROM leads ORDER BY id DESC LIMIT 1 OFFSET ";
    let added = format!("{added}{}) AS first_added)", 2 * leads - 1);
    rig::run(&mut rig.connect(DATABASE).await?, &added).await?;

    let share = filled.rate() / empty.rate();
    for (name, raw) in [
        ("an empty table".to_owned(), empty),
        (format!("{held} leads"), filled),
    ] {
        let row = Row::new(format!("raw, into {name}")).rate(raw.rate());
        measure.rows.push(row.cpu(&raw.cpu, raw.rows));
    }
    measure.notes.push(format!(
        "raw inserts beside {held} leads reach {share:.2} of their rate into an empty table"
    ));
    Ok(())
}
