//! Reference adapters: every port in memory, in the plainest way that keeps its promises.
//!
//! A process that dies is a dropped [`MemoryConsumer`]; a server that is away is
//! [`MemoryLeadStore::set_away`] and its like.

mod accounts;
mod cache;
mod claims;
mod family;
mod lead_store;
mod password;
mod queue;
mod registry;
mod throttle;
mod token;
mod waiting;
mod world;

pub use self::accounts::MemoryAccounts;
pub use self::cache::MemoryCache;
pub use self::claims::MemoryClaims;
pub use self::family::{Family, family};
pub use self::lead_store::MemoryLeadStore;
pub use self::password::PlainHasher;
pub use self::queue::{MemoryConsumer, MemoryQueue};
pub use self::registry::MemoryRegistry;
pub use self::throttle::MemoryThrottle;
pub use self::token::PlainTokens;
pub use self::waiting::MemoryWaiting;
pub use self::world::{AlwaysWell, ManualClock, SeededEntropy, TickingClock};

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A lock that a panic in another test does not poison.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Why a reference adapter that was told to be away does not answer.
#[derive(Debug)]
struct Away;

impl std::fmt::Display for Away {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("told to be away")
    }
}

impl std::error::Error for Away {}
