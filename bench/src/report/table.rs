//! Figures as text, measure by measure.

use super::{Measure, Report, Row};
use crate::proc::Role;

const ROLES: [Role; 8] = [
    Role::Api,
    Role::Worker,
    Role::Broker,
    Role::Database,
    Role::Cache,
    Role::Handler,
    Role::Import,
    Role::Bench,
];

/// Prints one measure.
pub(crate) fn print_measure(measure: &Measure) {
    println!("\n{}  {}", measure.name, measure.title);
    let cells = used_cells(measure);
    let width = |at: usize| cells.iter().map(|it| it[at].chars().count()).max();
    for row in &cells {
        let shown: Vec<String> = row
            .iter()
            .enumerate()
            .map(|(at, cell)| {
                let width = width(at).unwrap_or_default();
                match at {
                    0 => format!("{cell:<width$}"),
                    _ => format!("{cell:>width$}"),
                }
            })
            .collect();
        println!("  {}", shown.join("  ").trim_end());
    }
    for note in &measure.notes {
        println!("  {note}");
    }
    for verdict in &measure.verdicts {
        println!("  {}", line_of(verdict));
    }
}

/// The head of a measure's table and its rows, without the columns that are empty.
pub(super) fn used_cells(measure: &Measure) -> Vec<Vec<String>> {
    let rows: Vec<Vec<String>> = measure.rows.iter().map(cells).collect();
    let head = head();
    let is_used = |at: usize| rows.iter().any(|it| !it[at].is_empty());
    let used: Vec<usize> = (0..head.len()).filter(|at| is_used(*at)).collect();
    let pick = |row: &Vec<String>| used.iter().map(|at| row[*at].clone()).collect();
    [head].iter().chain(&rows).map(pick).collect()
}

/// Prints all targets of a run.
pub(crate) fn print_verdicts(report: &Report) {
    println!("\nTargets");
    for measure in &report.measures {
        for verdict in &measure.verdicts {
            println!("  {:<4} {}", measure.name, line_of(verdict));
        }
    }
}

fn line_of(verdict: &super::Verdict) -> String {
    let (sign, bound) = verdict.bound.parts();
    let met = if verdict.is_met { "met" } else { "NOT MET" };
    format!(
        "{:<58} {:>10}   target {sign} {:<9} {met}",
        verdict.what,
        figure(verdict.value),
        figure(bound)
    )
}

fn head() -> Vec<String> {
    let mut head = ["", "rate/s", "accepted/s", "refused", "ratio"]
        .map(str::to_owned)
        .to_vec();
    head.extend(ROLES.map(|it| format!("{} µs", it.name())));
    head.extend(["p50 ms", "p95 ms", "p99 ms", "max ms"].map(str::to_owned));
    head.extend(["API MiB", "worker MiB", "import MiB"].map(str::to_owned));
    head.extend(["balance", "load"].map(str::to_owned));
    head
}

fn cells(row: &Row) -> Vec<String> {
    let told = |it: Option<f64>| it.map(figure).unwrap_or_default();
    let mut cells = vec![row.what.clone(), told(row.rate), told(row.accepted_rate)];
    let refused = Some(row.refused).filter(|it| *it > 0);
    cells.push(refused.map(|it| it.to_string()).unwrap_or_default());
    cells.push(row.ratio.map(|it| format!("{it:.2}")).unwrap_or_default());
    for role in ROLES {
        let used = row.cpu_us.iter().find(|it| it.0 == role);
        cells.push(used.map(|it| format!("{:.1}", it.1)).unwrap_or_default());
    }
    let latency = row.latency.as_ref();
    for at in [
        latency.map(|it| it.p50),
        latency.map(|it| it.p95),
        latency.map(|it| it.p99),
        latency.map(|it| it.max),
    ] {
        cells.push(at.map(|it| format!("{it:.2}")).unwrap_or_default());
    }
    for role in [Role::Api, Role::Worker, Role::Import] {
        let held = row.memory.iter().find(|it| it.0 == role);
        let told = held.map(|(_, it)| format!("{:.0}/{:.0}", it.now_mib, it.peak_mib));
        cells.push(told.unwrap_or_default());
    }
    cells.push(row.balance.map(balance).unwrap_or_default());
    cells.push(format!("{:.1}", row.load));
    cells
}

fn balance(it: crate::system::Balance) -> String {
    let difference = i128::from(it.accepted) - i128::from(it.duplicate) - i128::from(it.stored);
    format!(
        "{} − {} − {} = {difference}, parked {}, queued {}",
        it.accepted, it.duplicate, it.stored, it.parked, it.queued
    )
}

/// As many digits as a figure of its size needs.
pub(super) fn figure(value: f64) -> String {
    match value.abs() {
        it if it.is_nan() => "none".to_owned(),
        it if it >= 100.0 => format!("{value:.0}"),
        it if it >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
