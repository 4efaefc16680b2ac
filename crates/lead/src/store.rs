//! Storing what the queue delivers: the worker's whole judgement.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use kernel::{Batch, BatchSizeError, Cause, Clock, IdSource};

use crate::ports::{
    Appended, Arrival, Delivery, Intake, LeadCache, LeadStore, Settled, Settlement, StoreError,
};
use crate::{
    BatchNote, DeadLetterId, DeadPayload, Lane, Message, ParkCode, Parked, Part, RetryPolicy,
    RowKey,
};

/// Stores deliveries in as few transactions as there can be and says how to settle each.
pub struct StoreLeads {
    store: Arc<dyn LeadStore>,
    cache: Arc<dyn LeadCache>,
    clock: Arc<dyn Clock>,
    ids: Arc<IdSource>,
    policy: RetryPolicy,
}

/// The store is away: every delivery stays in hand, no attempt is spent, and the same call may be
/// made again.
#[derive(Debug, thiserror::Error)]
#[error("lead store unavailable")]
pub struct Outage(#[source] pub Cause);

impl StoreLeads {
    /// A message that was handed out this often before without being settled goes on alone.
    pub const ISOLATE_AT_REDELIVERIES: u32 = 3;
    /// A message that goes alone and was handed out this often before is parked unread.
    pub const PARK_AT_REDELIVERIES: u32 = 5;

    /// A worker over these ports.
    pub fn new(
        store: Arc<dyn LeadStore>,
        cache: Arc<dyn LeadCache>,
        clock: Arc<dyn Clock>,
        ids: Arc<IdSource>,
        policy: RetryPolicy,
    ) -> Self {
        Self {
            store,
            cache,
            clock,
            ids,
            policy,
        }
    }

    /// Stores what can be stored, parks what never can, and answers how to settle each delivery.
    /// Everything is committed when this returns.
    ///
    /// # Errors
    ///
    /// [`Outage`]; safe to repeat with the same deliveries.
    pub async fn run(&self, deliveries: &[Delivery]) -> Result<Vec<Settled>, Outage> {
        let mut settled = Vec::with_capacity(deliveries.len());
        let mut parked = Vec::new();
        let mut work = Vec::new();
        for delivery in deliveries {
            match (&delivery.payload, delivery.lane) {
                (Err(undecodable), _) => {
                    parked.push(self.unreadable(&undecodable.bytes));
                    settled.push(Settled {
                        tag: delivery.tag,
                        settlement: Settlement::Done,
                    });
                }
                (Ok(message), Lane::Suspect)
                    if delivery.redeliveries >= Self::PARK_AT_REDELIVERIES =>
                {
                    parked.extend(
                        singles(message)
                            .into_iter()
                            .map(|it| self.parked(it, ParkCode::CrashLoop)),
                    );
                    self.write_notes(notes_of(message)).await?;
                    settled.push(Settled {
                        tag: delivery.tag,
                        settlement: Settlement::Done,
                    });
                }
                (Ok(message), Lane::Work)
                    if delivery.redeliveries >= Self::ISOLATE_AT_REDELIVERIES
                        && message.lead_count() > 0 =>
                {
                    self.write_notes(notes_of(message)).await?;
                    let settlement = in_place_of(singles(message), Settlement::Isolate);
                    settled.push(Settled {
                        tag: delivery.tag,
                        settlement,
                    });
                }
                (Ok(message), _) => work.push((delivery.tag, message)),
            }
        }

        let verdict = self.store_all(&work).await?;
        parked.extend(verdict.parked);
        for batch in Batch::split(parked) {
            self.park(batch).await?;
        }
        for (tag, message) in work {
            let again: Vec<Message> = singles(message)
                .into_iter()
                .filter(|single| ids_of(single).any(|id| verdict.again.contains(&id)))
                .map(|single| Message {
                    attempt: message.attempt.saturating_add(1),
                    ..single
                })
                .collect();
            let settlement = in_place_of(again, Settlement::Retry);
            settled.push(Settled { tag, settlement });
        }
        self.cache.bump().await;
        Ok(settled)
    }

    async fn store_all<T>(&self, work: &[(T, &Message)]) -> Result<Verdict, Outage> {
        let mut verdict = Verdict::default();
        let (mut all, mut notes) = (Vec::new(), Vec::new());
        let mut sources = Vec::new();
        for (_, message) in work {
            for part in &message.parts {
                notes.extend(part.note.clone());
                for queued in &part.leads {
                    all.push(Arrival {
                        lead: Arc::clone(&queued.lead),
                        row: part.note.as_ref().map(|note| RowKey {
                            batch: note.batch,
                            index: queued.index,
                        }),
                        attempts: message.attempt.saturating_add(1),
                    });
                    sources.push((*message, part, queued));
                }
            }
        }
        if all.is_empty() && notes.is_empty() {
            return Ok(verdict);
        }

        // Ranges of leads still to be stored; a range that is refused is cut in two, so that a
        // poison lead ends up alone and its neighbours are stored.
        let mut ranges: Vec<Range<usize>> = std::iter::once(0..all.len()).collect();
        while let Some(range) = ranges.pop() {
            let leads = all[range.clone()].to_vec();
            let attempt = Intake {
                at: self.clock.now(),
                leads,
                notes: std::mem::take(&mut notes),
            };
            match self.store.append(&attempt).await {
                Ok(outcomes) => {
                    for (at, outcome) in range.zip(outcomes) {
                        if outcome == Appended::IdClash {
                            verdict
                                .parked
                                .push(self.single_parked(sources[at], ParkCode::IdClash));
                        }
                    }
                }
                Err(StoreError::Unavailable(cause)) => return Err(Outage(cause)),
                Err(error) if !attempt.notes.is_empty() && !attempt.leads.is_empty() => {
                    // The notes go first and alone, so that they are written whatever the leads do.
                    drop(error);
                    self.write_notes(attempt.notes).await?;
                    ranges.push(range);
                }
                Err(_) if range.len() > 1 => {
                    let middle = range.start + range.len() / 2;
                    ranges.push(middle..range.end);
                    ranges.push(range.start..middle);
                }
                Err(error) => {
                    let Some(source) = sources.get(range.start).copied() else {
                        return Err(Outage(Cause::new(error)));
                    };
                    let lasting = matches!(error, StoreError::Refused { lasting: true, .. });
                    let next = source.0.attempt.saturating_add(1);
                    if lasting {
                        verdict
                            .parked
                            .push(self.single_parked(source, ParkCode::Refused));
                    } else if self.policy.delay_before(next).is_none() {
                        verdict
                            .parked
                            .push(self.single_parked(source, ParkCode::AttemptsSpent));
                    } else {
                        verdict.again.insert(source.2.lead.id);
                    }
                }
            }
        }
        Ok(verdict)
    }

    /// Writes notes alone. A store that refuses them is out of order: they hold nothing but what
    /// was checked before.
    async fn write_notes(&self, notes: Vec<BatchNote>) -> Result<(), Outage> {
        if notes.is_empty() {
            return Ok(());
        }
        let intake = Intake::notes_only(self.clock.now(), notes);
        self.store
            .append(&intake)
            .await
            .map(drop)
            .map_err(|error| Outage(Cause::new(error)))
    }

    async fn park(&self, batch: Batch<Parked>) -> Result<(), Outage> {
        self.store
            .park(&batch)
            .await
            .map_err(|error| Outage(Cause::new(error)))
    }

    fn unreadable(&self, bytes: &[u8]) -> Parked {
        Parked {
            id: DeadLetterId(self.ids.next()),
            payload: DeadPayload::Bytes(bytes.to_vec()),
            code: ParkCode::Undecodable,
            attempts: 0,
            at: self.clock.now(),
        }
    }

    fn single_parked(
        &self,
        (message, part, queued): (&Message, &Part, &crate::QueuedLead),
        code: ParkCode,
    ) -> Parked {
        let part = Part {
            leads: vec![queued.clone()],
            note: header_of(part),
            ..part.clone()
        };
        self.parked(
            Message {
                attempt: message.attempt.saturating_add(1),
                replays: message.replays,
                parts: vec![part],
            },
            code,
        )
    }

    fn parked(&self, single: Message, code: ParkCode) -> Parked {
        let id = ids_of(&single)
            .next()
            .map_or_else(|| self.ids.next(), |id| id.0);
        Parked {
            id: DeadLetterId(id),
            attempts: single.attempt,
            payload: DeadPayload::Lead(single),
            code,
            at: self.clock.now(),
        }
    }
}

/// What became of the leads that were not simply stored.
#[derive(Default)]
struct Verdict {
    parked: Vec<Parked>,
    again: HashSet<crate::LeadId>,
}

fn ids_of(message: &Message) -> impl Iterator<Item = crate::LeadId> + '_ {
    message
        .parts
        .iter()
        .flat_map(|part| part.leads.iter().map(|queued| queued.lead.id))
}

fn notes_of(message: &Message) -> Vec<BatchNote> {
    message
        .parts
        .iter()
        .filter_map(|part| part.note.clone())
        .collect()
}

/// The part's note without the rejected rows, which were written when the part was first met.
fn header_of(part: &Part) -> Option<BatchNote> {
    part.note.clone().map(|note| BatchNote {
        rejected: Vec::new(),
        ..note
    })
}

/// How to settle a delivery whose place these messages take. More than a batch holds cannot come
/// out of one message; such a delivery would be kept rather than lost.
fn in_place_of(
    messages: Vec<Message>,
    settlement: impl FnOnce(Batch<Message>) -> Settlement,
) -> Settlement {
    match Batch::new(messages) {
        Ok(messages) => settlement(messages),
        Err(BatchSizeError::Empty) => Settlement::Done,
        Err(BatchSizeError::TooLong) => Settlement::Return,
    }
}

/// One message a lead.
fn singles(message: &Message) -> Vec<Message> {
    message
        .parts
        .iter()
        .flat_map(|part| {
            part.leads.iter().map(|queued| Message {
                attempt: message.attempt,
                replays: message.replays,
                parts: vec![Part {
                    leads: vec![queued.clone()],
                    note: header_of(part),
                    thread_key: part.thread_key.clone(),
                    trace_parent: part.trace_parent.clone(),
                    owner: part.owner,
                    accepted_at: part.accepted_at,
                }],
            })
        })
        .collect()
}
