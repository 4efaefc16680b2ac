//! The production store: `MySQL` from 8.0.19 on, and `MariaDB` from 10.6 on.
//!
//! - [`connect_lazily`] gives the store at once; its calls fail as unavailable until the server
//!   answers, and recover by themselves whenever it went away.
//! - [`prepare`] connects once and says what is wrong: the server, the credentials, the schema.
//!   Asked to, it brings the schema up to date, one process at a time.
//!
//! Writers and readers have pools of their own, so that a reader never waits for a writer; a thread
//! with a runtime of its own has a connection besides, for leads that come alone. Every
//! call ends within [`Options::statement_timeout`]; the connection of one that did not is thrown
//! away, and so is every other that was open then.

mod at_once;
mod bound;
mod candidates;
mod detour;
mod dialect;
mod errors;
mod literals;
mod open;
mod options;
mod own;
mod place;
mod prepare;
mod session;

pub use self::open::{OpenError, connect_lazily, open, open_current};
pub use self::options::Options;
pub use self::prepare::{Schema, prepare};
pub use store_sql::SqlStore as MysqlStore;
