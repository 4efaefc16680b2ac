//! What every domain library shares: moments, days, bounded batches, secrets, ids and causes.
//!
//! Nothing here has a policy, does I/O, or reads a clock: time and randomness come in through the
//! [`Clock`] and [`Entropy`] ports.

mod batch;
mod cause;
mod digits;
mod id;
mod probe;
mod secret;
mod text;
mod thread_key;
mod time;

pub use self::batch::{Batch, BatchSizeError};
pub use self::cause::Cause;
pub use self::id::{Entropy, IdError, IdSource, UserId, time_of_uuid, uuid_at};
pub use self::probe::Probe;
pub use self::secret::Secret;
pub use self::text::{has_control, is_longer, lower_case, trimmed};
pub use self::thread_key::{ThreadKey, ThreadKeyError};
pub use self::time::{Clock, Day, DayError, Timestamp, TimestampError};
