//! Kept reads, limits, the senders of waiting leads, and the idempotency keys of requests that write
//! the queue, in Redis, 6.2 and later, shared by all nodes.
//!
//! Nothing here is needed to be right: with Redis away reads go to the store, limits are counted by
//! each node for itself, and senders are forgotten. So Redis gets little time, at most 50 ms in a
//! request, and none while it is known to be away. Only a request with an idempotency key waits
//! longer, up to 1 s for each record, and is refused when the key cannot be recorded; a record
//! that is lost later makes a request that is sent again a second one, whose leads are duplicates.
//!
//! - The link: one connection that all calls share, and one for each thread that has a runtime of its
//!   own. A supervisor makes the shared one, proves once a second that it works, and makes another
//!   after a fault. A call that gets no answer in time sets it in doubt:
//!   the next ones go without Redis until a round trip has shown that it answers.
//! - Reads: each kind, lists and single leads, has a *token*, a random text. It stands in front of
//!   what is kept, and what has another one in front is not there. A bump gives the lists another
//!   token, so nothing is ever deleted, or found by a pattern. What a node read lately it has itself as
//!   well, up to 4 MiB, and asks for the token alone; who wants to know the same token asks together.
//! - Limits: one script, by the server's clock. Of a large quota a node takes a hundredth at once,
//!   and hands that out for as long as the shared count owes it.
//! - Idempotency keys: one script for each call, by the caller's clock.
//!
//! # What is where
//!
//! Every key begins with the namespace, and every key expires.
//!
//! | Key | Holds | For |
//! |---|---|---|
//! | `:token:list`, `:token:lead` | the token of a kind | a day |
//! | `:list:<query>`, `:lead:<id>:<form>` | a token and an answer | 5 s from the beginning of the read |
//! | `:limit:<who>` | the time when a quota is whole again, in µs | until then |
//! | `:waits:<16 bytes of an id>` | who sent a lead, and when | 24 h |
//! | `:claim:<SHA-256 of user, path and key>` | how a request stands, what it was, its answer | 24 h from the first claim |
//! | `:works` | proof that Redis takes what is written | 1 s |

mod backoff;
mod cache;
mod claims;
mod deadline;
mod debt;
mod flight;
mod leases;
mod link;
mod near;
mod options;
mod own;
mod reads;
mod round;
mod script;
mod throttle;
mod token;
mod waiting;

pub use self::cache::RedisCache;
pub use self::options::{OpenError, Options};
