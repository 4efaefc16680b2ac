//! The way of a process to its servers.

use std::net::SocketAddr;
use std::sync::Arc;

use test_rig::{Proxy, Servers};

/// A door in front of each server.
#[derive(Clone)]
pub(super) struct Doors {
    pub(super) database: Arc<Proxy>,
    pub(super) broker: Arc<Proxy>,
    pub(super) cache: Arc<Proxy>,
}

/// A server, by what it does for the product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Store,
    Queue,
    Cache,
}

impl Role {
    pub(super) const ALL: [Self; 3] = [Self::Store, Self::Queue, Self::Cache];

    /// As the API calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Queue => "queue",
            Self::Cache => "cache",
        }
    }
}

impl Doors {
    pub(super) async fn before(servers: &Servers) -> Self {
        let door = async |server: SocketAddr| Arc::new(Proxy::start(server).await.unwrap());
        Self {
            database: door(servers.database.address()).await,
            broker: door(servers.broker.address()).await,
            cache: door(servers.cache.address()).await,
        }
    }

    pub(super) fn of(&self, role: Role) -> &Arc<Proxy> {
        match role {
            Role::Store => &self.database,
            Role::Queue => &self.broker,
            Role::Cache => &self.cache,
        }
    }

    /// What a process is told that goes through them.
    pub(super) fn settings(&self, servers: &Servers) -> Vec<(&'static str, String)> {
        let ways = [
            (servers.database.address(), self.database.address()),
            (servers.broker.address(), self.broker.address()),
            (servers.cache.address(), self.cache.address()),
        ];
        let settings = servers.settings().into_iter().zip(ways);
        settings
            .map(|((name, url), (server, door))| {
                (name, url.replace(&server.to_string(), &door.to_string()))
            })
            .collect()
    }
}
