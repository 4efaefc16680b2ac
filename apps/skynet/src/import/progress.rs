//! What a person sees while leads come in.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::{HumanCount, ProgressBar, ProgressStyle};

use process::output;

/// A bar on a terminal, a line now and then elsewhere; both on stderr.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    started: Instant,
    told: Instant,
    rows_before: u64,
}

const LINE_EVERY: Duration = Duration::from_secs(2);

impl Progress {
    /// Progress through a file of that many bytes, of which an earlier run read `rows_before`.
    pub(super) fn new(bytes: Option<u64>, rows_before: u64) -> Self {
        let bar = stderr().is_terminal().then(|| {
            let bar = bytes.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
            let template = if bytes.is_some() {
                "{bar:30} {bytes}/{total_bytes} {msg} {eta}"
            } else {
                "{spinner} {bytes} {msg}"
            };
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar
        });
        let now = Instant::now();
        Self {
            bar,
            started: now,
            told: now,
            rows_before,
        }
    }

    /// So much is confirmed.
    pub(super) fn at(&mut self, bytes: u64, rows: u64, rejected: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(bytes);
            bar.set_message(self.words(rows, rejected));
        } else if self.told.elapsed() >= LINE_EVERY {
            self.told = Instant::now();
            output::note(self.words(rows, rejected));
        }
    }

    /// Everything is sent, and so many leads may still wait.
    pub(super) fn waiting(&mut self, leads: u64) {
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{} leads wait to be stored", HumanCount(leads)));
            bar.tick();
        } else if self.told.elapsed() >= LINE_EVERY {
            self.told = Instant::now();
            output::note(format_args!("{leads} leads wait to be stored"));
        }
    }

    /// Takes the bar away, and says how long it took.
    pub(super) fn end(&self) -> Duration {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        self.started.elapsed()
    }

    fn words(&self, rows: u64, rejected: u64) -> String {
        let here = rows.saturating_sub(self.rows_before);
        let rate = rate(here, self.started.elapsed());
        format!(
            "{} rows, {} rows/s, {} rejected",
            HumanCount(rows),
            HumanCount(rate),
            HumanCount(rejected)
        )
    }
}

/// Rows a second.
pub(super) fn rate(rows: u64, time: Duration) -> u64 {
    let ms = time.as_millis().max(1);
    u64::try_from(u128::from(rows) * 1_000 / ms).unwrap_or(u64::MAX)
}
