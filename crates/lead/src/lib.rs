//! Sales leads: what one is, how one is accepted, stored, found and replayed.
//!
//! Nouns are parsed once at the edge and trusted inside. Verbs are built from ports ([`ports`]),
//! which adapters implement.

mod accept;
mod batch;
mod birth_date;
mod claim;
mod dead_letter;
mod email;
mod field;
mod find;
mod form;
mod key;
mod message;
mod model;
mod name;
mod phone;
pub mod ports;
mod replay;
mod retry;
mod store;

pub use self::accept::{Acceptance, IdSeed};
pub use self::batch::{
    BatchCounts, BatchId, BatchNote, BatchState, BatchView, Progress, RejectedRow, ResultRow,
    RowKey, RowOutcome,
};
pub use self::birth_date::{BirthDate, BirthDateError};
pub use self::claim::{Claim, ClaimKey, Fingerprint, KeyText, KeyTextError, StoredAnswer};
pub use self::dead_letter::{DeadLetter, DeadLetterId, DeadPayload, ParkCode, Parked};
pub use self::email::{Email, EmailError, MatchKey};
pub use self::field::{FieldCode, FieldError};
pub use self::find::{
    Filter, ListQuery, Position, Receipt, ReceiptState, SearchText, SearchTextError, Stats, Total,
};
pub use self::form::{LeadForm, Raw};
pub use self::key::FieldKey;
pub use self::message::{Lane, Message, Part, QueuedLead, TraceParent, TraceParentError};
pub use self::model::{Lead, LeadDetails, LeadId, NewLead, Status};
pub use self::name::{PersonName, PersonNameError};
pub use self::phone::{Phone, PhoneError};
pub use self::replay::{ReplayError, ReplayFailed, ReplayScope, Replayed};
pub use self::retry::RetryPolicy;
pub use self::store::{Outage, StoreLeads};
