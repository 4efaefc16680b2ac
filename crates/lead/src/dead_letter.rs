//! Messages that could not be worked on.

use std::fmt;

use kernel::{ThreadKey, Timestamp, UserId};
use uuid::Uuid;

use crate::Message;

/// The identity of a parked message: the id of its lead, or one made for unreadable bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeadLetterId(pub Uuid);

impl fmt::Display for DeadLetterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a message is parked. Names are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ParkCode {
    /// The store refuses the lead, and would again.
    Refused,
    /// Every attempt failed.
    AttemptsSpent,
    /// The bytes are no message of a known version.
    Undecodable,
    /// Workers die with it in hand.
    CrashLoop,
    /// The id is held by a lead with another e-mail.
    IdClash,
}

impl ParkCode {
    /// Every code.
    pub const ALL: [Self; 5] = [
        Self::Refused,
        Self::AttemptsSpent,
        Self::Undecodable,
        Self::CrashLoop,
        Self::IdClash,
    ];

    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::AttemptsSpent => "attempts_spent",
            Self::Undecodable => "undecodable",
            Self::CrashLoop => "crash_loop",
            Self::IdClash => "id_clash",
        }
    }

    /// What to tell a person.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Refused => "the store refuses this lead",
            Self::AttemptsSpent => "every attempt to store this lead failed",
            Self::Undecodable => "the message cannot be read",
            Self::CrashLoop => "workers stopped while working on this message",
            Self::IdClash => "the id is held by a lead with another email",
        }
    }

    /// The code of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == name)
    }
}

/// What a parked message carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeadPayload {
    /// One lead in one part, as it can be sent again; its attempt is where it ended.
    Lead(Message),
    /// Bytes that nobody could read; they can be looked at and discarded, not sent again.
    Bytes(Vec<u8>),
}

/// A message to park.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parked {
    /// Its identity; parking the same one again changes nothing but `last_seen`, the attempts, and
    /// the replays, which only go up.
    pub id: DeadLetterId,
    /// What it carries.
    pub payload: DeadPayload,
    /// Why.
    pub code: ParkCode,
    /// Attempts spent.
    pub attempts: u16,
    /// When.
    pub at: Timestamp,
}

/// A parked message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its identity.
    pub id: DeadLetterId,
    /// What it carries.
    pub payload: DeadPayload,
    /// Why.
    pub code: ParkCode,
    /// Attempts spent.
    pub attempts: u16,
    /// How often it was sent again before.
    pub replays: u16,
    /// The request it came with; none for unreadable bytes.
    pub thread_key: Option<ThreadKey>,
    /// Who sent it; none for unreadable bytes.
    pub owner: Option<UserId>,
    /// When it was parked first.
    pub first_seen: Timestamp,
    /// When it was parked last.
    pub last_seen: Timestamp,
}
