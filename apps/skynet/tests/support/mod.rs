//! A running `skynet serve`.

mod server;

pub(crate) use self::server::Server;
