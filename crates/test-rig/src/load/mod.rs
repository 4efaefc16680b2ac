//! A load of known leads on an API, and whether what was promised for each was kept.

mod api;
mod chance;
mod clients;
mod ledger;
mod sent;
mod verify;

pub use self::api::Api;
pub use self::chance::Chance;
pub use self::clients::{Answers, Load};
pub use self::ledger::{Ledger, Promise, Submission};
pub use self::sent::{Flaw, Sent};
pub use self::verify::{CANARY, Tally, verify};
