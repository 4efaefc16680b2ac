//! Servers that stop, die, and stand still.

use std::time::Duration;

use super::doors::Role;
use super::scene::{Healed, Scene};

/// How long a server stands still: longer than anybody waits for an answer.
const STANDSTILL: Duration = Duration::from_secs(8);

/// What is tried while a server is away: what does not need it works.
async fn goes_on_without(scene: &Scene, away: Role) -> Vec<String> {
    scene.tells(away).await;
    match away {
        Role::Store => scene.queues().await,
        Role::Queue => {
            scene.stores_and_finds().await;
            Vec::new()
        }
        Role::Cache => {
            scene.stores_and_finds().await;
            scene.queues().await
        }
    }
}

async fn recovers_with(scene: &mut Scene, receipts: Vec<String>) -> Healed {
    let healed = scene.recovers().await;
    for receipt in receipts {
        scene.is_stored(&receipt).await;
    }
    healed
}

/// A server of a scene, by its role.
macro_rules! server {
    ($scene:ident, $role:expr) => {
        match $role {
            Role::Store => &mut *$scene.place.servers.database,
            Role::Queue => &mut *$scene.place.servers.broker,
            Role::Cache => &mut *$scene.place.servers.cache,
        }
    };
}

async fn all_of(role: Role, [stops, dies, stands_still]: [&'static str; 3]) {
    let mut scene = Scene::new().await;
    scene
        .tried(stops, async |scene, _| {
            server!(scene, role).stop().await;
            let receipts = goes_on_without(scene, role).await;
            server!(scene, role).start().await.unwrap();
            recovers_with(scene, receipts).await
        })
        .await;
    scene
        .tried(dies, async |scene, _| {
            server!(scene, role).kill();
            let receipts = goes_on_without(scene, role).await;
            server!(scene, role).start().await.unwrap();
            recovers_with(scene, receipts).await
        })
        .await;
    scene
        .tried(stands_still, async |scene, _| {
            server!(scene, role).pause();
            let resumed = tokio::time::sleep(STANDSTILL);
            let receipts = goes_on_without(scene, role).await;
            resumed.await;
            server!(scene, role).resume();
            recovers_with(scene, receipts).await
        })
        .await;
    scene.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_stops_dies_or_stands_still() {
    let names = ["broker stopped", "broker killed", "broker paused"];
    all_of(Role::Queue, names).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_stops_dies_or_stands_still() {
    let names = ["database stopped", "database killed", "database paused"];
    all_of(Role::Store, names).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cache_that_stops_dies_or_stands_still() {
    let names = ["cache stopped", "cache killed", "cache paused"];
    all_of(Role::Cache, names).await;
}
