//! One run: every chunk delivered, every submission followed to its end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{Stream, StreamExt, stream};
use lead::FieldError;
use tokio::sync::mpsc;

use super::progress::{self, Progress};
use super::rejects::Rejects;
use super::source::{BadRow, Chunk, Reading, SourceError, read_chunks};
use super::state::{RunState, StateFile};
use super::target::{Delivered, Target};
use super::{Input, PATIENCE, source_failure};
use process::Failure;
use process::output;

/// A run under way.
pub(super) struct Run {
    target: Arc<Target>,
    state: RunState,
    state_file: Option<StateFile>,
    saved_at: Instant,
    rejects: Rejects,
}

/// Chunks that are read ahead.
const READ_AHEAD: usize = 4;
/// Submissions that may wait to be stored before more are sent.
const MAX_WAITING: usize = 32;
const SAVE_EVERY: Duration = Duration::from_millis(250);
const LOOK_EVERY: Duration = Duration::from_millis(20);
const LOOK_EVERY_AT_MOST: Duration = Duration::from_secs(1);

impl Run {
    /// Goes on from that state.
    pub(super) fn new(
        target: Target,
        state: RunState,
        state_file: Option<StateFile>,
        rejects: Rejects,
    ) -> Self {
        Self {
            target: Arc::new(target),
            state,
            state_file,
            saved_at: Instant::now(),
            rejects,
        }
    }

    /// Delivers the rest of the input and reports what became of all of it.
    pub(super) async fn finish(mut self, input: Input, reading: Reading) -> Result<(), Failure> {
        let rows_before = self.state.rows;
        let mut progress = Progress::new(input.bytes, rows_before);
        // The run is known before its first chunk is on its way.
        self.save()?;
        let done = tokio::select! {
            done = self.work(input, reading, &mut progress) => done,
            _ = tokio::signal::ctrl_c() => Err(Failure::failed(
                "interrupted; the same command goes on from here",
            )),
        };
        let took = progress.end();
        if let Err(failure) = done {
            self.save()?;
            return Err(failure);
        }
        self.report(rows_before, took)
    }

    async fn work(
        &mut self,
        input: Input,
        reading: Reading,
        progress: &mut Progress,
    ) -> Result<(), Failure> {
        if !self.state.all_sent {
            let mut delivered = std::pin::pin!(deliver_all(&self.target, input, reading));
            while let Some(delivery) = delivered.next().await {
                self.take(delivery?, progress).await?;
            }
            self.state.all_sent = true;
            self.save()?;
        }
        while !self.state.waiting.is_empty() {
            self.settle_oldest(Some(progress)).await?;
            self.save_now_and_then()?;
        }
        if let Some(counts) = self.target.own_counts().await? {
            self.state.counts.stored = counts.stored;
            self.state.counts.duplicate = counts.duplicate;
            self.state.counts.failed = counts.failed;
        }
        self.state.finished = true;
        self.save()
    }

    /// Notes a chunk that is confirmed.
    async fn take(&mut self, delivered: Delivered, progress: &mut Progress) -> Result<(), Failure> {
        let chunk = delivered.chunk;
        let mut bad = chunk.bad;
        self.state.counts.rejected += bad.len() as u64 + delivered.refused_count;
        let mut refused: BTreeMap<usize, Vec<FieldError>> = BTreeMap::new();
        for (at, error) in delivered.refused {
            refused.entry(at).or_default().push(error);
        }
        for (at, errors) in refused {
            if let Some(row) = chunk.leads.get(at) {
                bad.push(BadRow {
                    index: row.index,
                    raw: row.raw.clone(),
                    errors,
                });
            }
        }
        bad.sort_by_key(|row| row.index);
        self.rejects
            .put(&bad, &chunk.header)
            .map_err(|error| Failure::failed(format_args!("the file of rejected rows: {error}")))?;
        self.state.rejected_bytes = self.rejects.bytes();
        self.state.rows = chunk.rows_end;
        self.state.chunks = chunk.number + 1;
        self.state.waiting.extend(delivered.batch);
        self.save_now_and_then()?;
        progress.at(
            chunk.bytes_read,
            self.state.rows,
            self.state.counts.rejected,
        );
        while self.state.waiting.len() > MAX_WAITING {
            self.settle_oldest(None).await?;
        }
        Ok(())
    }

    /// Waits until nothing of the oldest submission waits.
    async fn settle_oldest(&mut self, mut progress: Option<&mut Progress>) -> Result<(), Failure> {
        let Some(batch) = self.state.waiting.first().cloned() else {
            return Ok(());
        };
        let (mut pending, mut since, mut wait) = (u64::MAX, Instant::now(), LOOK_EVERY);
        loop {
            let status = self.target.batch(&batch).await?;
            if status.finished {
                self.state.waiting.remove(0);
                let counts = &mut self.state.counts;
                counts.stored += status.counts.stored;
                counts.duplicate += status.counts.duplicate;
                counts.failed += status.counts.failed;
                return Ok(());
            }
            if status.counts.pending < pending {
                (pending, since) = (status.counts.pending, Instant::now());
            } else if since.elapsed() > PATIENCE {
                return Err(Failure::failed(
                    "all leads are safe with the API, but some are not stored yet; the same command looks again",
                ));
            }
            if let Some(progress) = progress.as_deref_mut() {
                progress.waiting(pending);
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LOOK_EVERY_AT_MOST);
        }
    }

    fn report(&self, rows_before: u64, took: Duration) -> Result<(), Failure> {
        let counts = self.state.counts;
        output::line(format_args!(
            "{} rows: {} stored, {} duplicates, {} rejected, {} failed ({:.1} s, {} rows/s)",
            self.state.rows,
            counts.stored,
            counts.duplicate,
            counts.rejected,
            counts.failed,
            took.as_secs_f64(),
            progress::rate(self.state.rows - rows_before, took),
        ));
        if let Some(path) = self.rejects.written() {
            output::note(format_args!(
                "rejected rows are in {}; correct them there and import that file",
                path.display()
            ));
        }
        if counts.failed > 0 {
            return Err(Failure::failed(format_args!(
                "{} leads are parked; see `skynet failed list`",
                counts.failed
            )));
        }
        if self.state.rows > 0 && counts.rejected == self.state.rows {
            return Err(Failure::failed("no row could be imported"));
        }
        Ok(())
    }

    fn save_now_and_then(&mut self) -> Result<(), Failure> {
        if self.saved_at.elapsed() < SAVE_EVERY {
            return Ok(());
        }
        self.save()
    }

    fn save(&mut self) -> Result<(), Failure> {
        self.saved_at = Instant::now();
        match &self.state_file {
            Some(file) => file.save(&self.state).map_err(Failure::failed),
            None => Ok(()),
        }
    }
}

/// Reads chunks on a thread of their own and delivers some at a time; answers come in order.
fn deliver_all(
    target: &Arc<Target>,
    input: Input,
    reading: Reading,
) -> impl Stream<Item = Result<Delivered, Failure>> + use<> {
    let (give, take) = mpsc::channel::<Result<Chunk, SourceError>>(READ_AHEAD);
    tokio::task::spawn_blocking(move || {
        let Some(reader) = input.reader else { return };
        let read = read_chunks(reader, &reading, |chunk| {
            give.blocking_send(Ok(chunk)).is_ok()
        });
        if let Err(error) = read {
            // Nobody listens any more where the run has stopped.
            let _ = give.blocking_send(Err(error));
        }
    });
    let chunks = stream::unfold(take, async |mut take| {
        let chunk = take.recv().await?;
        Some((chunk, take))
    });
    let (target, at_once) = (Arc::clone(target), target.at_once());
    chunks
        .map(move |chunk| {
            let target = Arc::clone(&target);
            let delivery =
                tokio::spawn(async move { target.deliver(chunk.map_err(source_failure)?).await });
            async move {
                delivery
                    .await
                    .unwrap_or_else(|_| Err(Failure::failed("a chunk could not be handled")))
            }
        })
        .buffered(at_once)
}
