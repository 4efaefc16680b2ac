//! Servers for tests: private ones, and ways to hurt them.
//!
//! - [`Servers`]: a database, a broker and a cache of the caller's own, on ports of their own, with their
//!   data in a temporary folder. They end with the value, and with the process that started them
//!   however that ends.
//! - [`Server`]: stop, kill, start again on the same port and data, pause, go on.
//! - [`load`]: clients that send leads of every kind and write down what they are promised, and a
//!   comparison of that with what a system kept.
//! - [`Proxy`]: a door in front of a server that refuses, stalls, cuts, or swallows one direction.
//!
//! No product code depends on this crate.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a test stops where something is not as it should be"
)]

mod broker;
mod cache;
mod database;
pub mod load;
mod port;
mod process;
mod programs;
mod proxy;
mod server;
mod servers;
mod session;

pub use self::broker::Broker;
pub use self::cache::Cache;
pub use self::database::Database;
pub use self::port::Port;
pub use self::process::{Process, tethered};
pub use self::proxy::{Direction, Proxy};
pub use self::server::{PATIENCE, Probe, Server};
pub use self::servers::{RigError, Servers, Setup};
pub use self::session::Session;
