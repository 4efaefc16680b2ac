//! Caches and limits in the memory of one process, each with a bound.
//!
//! Ages are measured by the monotonic clock, so that setting the host's clock changes none.

mod reads;
mod throttle;
mod waiting;

pub use self::reads::MemoryLeadCache;
pub use self::throttle::MemoryThrottle;
pub use self::waiting::MemoryWaitingLeads;
