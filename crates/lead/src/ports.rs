//! What leads need of the world.
//!
//! One port call is one transaction. Answers are per item and aligned by position. `Err` promises
//! nothing, since a confirm or the answer to a commit can be lost: the same call may be made again
//! unchanged, and gets the answers it would have got.

mod cache;
mod claims;
mod dead_letters;
mod queue;
mod store;

pub use self::cache::{CACHE_MAX_AGE, LeadCache, Load, ReadKey, WaitingLeads};
pub use self::claims::{CLAIM_LEASE, CLAIM_LIFE, Claims, ClaimsError};
pub use self::dead_letters::{DeadLetters, SeenDead};
pub use self::queue::{
    DEPTHS_MAX_AGE, Delivery, DeliveryTag, LeadConsumer, LeadPublisher, QueueDepth, QueueError,
    QueueMonitor, ReceiveAsk, Settled, Settlement, Undecodable,
};
pub use self::store::{
    Appended, Arrival, Indexed, Intake, LeadFinder, LeadStore, ResultKind, ResultsQuery, StoreError,
};
