//! Sending parked leads again.

use std::sync::Arc;

use kernel::{Batch, Timestamp};

use crate::ports::{DeadLetters, LeadPublisher, QueueError, SeenDead, StoreError};
use crate::{DeadLetter, DeadLetterId, DeadPayload, Message};

/// Puts parked leads back into the queue, then takes their rows away. Two at once, or one that
/// dies half-way, are harmless: a lead that is sent twice is stored once.
pub struct ReplayFailed {
    dead: Arc<dyn DeadLetters>,
    publisher: Arc<dyn LeadPublisher>,
}

/// Which parked messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplayScope {
    /// These.
    Ids(Vec<DeadLetterId>),
    /// All that were parked up to now.
    All {
        /// Now: what is parked later is not sent again in a circle.
        until: Timestamp,
    },
}

/// What a replay did, or would do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Messages that are, or would be, in the queue again.
    pub replayed: u64,
    /// Messages that nobody can read; they stay.
    pub unreadable: u64,
    /// Ids under which nothing is parked.
    pub unknown: u64,
}

/// Why a replay stopped. What was sent until then is sent; calling again goes on.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The queue.
    #[error(transparent)]
    Queue(#[from] QueueError),
}

/// Parked messages that are read at once; each may hold a lead of 64 KiB.
const PAGE: u16 = 100;

impl ReplayFailed {
    /// A replay over these ports.
    pub fn new(dead: Arc<dyn DeadLetters>, publisher: Arc<dyn LeadPublisher>) -> Self {
        Self { dead, publisher }
    }

    /// Sends what is in `scope` again; with `dry_run` it only counts.
    ///
    /// # Errors
    ///
    /// See [`ReplayError`].
    pub async fn run(&self, scope: &ReplayScope, dry_run: bool) -> Result<Replayed, ReplayError> {
        let mut done = Replayed::default();
        match scope {
            ReplayScope::Ids(ids) => {
                let mut ids = ids.clone();
                ids.sort_unstable();
                ids.dedup();
                for ids in ids.chunks(usize::from(PAGE)) {
                    let mut letters = Vec::with_capacity(ids.len());
                    for id in ids {
                        match self.dead.show(*id).await? {
                            Some(letter) => letters.push(letter),
                            None => done.unknown += 1,
                        }
                    }
                    self.send(letters, dry_run, &mut done).await?;
                }
            }
            ReplayScope::All { until } => {
                let mut after = None;
                loop {
                    let mut page = self.dead.list(after, PAGE).await?;
                    let Some(last) = page.last() else { break };
                    after = Some(last.id);
                    page.retain(|letter| letter.last_seen <= *until);
                    self.send(page, dry_run, &mut done).await?;
                }
            }
        }
        Ok(done)
    }

    async fn send(
        &self,
        letters: Vec<DeadLetter>,
        dry_run: bool,
        done: &mut Replayed,
    ) -> Result<(), ReplayError> {
        let mut messages = Vec::with_capacity(letters.len());
        let mut seen = Vec::with_capacity(letters.len());
        for letter in letters {
            match letter.payload {
                DeadPayload::Lead(message) => {
                    seen.push(SeenDead {
                        id: letter.id,
                        replays: letter.replays,
                    });
                    let replays = letter.replays.saturating_add(1);
                    messages.push(Message {
                        attempt: 0,
                        replays,
                        ..message
                    });
                }
                DeadPayload::Bytes(_) => done.unreadable += 1,
            }
        }
        let count = messages.len() as u64;
        if let (false, Ok(messages), Ok(seen)) = (dry_run, Batch::new(messages), Batch::new(seen)) {
            self.publisher.publish(&messages).await?;
            self.dead.replayed(&seen).await?;
        }
        done.replayed += count;
        Ok(())
    }
}
