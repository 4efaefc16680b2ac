//! Leads, messages and accounts that nobody made before: each carries a random prefix of this run
//! and a number, so that tests share a server without cleaning up.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use auth::{EmailAddress, NewAccount, PasswordHash, Role, Roles, Username};
use eav::{Attribute, AttributeName, Attributes, Value};
use kernel::{Clock, Entropy, IdSource, ThreadKey, Timestamp, UserId};
use lead::ports::{Arrival, Intake};
use lead::{
    BatchId, BatchNote, DeadLetterId, DeadPayload, Email, LeadDetails, LeadId, Message, NewLead,
    ParkCode, Parked, Part, PersonName, Progress, QueuedLead, RowKey, Status,
};
use uuid::Uuid;

use crate::memory::{SeededEntropy, TickingClock};

static RUN: LazyLock<u64> = LazyLock::new(random_seed);
static NUMBER: AtomicU64 = AtomicU64::new(0);
static ENTROPY: LazyLock<Arc<SeededEntropy>> = LazyLock::new(|| Arc::new(SeededEntropy::new(*RUN)));
static IDS: LazyLock<IdSource> =
    LazyLock::new(|| IdSource::new(Arc::new(TickingClock), ENTROPY.clone()));

/// Bits that differ from run to run and from call to call.
pub fn random_seed() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// A word of lower-case letters, digits and dashes that no test used before; at most 40 bytes.
pub fn unique() -> String {
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    format!("t{:x}-{number}", *RUN)
}

/// The host's moment.
pub fn now() -> Timestamp {
    TickingClock.now()
}

/// A new id, later than every one before it in this run.
pub fn any_id() -> Uuid {
    IDS.next()
}

/// Somebody.
pub fn any_user() -> UserId {
    UserId(any_id())
}

/// The key of some request.
pub fn any_thread_key() -> ThreadKey {
    ThreadKey::new(now(), &**ENTROPY as &dyn Entropy)
}

/// A name, which has to be one.
pub fn name(text: &str) -> PersonName {
    PersonName::parse(text).expect("a name")
}

/// An address, which has to be one.
pub fn email(text: &str) -> Email {
    Email::parse(text).expect("an e-mail address")
}

/// A lead with what is required and nothing else.
pub fn any_lead() -> NewLead {
    lead_of(&format!("{}@example.com", unique()))
}

/// A lead with that address.
pub fn lead_of(address: &str) -> NewLead {
    NewLead {
        id: LeadId(any_id()),
        submitted_by: any_user(),
        details: LeadDetails {
            first_name: name("Ada"),
            last_name: name("Lovelace"),
            email: email(address),
            phone: None,
            date_of_birth: None,
            status: Status::Active,
            attributes: Attributes::default(),
        },
    }
}

/// Another lead, later, with the same address.
pub fn twin_of(lead: &NewLead) -> NewLead {
    NewLead {
        id: LeadId(any_id()),
        ..lead.clone()
    }
}

/// A lead that says this besides.
pub fn lead_with_attributes(attributes: Vec<(&str, Value)>) -> NewLead {
    let attribute = |(name, value): (&str, Value)| Attribute {
        name: AttributeName::parse(name).expect("an attribute name"),
        value,
    };
    let list = attributes.into_iter().map(attribute).collect();
    let mut lead = any_lead();
    lead.details.attributes = Attributes::new(list).expect("different names, 256 at most");
    lead
}

/// A lead on its first way into the store, sent alone.
pub fn arrival(lead: &NewLead) -> Arrival {
    Arrival {
        lead: Arc::new(lead.clone()),
        row: None,
        attempts: 1,
    }
}

/// What one transaction takes in: these leads, sent alone, now.
pub fn intake_of(leads: &[NewLead]) -> Intake {
    Intake {
        at: now(),
        leads: leads.iter().map(arrival).collect(),
        notes: Vec::new(),
    }
}

/// A bulk submission as its chunks tell of it.
#[derive(Clone, Copy, Debug)]
pub struct Bulk {
    /// Its identity.
    pub id: BatchId,
    /// Who sent it.
    pub owner: UserId,
    /// When it was accepted.
    pub accepted_at: Timestamp,
}

/// A submission that nobody sent before.
pub fn any_bulk() -> Bulk {
    Bulk {
        id: BatchId(any_id()),
        owner: any_user(),
        accepted_at: now(),
    }
}

impl Bulk {
    /// What a chunk says after `received` rows, `rejected` of which were not accepted.
    pub fn note(&self, received: u64, rejected: u64, complete: bool) -> BatchNote {
        BatchNote {
            batch: self.id,
            owner: self.owner,
            accepted_at: self.accepted_at,
            progress: Progress {
                received,
                rejected,
                complete,
            },
            rejected: Vec::new(),
        }
    }

    /// A lead of this submission's sender.
    pub fn lead(&self) -> NewLead {
        self.own(any_lead())
    }

    /// That lead, sent by this submission's sender.
    pub fn own(&self, lead: NewLead) -> NewLead {
        NewLead {
            submitted_by: self.owner,
            ..lead
        }
    }

    /// A lead at its row, on its first way into the store.
    pub fn arrival(&self, index: u64, lead: &NewLead) -> Arrival {
        Arrival {
            row: Some(RowKey {
                batch: self.id,
                index,
            }),
            ..arrival(lead)
        }
    }

    /// A part with these leads, in rows from `first_index`.
    pub fn part(&self, note: BatchNote, first_index: u64, leads: &[NewLead]) -> Part {
        let queued = |(index, lead): (u64, &NewLead)| QueuedLead {
            index,
            lead: Arc::new(lead.clone()),
        };
        Part {
            thread_key: any_thread_key(),
            trace_parent: None,
            owner: self.owner,
            accepted_at: self.accepted_at,
            note: Some(note),
            leads: (first_index..).zip(leads).map(queued).collect(),
        }
    }

    /// A lead of this submission that could not be worked on.
    pub fn parked(&self, index: u64, lead: &NewLead) -> Parked {
        let part = self.part(
            self.note(index + 1, 0, false),
            index,
            std::slice::from_ref(lead),
        );
        parked_message(Message {
            attempt: 6,
            ..Message::first(vec![part])
        })
    }
}

/// Every character of the first blocks but NUL, and some that are seldom tried: separators, the byte
/// order mark, the replacement character, some of four bytes, the last of all.
pub fn odd_characters() -> String {
    let seldom = [0x2028, 0xfeff, 0xfffd, 0x1_f980, 0x10_ffff];
    let all = (1..=0x2ff).chain(seldom);
    all.filter_map(char::from_u32).collect()
}

/// The request of one lead, sent alone.
pub fn part_of(lead: &NewLead) -> Part {
    Part {
        thread_key: any_thread_key(),
        trace_parent: None,
        owner: lead.submitted_by,
        accepted_at: lead.id.created_at(),
        note: None,
        leads: vec![QueuedLead {
            index: 0,
            lead: Arc::new(lead.clone()),
        }],
    }
}

/// A message with these leads, each of a request of its own.
pub fn message_of(leads: &[NewLead]) -> Message {
    Message::first(leads.iter().map(part_of).collect())
}

/// A message with so many leads.
pub fn any_message(leads: usize) -> Message {
    let leads: Vec<NewLead> = (0..leads).map(|_| any_lead()).collect();
    message_of(&leads)
}

/// A lead, sent alone, that could not be worked on.
pub fn parked(lead: &NewLead) -> Parked {
    parked_message(Message {
        attempt: 6,
        ..message_of(std::slice::from_ref(lead))
    })
}

/// A message of one lead, parked under that lead's id.
pub fn parked_message(message: Message) -> Parked {
    let lead = message.parts[0].leads[0].lead.id;
    Parked {
        id: DeadLetterId(lead.0),
        attempts: message.attempt,
        payload: DeadPayload::Lead(message),
        code: ParkCode::AttemptsSpent,
        at: now(),
    }
}

/// Bytes, parked because nobody could read them.
pub fn parked_bytes(bytes: &[u8]) -> Parked {
    Parked {
        id: DeadLetterId(any_id()),
        payload: DeadPayload::Bytes(bytes.to_vec()),
        code: ParkCode::Undecodable,
        attempts: 0,
        at: now(),
    }
}

/// Somebody's account, with a hash of the password `password123` by the plain hasher.
pub fn any_account() -> NewAccount {
    let username = unique();
    NewAccount {
        id: any_user(),
        email: EmailAddress::parse(&format!("{username}@example.com")).expect("an address"),
        username: Username::parse(&username).expect("a user name"),
        password: PasswordHash::new("plain:password123".to_owned()),
        roles: Roles::new([Role::User]).expect("a role"),
        created_at: now(),
    }
}
