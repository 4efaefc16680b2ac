//! The embedded store: one `SQLite` file in WAL mode, synced at every commit, with one connection
//! that writes and several that only read and never wait for it.

mod dialect;
mod errors;
mod open;
mod place;

pub use self::open::{OpenError, open, open_current};
pub use store_sql::SqlStore as SqliteStore;
