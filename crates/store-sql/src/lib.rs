//! The store in the SQL that `SQLite` and `MySQL` share: tables, mapping, and every port of the
//! store over them.
//!
//! An adapter for a database opens connections and gives its [`Dialect`]: how a write transaction
//! begins, what its errors mean, and how rows of leads are written fast.

mod accounts;
mod append;
mod claims;
mod dead;
mod dialect;
mod entity;
mod failure;
mod find;
mod forget;
mod ledger;
mod names;
mod news;
mod packed;
mod park;
mod place;
mod results;
mod riders;
mod row;
mod search;
mod store;

pub use self::dialect::{Dialect, Placed, Placement};
pub use self::failure::Failure;
pub use self::news::{NewLeads, SubmissionChange};
pub use self::place::{Holder, Holders, chunks, id_range};
pub use self::row::LeadRow;
pub use self::store::SqlStore;
