//! The leads queue in `RabbitMQ`, 3.10 and later.
//!
//! A process holds at most three connections, which a pool makes: one publishes, one consumes, and
//! one looks how full the queues are. A supervisor keeps each of the first two alive. It connects,
//! declares the queues, serves, and after any fault closes everything and connects anew, after a
//! wait that grows and differs from everybody else's.
//!
//! - Publishing: callers stand in a bounded waiting list in front of a few channels. A channel
//!   carries one window of messages at a time, and a window counts as published only when the
//!   broker has acknowledged all of it and returned none of it. Leads that are sent alone share
//!   messages while earlier ones are being confirmed.
//! - Consuming: what the broker hands over waits in an inbox, from which callers take by the
//!   number of leads. Of a connection that died nothing can be settled any more: it comes again.
//! - Topology: the queues and their arguments.
//!
//! # What is where
//!
//! | Queue | Holds |
//! |---|---|
//! | `leads.work.v1` | what is to be stored |
//! | `leads.retry.v1.<delay>ms` | what waits that long and then goes back to work by itself |
//! | `leads.suspect.v1` | what goes alone |
//! | `leads.failed.v1` | what the broker took out of the others; a consumer moves it to the suspects |

mod backoff;
mod broker;
mod consume;
mod inbox;
mod look;
mod message;
mod options;
mod pace;
mod publish;
mod queue;
mod topology;
mod waiting;

pub use self::broker::OpenError;
pub use self::options::{Options, Role};
pub use self::queue::RabbitQueue;
