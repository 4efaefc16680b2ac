//! The lead itself.

use std::fmt;

use eav::Attributes;
use kernel::{Timestamp, UserId, time_of_uuid};
use uuid::Uuid;

use crate::{BirthDate, Email, PersonName, Phone};

/// The identity of a lead, given when it is accepted: a version 7 UUID, so it carries that moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeadId(pub Uuid);

impl LeadId {
    /// When the lead was accepted; the epoch for an id of another version.
    pub fn created_at(self) -> Timestamp {
        time_of_uuid(self.0).unwrap_or(Timestamp::from_unix_ms(0))
    }
}

impl fmt::Display for LeadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where a lead stands in the sales process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Status {
    /// To be worked on; what a lead is unless it says otherwise.
    #[default]
    Active,
    /// Put aside.
    Inactive,
    /// Became a customer.
    Converted,
    /// Found to be no lead.
    Invalid,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 4] = [Self::Active, Self::Inactive, Self::Converted, Self::Invalid];

    /// The status as it is sent and stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Converted => "converted",
            Self::Invalid => "invalid",
        }
    }

    /// The status of exactly that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == name)
    }
}

/// What was said about a lead, all of it valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeadDetails {
    /// First name.
    pub first_name: PersonName,
    /// Last name.
    pub last_name: PersonName,
    /// E-mail address, and the key under which it is unique.
    pub email: Email,
    /// Phone number.
    pub phone: Option<Phone>,
    /// Day of birth.
    pub date_of_birth: Option<BirthDate>,
    /// Where the lead stands.
    pub status: Status,
    /// Everything else that was said, in the order it was sent.
    pub attributes: Attributes,
}

/// A lead on its way into the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewLead {
    /// Its identity, also across redeliveries.
    pub id: LeadId,
    /// Who sent it.
    pub submitted_by: UserId,
    /// What was said about it.
    pub details: LeadDetails,
}

/// A lead in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lead {
    /// Its identity; [`LeadId::created_at`] is when it was accepted.
    pub id: LeadId,
    /// Who sent it.
    pub submitted_by: UserId,
    /// What was said about it.
    pub details: LeadDetails,
    /// When its row changed last.
    pub updated_at: Timestamp,
}
