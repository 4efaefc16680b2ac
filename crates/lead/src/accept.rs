//! Accepting leads: giving them their identity.

use kernel::{Timestamp, UserId, uuid_at};
use sha2::{Digest, Sha256};

use crate::{ClaimKey, LeadDetails, LeadId, NewLead};

/// Who sends leads, and when they were accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acceptance {
    /// Who sends them.
    pub owner: UserId,
    /// When.
    pub accepted_at: Timestamp,
}

impl Acceptance {
    /// The lead, under this identity.
    pub fn accept(&self, id: LeadId, details: LeadDetails) -> NewLead {
        NewLead {
            id,
            submitted_by: self.owner,
            details,
        }
    }
}

/// What the ids of one keyed request are derived from, so that the same request gives the same ids.
#[derive(Clone)]
pub struct IdSeed {
    accepted_at: Timestamp,
    hasher: Sha256,
}

impl IdSeed {
    /// The seed of the request with this key that was first accepted at that moment.
    pub fn new(key: &ClaimKey, accepted_at: Timestamp) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(key.owner.0.as_bytes());
        for part in [key.path.as_str(), key.key.as_str()] {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part.as_bytes());
        }
        Self {
            accepted_at,
            hasher,
        }
    }

    /// The id of row `index` with exactly these bytes; a corrected row gets another one.
    pub fn id_of(&self, index: u64, row: &[u8]) -> LeadId {
        let mut hasher = self.hasher.clone();
        hasher.update(index.to_be_bytes());
        hasher.update(row);
        let digest = hasher.finalize();
        let mut random = [0_u8; 16];
        random.copy_from_slice(&digest[..16]);
        LeadId(uuid_at(self.accepted_at, u128::from_be_bytes(random)))
    }
}
