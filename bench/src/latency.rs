//! How long answers took.

use std::time::Duration;

use serde::Serialize;

/// Shares of the answers that a distribution is drawn at, in percent.
const SHARES: [f64; 14] = [
    0.0, 1.0, 5.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 98.0, 99.0, 99.5, 99.9, 100.0,
];

/// Times of many answers, in milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Latency {
    pub(crate) count: usize,
    pub(crate) p50: f64,
    pub(crate) p95: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
    /// Percent of the answers, and the time that those took at most.
    pub(crate) distribution: Vec<(f64, f64)>,
}

impl Latency {
    /// Of these; none of none.
    pub(crate) fn of(mut times: Vec<Duration>) -> Option<Self> {
        times.sort_unstable();
        let last = times.len().checked_sub(1)?;
        let at = |percent: f64| {
            let rank = (percent / 100.0 * last as f64).round();
            times[(rank as usize).min(last)].as_secs_f64() * 1e3
        };
        Some(Self {
            count: times.len(),
            p50: at(50.0),
            p95: at(95.0),
            p99: at(99.0),
            max: at(100.0),
            distribution: SHARES.iter().map(|it| (*it, at(*it))).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_sorted_times() {
        let times = (0..=100).rev().map(Duration::from_millis).collect();
        let told = Latency::of(times).map(|it| [it.p50, it.p95, it.p99, it.max].map(f64::to_bits));
        let expected = [50.0, 95.0, 99.0, 100.0_f64].map(f64::to_bits);
        assert_eq!(told, Some(expected));
        assert_eq!(Latency::of(Vec::new()), None);
    }
}
