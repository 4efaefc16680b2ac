//! What was measured: the figures, what they had to be, and how they are shown.

mod page;
mod plot;
mod table;

use std::time::Duration;

use serde::Serialize;

use crate::feed::Fed;
use crate::latency::Latency;
use crate::machine::{self, Machine};
use crate::proc::{Memory, Role};
use crate::system::Balance;

pub(crate) use self::page::write;
pub(crate) use self::table::{print_measure, print_verdicts};

/// A whole run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) command: String,
    pub(crate) machine: Machine,
    pub(crate) measures: Vec<Measure>,
}

/// One of the measures.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Measure {
    pub(crate) name: &'static str,
    pub(crate) title: String,
    pub(crate) rows: Vec<Row>,
    pub(crate) verdicts: Vec<Verdict>,
    pub(crate) plots: Vec<Plot>,
    pub(crate) notes: Vec<String>,
}

impl Measure {
    pub(crate) fn new(name: &'static str, title: impl Into<String>) -> Self {
        Self {
            name,
            title: title.into(),
            ..Self::default()
        }
    }

    /// A figure that has to be at least so much.
    pub(crate) fn at_least(&mut self, what: impl Into<String>, value: f64, bound: f64) {
        self.verdict(what, value, Bound::AtLeast(bound));
    }

    /// A figure that has to be at most so much.
    pub(crate) fn at_most(&mut self, what: impl Into<String>, value: f64, bound: f64) {
        self.verdict(what, value, Bound::AtMost(bound));
    }

    fn verdict(&mut self, what: impl Into<String>, value: f64, bound: Bound) {
        self.verdicts.push(Verdict {
            what: what.into(),
            value,
            bound,
            is_met: bound.is_met(value),
        });
    }
}

/// A line of the table.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Row {
    pub(crate) what: String,
    /// Leads or requests a second.
    pub(crate) rate: Option<f64>,
    /// Leads accepted a second, stored or not yet.
    pub(crate) accepted_rate: Option<f64>,
    /// Requests that were told to come again.
    pub(crate) refused: u64,
    /// To the limit that was measured in the same round.
    pub(crate) ratio: Option<f64>,
    /// Processor time for a lead or a request, in µs.
    pub(crate) cpu_us: Vec<(Role, f64)>,
    /// In ms.
    pub(crate) latency: Option<Latency>,
    pub(crate) memory: Vec<(Role, Memory)>,
    pub(crate) balance: Option<Balance>,
    /// Of the machine, when it was over.
    pub(crate) load: f64,
}

impl Row {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            load: machine::load(),
            ..Self::default()
        }
    }

    /// Of leads that went all the way.
    pub(crate) fn of_fed(what: impl Into<String>, fed: &Fed, balance: Balance) -> Self {
        Self {
            what: what.into(),
            rate: Some(fed.rate()),
            accepted_rate: Some(fed.accepted as f64 / fed.answered.as_secs_f64()),
            refused: fed.refused,
            ratio: None,
            cpu_us: each(&fed.cpu, fed.accepted),
            latency: fed.latency.clone(),
            memory: fed.memory.clone(),
            balance: Some(balance),
            load: fed.load,
        }
    }

    pub(crate) fn rate(mut self, rate: f64) -> Self {
        self.rate = Some(rate);
        self
    }

    pub(crate) fn ratio(mut self, ratio: f64) -> Self {
        self.ratio = Some(ratio);
        self
    }

    pub(crate) fn cpu(mut self, used: &[(Role, Duration)], of: u64) -> Self {
        self.cpu_us = each(used, of);
        self
    }

    pub(crate) fn latency(mut self, latency: Option<Latency>) -> Self {
        self.latency = latency;
        self
    }

    pub(crate) fn memory(mut self, role: Role, memory: Memory) -> Self {
        self.memory.push((role, memory));
        self
    }
}

fn each(used: &[(Role, Duration)], of: u64) -> Vec<(Role, f64)> {
    let each = |it: &Duration| it.as_secs_f64() * 1e6 / of.max(1) as f64;
    used.iter().map(|(role, it)| (*role, each(it))).collect()
}

/// A target, and whether it was reached.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Verdict {
    pub(crate) what: String,
    pub(crate) value: f64,
    pub(crate) bound: Bound,
    pub(crate) is_met: bool,
}

/// What a figure has to be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Bound {
    /// How the figure has to stand to which number.
    fn parts(self) -> (&'static str, f64) {
        match self {
            Self::AtLeast(bound) => ("≥", bound),
            Self::AtMost(bound) => ("≤", bound),
        }
    }

    /// A figure that is none meets nothing.
    fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtLeast(bound) => value >= bound,
            Self::AtMost(bound) => value <= bound,
        }
    }
}

/// Lines over one axis.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Plot {
    pub(crate) title: String,
    pub(crate) across: &'static str,
    pub(crate) up: &'static str,
    pub(crate) lines: Vec<Line>,
}

/// A named line of a plot.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
}

impl Plot {
    /// Leads stored a second over the seconds of each round.
    pub(crate) fn rates(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            across: "seconds",
            up: "leads a second",
            lines: Vec::new(),
        }
    }

    /// How long the slowest of so many percent of the answers took.
    pub(crate) fn latencies(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            across: "percent of answers",
            up: "milliseconds",
            lines: Vec::new(),
        }
    }

    pub(crate) fn line(&mut self, name: impl Into<String>, points: Vec<(f64, f64)>) {
        self.lines.push(Line {
            name: name.into(),
            points,
        });
    }
}

/// The middle one of some figures.
pub(crate) fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.into_iter().collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_that_was_not_measured_meets_no_target() {
        let missing = median([]);
        assert!(!Bound::AtLeast(0.0).is_met(missing));
        assert!(!Bound::AtMost(1e9).is_met(missing));
        assert!(Bound::AtLeast(2.0).is_met(median([1.0, 3.0, 2.0])));
    }
}
