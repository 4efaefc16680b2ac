//! A bulk submission on its way into the queue.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use eav::Attribute;
use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use kernel::{Batch, Cause, ThreadKey};
use lead::ports::{LeadPublisher, QueueError};
use lead::{
    Acceptance, BatchId, BatchNote, LeadDetails, Message, Part, Progress, QueuedLead, RejectedRow,
    TraceParent,
};
use lead_wire::BatchSize;
use tokio::time::timeout;

use super::rows::Taken;
use crate::problem::{ErrorItem, Problem};

/// The most mistakes that stand in an answer.
const ERRORS_SHOWN_MAX: usize = 100;
/// How long the answer to a broken submission waits for the queue.
const COMPLETING_TIME: Duration = Duration::from_secs(1);
/// The most chunks that an answer names.
const CHUNKS_SHOWN_MAX: u64 = 100;
/// The most chunks that wait for their confirms; then no more rows are read.
const IN_FLIGHT_MAX: usize = 4;
/// Room for what a message says beside its leads and rejected rows.
const MESSAGE_BYTES_MAX: usize = Message::MAX_BYTES - 64 * 1_024;
/// The most rejected rows of one message, in bytes.
const REJECTED_BYTES_MAX: usize = 256 * 1_024;
/// The most rejected rows that wait for a first valid one, since without one nothing is queued.
const REJECTED_HELD_MAX: usize = 10_000;
/// The most rejected rows that a chunk with valid ones waits for.
const REJECTED_PER_CHUNK_MAX: usize = 1_000;

/// Who sends it, how it is known, and how it travels.
#[derive(Clone)]
pub(crate) struct Terms {
    pub(crate) batch: BatchId,
    pub(crate) acceptance: Acceptance,
    pub(crate) thread: ThreadKey,
    pub(crate) trace_parent: Option<TraceParent>,
    pub(crate) batch_size: BatchSize,
    /// Rows are checked and counted, and nothing is queued.
    pub(crate) dry_run: bool,
}

/// What an answer says of a submission.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) received: u64,
    pub(crate) rejected: u64,
    pub(crate) chunks: u64,
    /// The first mistakes.
    pub(crate) errors: Vec<ErrorItem>,
}

impl Tally {
    pub(crate) fn accepted(&self) -> u64 {
        self.received - self.rejected
    }
}

type Confirm = Pin<Box<dyn Future<Output = (Progress, Result<(), QueueError>)> + Send>>;

/// Rows on their way: collected into chunks, published as these fill, confirmed in order.
pub(crate) struct Submission {
    publisher: Arc<dyn LeadPublisher>,
    pub(crate) terms: Terms,
    pub(crate) tally: Tally,
    leads: Vec<QueuedLead>,
    leads_bytes: usize,
    rejected: Vec<RejectedRow>,
    in_flight: FuturesOrdered<Confirm>,
    anything_sent: bool,
    /// Up to where every row is confirmed.
    confirmed: Progress,
}

impl Submission {
    pub(crate) fn new(publisher: Arc<dyn LeadPublisher>, terms: Terms) -> Self {
        Self {
            publisher,
            terms,
            tally: Tally::default(),
            leads: Vec::new(),
            leads_bytes: 0,
            rejected: Vec::new(),
            in_flight: FuturesOrdered::new(),
            anything_sent: false,
            confirmed: Progress::default(),
        }
    }

    /// Something may be in the queue.
    pub(crate) fn anything_sent(&self) -> bool {
        self.anything_sent
    }

    /// Rows from the start that are confirmed or were rejected; those after them are not promised.
    pub(crate) fn confirmed_through(&self) -> u64 {
        self.confirmed.received
    }

    /// Takes the next row; waits while too many chunks are on their way.
    ///
    /// # Errors
    ///
    /// 503 when a chunk was not confirmed.
    pub(crate) async fn put(&mut self, row: Taken) -> Result<(), Problem> {
        let bytes = row
            .lead
            .as_ref()
            .map_or(0, |(_, details)| bytes_of(details));
        if self.is_full(bytes) {
            self.send(false).await?;
        }
        self.tally.received += 1;
        match row.lead {
            Ok((id, details)) => {
                let lead = Arc::new(self.terms.acceptance.accept(id, details));
                self.leads.push(QueuedLead {
                    index: row.index,
                    lead,
                });
                self.leads_bytes += bytes;
            }
            Err(errors) => {
                self.tally.rejected += 1;
                let room = ERRORS_SHOWN_MAX - self.tally.errors.len();
                let items = errors
                    .iter()
                    .take(room)
                    .map(|it| ErrorItem::of_row(row.index, it));
                self.tally.errors.extend(items);
                if !self.terms.dry_run {
                    self.rejected.push(RejectedRow {
                        index: row.index,
                        errors,
                    });
                }
            }
        }
        Ok(())
    }

    /// Publishes what is left, all chunks before it being confirmed, and waits for its confirm.
    ///
    /// # Errors
    ///
    /// As [`Submission::put`].
    pub(crate) async fn finish(&mut self) -> Result<(), Problem> {
        while !self.in_flight.is_empty() {
            self.confirm_next().await?;
        }
        self.send(true).await?;
        while !self.in_flight.is_empty() {
            self.confirm_next().await?;
        }
        Ok(())
    }

    /// Ends a submission that broke: waits for what is on its way and says in the queue that
    /// nothing follows, so that what was confirmed can come to its end.
    pub(crate) async fn give_up(&mut self) {
        let mut unbroken = true;
        while let Some((progress, published)) = self.in_flight.next().await {
            unbroken &= published.is_ok();
            if unbroken {
                self.confirmed = progress;
            }
        }
        if !self.anything_sent {
            return;
        }
        let note = self.note(
            Progress {
                complete: true,
                ..self.confirmed
            },
            Vec::new(),
        );
        let message = Message::first(vec![self.part(note, Vec::new())]);
        let batch = Batch::one(message);
        match timeout(COMPLETING_TIME, self.publisher.publish(&batch)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "a broken submission was not completed"),
            Err(_) => tracing::warn!("a broken submission was not completed in time"),
        }
    }

    /// The note of the whole submission, without its rejected rows.
    pub(crate) fn header(&self) -> BatchNote {
        self.note(self.progress(true), Vec::new())
    }

    /// Another row, a lead of `bytes`, belongs to the next chunk.
    fn is_full(&self, bytes: usize) -> bool {
        if self.tally.accepted() == 0 {
            return self.rejected.len() >= REJECTED_HELD_MAX;
        }
        self.leads.len() >= self.terms.batch_size.get()
            || (!self.leads.is_empty()
                && self.leads_bytes + bytes > MESSAGE_BYTES_MAX - REJECTED_BYTES_MAX)
            || self.rejected.len() >= REJECTED_PER_CHUNK_MAX
    }

    fn progress(&self, complete: bool) -> Progress {
        Progress {
            received: self.tally.received,
            rejected: self.tally.rejected,
            complete,
        }
    }

    /// Sends the chunk at hand on its way.
    async fn send(&mut self, complete: bool) -> Result<(), Problem> {
        let leads = std::mem::take(&mut self.leads);
        let mut rejected = std::mem::take(&mut self.rejected);
        self.leads_bytes = 0;
        self.tally.chunks += u64::from(!leads.is_empty());
        if self.terms.dry_run {
            return Ok(());
        }
        let progress = self.progress(complete);
        let mut messages = Vec::new();
        // What is too much for one message goes ahead in others.
        while let Some(end) = first_messageful(&rejected) {
            let rest = rejected.split_off(end);
            let note = self.note(self.progress(false), std::mem::replace(&mut rejected, rest));
            messages.push(Message::first(vec![self.part(note, Vec::new())]));
        }
        let note = self.note(progress, rejected);
        messages.push(Message::first(vec![self.part(note, leads)]));

        while self.in_flight.len() >= IN_FLIGHT_MAX {
            self.confirm_next().await?;
        }
        self.anything_sent = true;
        let publisher = Arc::clone(&self.publisher);
        // Of its own, so that it goes on while the next rows are waited for.
        let sending = tokio::spawn(async move {
            for batch in Batch::split(messages) {
                publisher.publish(&batch).await?;
            }
            Ok(())
        });
        self.in_flight.push_back(Box::pin(async move {
            let lost = |error| Err(QueueError::Unavailable(Cause::new(error)));
            (progress, sending.await.unwrap_or_else(lost))
        }));
        Ok(())
    }

    async fn confirm_next(&mut self) -> Result<(), Problem> {
        match self.in_flight.next().await {
            Some((progress, published)) => self.confirm(progress, published),
            None => Ok(()),
        }
    }

    fn confirm(
        &mut self,
        progress: Progress,
        published: Result<(), QueueError>,
    ) -> Result<(), Problem> {
        published?;
        self.confirmed = progress;
        Ok(())
    }

    fn note(&self, progress: Progress, rejected: Vec<RejectedRow>) -> BatchNote {
        let Acceptance { owner, accepted_at } = self.terms.acceptance;
        BatchNote {
            batch: self.terms.batch,
            owner,
            accepted_at,
            progress,
            rejected,
        }
    }

    fn part(&self, note: BatchNote, leads: Vec<QueuedLead>) -> Part {
        Part {
            thread_key: self.terms.thread.clone(),
            trace_parent: self.terms.trace_parent.clone(),
            owner: self.terms.acceptance.owner,
            accepted_at: self.terms.acceptance.accepted_at,
            note: Some(note),
            leads,
        }
    }

    /// The names of the first chunks.
    pub(crate) fn chunk_names(&self) -> Vec<String> {
        let shown = self.tally.chunks.min(CHUNKS_SHOWN_MAX);
        (0..shown)
            .map(|it| format!("{}_{it}", self.terms.batch))
            .collect()
    }
}

/// Where the rejected rows are to be cut when they are too much for one message.
fn first_messageful(rejected: &[RejectedRow]) -> Option<usize> {
    let mut bytes = 0;
    rejected.iter().position(|row| {
        bytes += 16
            + row
                .errors
                .iter()
                .map(|it| it.pointer.len() + 8)
                .sum::<usize>();
        bytes > REJECTED_BYTES_MAX
    })
}

/// About how many bytes a lead takes in a message; never fewer than it does.
fn bytes_of(details: &LeadDetails) -> usize {
    const AROUND: usize = 128;
    let attribute = |it: &Attribute| it.name.as_str().len() + it.value.text().len() + 16;
    AROUND
        + details.first_name.as_str().len()
        + details.last_name.as_str().len()
        // The address and the key made of it, which may be longer.
        + 4 * details.email.as_str().len()
        + details.attributes.as_slice().iter().map(attribute).sum::<usize>()
}
