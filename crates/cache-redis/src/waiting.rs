//! Who sent the leads that wait.

use std::sync::Arc;
use std::time::Duration;

use kernel::{Batch, Timestamp, UserId};
use lead::LeadId;
use redis::Pipeline;
use tokio::time::Instant;
use uuid::Uuid;

use crate::link::Link;

/// What a note, or a look, may take of Redis.
const WAITING_LIMIT: Duration = Duration::from_millis(50);
/// How long a sender is known, in seconds.
const KEPT_SECONDS: u64 = 24 * 60 * 60;

/// Senders of leads.
pub(crate) struct Waiting {
    link: Arc<Link>,
    prefix: String,
}

impl Waiting {
    pub(crate) fn new(link: Arc<Link>, namespace: &str) -> Self {
        Self {
            link,
            prefix: format!("{namespace}:waits:"),
        }
    }

    pub(crate) async fn hold(&self, leads: &Batch<LeadId>, owner: UserId, at: Timestamp) {
        let sender = encode(owner, at);
        let mut notes = Pipeline::with_capacity(leads.len());
        for lead in leads.iter() {
            notes
                .cmd("SET")
                .arg(self.name(*lead))
                .arg(&sender[..])
                .arg("EX")
                .arg(KEPT_SECONDS)
                .ignore();
        }
        // Best effort: who sent it is in the store when the lead is.
        let _: Result<(), _> = self.link.ask(&notes, Instant::now() + WAITING_LIMIT).await;
    }

    pub(crate) async fn owner(&self, lead: LeadId) -> Option<(UserId, Timestamp)> {
        let mut question = Pipeline::with_capacity(1);
        question.cmd("GET").arg(self.name(lead));
        let until = Instant::now() + WAITING_LIMIT;
        let (sender,): (Option<Vec<u8>>,) = self.link.ask(&question, until).await.ok()?;
        decode(&sender?)
    }

    fn name(&self, lead: LeadId) -> Vec<u8> {
        [self.prefix.as_bytes(), lead.0.as_bytes()].concat()
    }
}

fn encode(owner: UserId, at: Timestamp) -> [u8; 24] {
    let mut bytes = [0; 24];
    bytes[..16].copy_from_slice(owner.0.as_bytes());
    bytes[16..].copy_from_slice(&at.unix_ms().to_be_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Option<(UserId, Timestamp)> {
    let (owner, at) = bytes.split_at_checked(16)?;
    let owner = Uuid::from_slice(owner).ok()?;
    let at = u64::from_be_bytes(at.try_into().ok()?);
    Some((UserId(owner), Timestamp::from_unix_ms(at)))
}
