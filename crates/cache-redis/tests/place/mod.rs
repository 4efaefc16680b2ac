//! Nodes, and what they are asked.
#![allow(dead_code, reason = "each test file uses a part")]

use std::net::SocketAddr;
use std::sync::Arc;

use cache_redis::{Options, RedisCache};
use kernel::Secret;
use lead::LeadId;
use lead::ports::{LeadCache as _, ReadKey};
use testkit::fixtures::{any_id, unique};
use testkit::servers::{CACHE_VARIABLE, cache_url, run_name, unreachable};

/// A namespace of its own on the shared server.
pub fn options() -> Options {
    Options {
        namespace: run_name(),
        ..Options::new(Secret::new(cache_url()))
    }
}

/// A namespace of its own on a private server.
pub fn options_at(address: SocketAddr) -> Options {
    Options::new(Secret::new(format!("redis://{address}/0")))
}

/// A node that is connected.
pub async fn node_with(options: &Options) -> RedisCache {
    let node = RedisCache::connect_lazily(options.clone()).unwrap();
    let checked = node.check().await;
    checked.unwrap_or_else(|error| panic!("{error}: {}", unreachable(CACHE_VARIABLE)));
    node
}

/// A node that shares nothing with others.
pub async fn node() -> RedisCache {
    node_with(&options()).await
}

pub fn a_list() -> ReadKey {
    ReadKey::List(unique())
}

pub fn a_lead() -> ReadKey {
    ReadKey::Lead(LeadId(any_id()), "v1".to_owned())
}

/// Reads, where the store has that text.
pub async fn read(node: &RedisCache, key: &ReadKey, stored: &str) -> String {
    let bytes: Arc<[u8]> = stored.as_bytes().into();
    let load = Box::pin(async { Ok(Some(bytes)) });
    let answer = node.read(key, load).await.unwrap().unwrap();
    String::from_utf8(answer.to_vec()).unwrap()
}

/// Whether answers are kept and served again.
pub async fn keeps(node: &RedisCache) -> Option<()> {
    let key = a_lead();
    read(node, &key, "first").await;
    (read(node, &key, "second").await == "first").then_some(())
}
