//! Who sent the leads that wait.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use kernel::{Batch, Clock, Timestamp, UserId};
use lead::LeadId;
use lead::ports::WaitingLeads;

use super::lock;

const KEPT_FOR: Duration = Duration::from_hours(24);

/// Senders by lead.
pub struct MemoryWaiting {
    clock: Arc<dyn Clock>,
    held: Mutex<HashMap<LeadId, (UserId, Timestamp)>>,
}

impl MemoryWaiting {
    /// Nobody waits yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            held: Mutex::default(),
        }
    }
}

#[async_trait]
impl WaitingLeads for MemoryWaiting {
    async fn hold(&self, leads: &Batch<LeadId>, owner: UserId, at: Timestamp) {
        lock(&self.held).extend(leads.iter().map(|lead| (*lead, (owner, at))));
    }

    async fn owner(&self, lead: LeadId) -> Option<(UserId, Timestamp)> {
        let now = self.clock.now();
        let held = lock(&self.held).get(&lead).copied();
        held.filter(|(_, at)| now.since(*at) < KEPT_FOR)
    }
}
