//! The leads queue in a `SQLite` file of its own.
//!
//! What callers ask for while a transaction is being synced is done in the next one: publishing,
//! settling and handing out share transactions, and each caller is answered after the sync of its
//! own. One process consumes, and holds a lock on `<file>.lock` while it does; any number may
//! publish.
//!
//! Handing out is counted in the file before a message leaves it, so that a message that kills its
//! worker is known by its count. What is in hand is known to the consuming process alone: when it
//! ends in any way, the next one that opens the file finds everything unsettled available again.
//!
//! Pages of settled messages are used again, and given back to the file system when many are free.

mod file;
mod queue;
mod writer;

pub use self::queue::{OpenError, Role, SqliteQueue, open};
