//! One rate for half an hour: memory, handles, waits and the queue must not grow.

use std::fmt::Write as _;

use super::p1;
use crate::Failure;
use crate::feed::Feed;
use crate::leads;
use crate::proc::Role;
use crate::report::{Measure, Plot, Row, median};
use crate::rig::Rig;
use crate::scale::Scale;
use crate::system::System;

const DATABASE: &str = "skynet_soak";
/// Leads a second, in bulks: 18 million in half an hour.
const PACE: f64 = 10_000.0;
const CONNECTIONS: usize = 16;
/// The share of the pace that each part has to reach. What is missing is the way of its last leads.
const RATE: f64 = 0.95;
/// Targets for the last third of the parts, as multiples of the third before: the first third fills
/// caches and pools.
const MEMORY: f64 = 1.05;
const HANDLES: f64 = 1.05;
const LATENCY: f64 = 1.25;

/// Feeds one system, part after part, and compares the last third of them with the one before.
pub(crate) async fn run(rig: &Rig, scale: &Scale) -> Result<Measure, Failure> {
    let (parts, time) = scale.soak;
    let title = format!(
        "{PACE} leads a second in bulks of {}, {parts} parts of {} s: nothing may grow",
        p1::BULK,
        time.as_secs()
    );
    let mut measure = Measure::new("soak", title);
    let mut system = System::fresh(rig, DATABASE).await?;
    let leads = p1::whole_bulks(PACE * time.as_secs_f64());
    let mut figures = Figures::default();
    for part in 1..=parts {
        let requests = leads::bulk_requests(leads, p1::BULK, part.into(), &system.token)?;
        let feed = Feed {
            pace: Some(PACE),
            ..system.feed(&requests, p1::BULK as u64, CONNECTIONS)
        };
        let (fed, balance) = system.fed(feed).await?;
        let latency = fed.latency.as_ref().ok_or("nothing was answered")?;
        let gone = "a process has ended";
        let mut what = format!("part {part}");
        for (at, role) in [Role::Api, Role::Worker].into_iter().enumerate() {
            let held = fed.memory.iter().find(|it| it.0 == role).ok_or(gone)?;
            let handles = system.watched.handles(role).ok_or(gone)?;
            figures.memory[at].push(held.1.now_mib);
            figures.handles[at].push(handles as f64);
            let _ = write!(what, ", {handles} handles of the {}", role.name());
        }
        figures.rate.push(fed.rate());
        figures.p99.push(latency.p99);
        println!("  {what}: {:.0} leads/s", fed.rate());
        measure.rows.push(Row::of_fed(what, &fed, balance));
    }
    system.stop().await;
    rig.drop(DATABASE).await?;
    figures.judge(&mut measure);
    Ok(measure)
}

/// What each part was like; of memory and handles those of the API and of the worker. Memory is the most that was
/// held in the part: what is held at one moment depends on what is in it.
#[derive(Default)]
struct Figures {
    rate: Vec<f64>,
    p99: Vec<f64>,
    memory: [Vec<f64>; 2],
    handles: [Vec<f64>; 2],
}

impl Figures {
    fn judge(self, measure: &mut Measure) {
        let slowest = self.rate.iter().copied().reduce(f64::min);
        let share = slowest.map_or(f64::NAN, |it| it / PACE);
        measure.at_least("share of the pace, slowest part", share, RATE);
        for (role, memory, handles) in [
            ("API", &self.memory[0], &self.handles[0]),
            ("worker", &self.memory[1], &self.handles[1]),
        ] {
            let what = format!("memory of the {role}, last third to the one before");
            measure.at_most(what, growth(memory), MEMORY);
            let what = format!("handles of the {role}, last third to the one before");
            measure.at_most(what, growth(handles), HANDLES);
        }
        let what = "p99 of a bulk, last third to the one before";
        measure.at_most(what, growth(&self.p99), LATENCY);

        let [api, worker] = self.memory;
        let [api_handles, worker_handles] = self.handles;
        for (title, up, lines) in [
            ("rate", "leads a second", vec![("all", self.rate)]),
            ("bulk request, p99", "milliseconds", vec![("API", self.p99)]),
            ("memory", "MiB", vec![("API", api), ("worker", worker)]),
            (
                "handles",
                "open files and sockets",
                vec![("API", api_handles), ("worker", worker_handles)],
            ),
        ] {
            let mut plot = Plot {
                title: format!("soak: {title}"),
                across: "part",
                up,
                lines: Vec::new(),
            };
            for (name, figures) in lines {
                let points = (1..).map(f64::from).zip(figures);
                plot.line(name, points.collect());
            }
            measure.plots.push(plot);
        }
    }
}

/// The median of the last third of some figures, as a multiple of that of the third before.
fn growth(figures: &[f64]) -> f64 {
    let third = figures.len() / 3;
    let (before, last) = figures[figures.len() - 2 * third..].split_at(third);
    median(last.iter().copied()) / median(before.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_that_after_the_first_third() {
        assert!((growth(&[900.0, 900.0, 10.0, 10.0, 12.0, 12.0]) - 1.2).abs() < 1e-9);
        assert!(growth(&[1.0, 2.0]).is_nan(), "two parts tell nothing");
    }
}
