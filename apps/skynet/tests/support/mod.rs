//! A running `skynet serve`, a load on it, and what it promised.

mod chance;
mod ledger;
mod load;
mod sent;
mod server;
mod verify;

pub(crate) use self::chance::Chance;
pub(crate) use self::load::Load;
pub(crate) use self::server::Server;
pub(crate) use self::verify::verify;
