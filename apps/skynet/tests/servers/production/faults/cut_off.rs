//! Servers that are there and cannot be reached.

use std::time::Duration;

use test_rig::{Direction, Proxy};

use super::doors::Role;
use super::scene::Scene;

/// How long the way to a server stays as it is once every API has told so.
const CUT_OFF: Duration = Duration::from_secs(2);

async fn in_every_way(role: Role, names: [&'static str; 4]) {
    let ways: [fn(&Proxy); 4] = [
        Proxy::refuse,
        Proxy::stall,
        |door| door.swallow(Direction::ToServer),
        |door| door.swallow(Direction::ToClient),
    ];
    let mut scene = Scene::new().await;
    for (name, cut_off) in names.into_iter().zip(ways) {
        scene
            .tried(name, async |scene, _| {
                scene.doors(role, cut_off);
                scene.tells(role).await;
                tokio::time::sleep(CUT_OFF).await;
                scene.doors(role, Proxy::pass);
                scene.recovers().await
            })
            .await;
    }
    scene.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_cut_off() {
    let names = [
        "broker refuses connections",
        "broker stalls",
        "bytes to the broker vanish",
        "bytes from the broker vanish",
    ];
    in_every_way(Role::Queue, names).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_cut_off() {
    let names = [
        "database refuses connections",
        "database stalls",
        "bytes to the database vanish",
        "bytes from the database vanish",
    ];
    in_every_way(Role::Store, names).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cache_that_is_cut_off() {
    let names = [
        "cache refuses connections",
        "cache stalls",
        "bytes to the cache vanish",
        "bytes from the cache vanish",
    ];
    in_every_way(Role::Cache, names).await;
}
