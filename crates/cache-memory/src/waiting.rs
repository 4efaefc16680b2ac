//! Who sent the leads that wait.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use kernel::{Batch, Timestamp, UserId};
use lead::LeadId;
use lead::ports::WaitingLeads;

/// How long a sender is known.
const KEPT_FOR: Duration = Duration::from_hours(24);

/// Senders of the leads that were held last, up to a number; the oldest go first.
pub struct MemoryWaitingLeads {
    max: usize,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    senders: HashMap<LeadId, Sender>,
    /// Oldest first.
    order: VecDeque<LeadId>,
}

#[derive(Clone, Copy)]
struct Sender {
    owner: UserId,
    at: Timestamp,
    held_at: Instant,
}

impl MemoryWaitingLeads {
    /// How many are known unless said otherwise: about 25 MiB of them.
    pub const DEFAULT_MAX: usize = 250_000;

    /// Nobody waits yet; at most `max` will be known.
    pub fn new(max: usize) -> Self {
        Self {
            max: max.max(1),
            held: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryWaitingLeads {
    fn default() -> Self {
        Self::new(Self::DEFAULT_MAX)
    }
}

#[async_trait]
impl WaitingLeads for MemoryWaitingLeads {
    async fn hold(&self, leads: &Batch<LeadId>, owner: UserId, at: Timestamp) {
        let sender = Sender {
            owner,
            at,
            held_at: Instant::now(),
        };
        let mut held = self.lock();
        for lead in leads.iter() {
            if held.senders.insert(*lead, sender).is_none() {
                held.order.push_back(*lead);
            }
        }
        while held.order.len() > self.max {
            if let Some(oldest) = held.order.pop_front() {
                held.senders.remove(&oldest);
            }
        }
    }

    async fn owner(&self, lead: LeadId) -> Option<(UserId, Timestamp)> {
        let sender = self.lock().senders.get(&lead).copied()?;
        (sender.held_at.elapsed() < KEPT_FOR).then_some((sender.owner, sender.at))
    }
}
