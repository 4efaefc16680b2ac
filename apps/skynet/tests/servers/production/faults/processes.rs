//! Processes that are killed, stand still, and are replaced.

use std::time::Duration;

use test_rig::load::{Answers, Chance};

use super::balancer::Balancer;
use super::doors::Role;
use super::scene::{Healed, Scene};
use crate::place::terminated;

/// How often a process is killed where `SKYNET_FAULTS_KILLS` does not say otherwise.
const KILLS: usize = 24;
const SEED: u64 = 20_261_124;

fn kills() -> usize {
    let text = std::env::var("SKYNET_FAULTS_KILLS");
    text.map_or(KILLS, |it| {
        it.parse().expect("SKYNET_FAULTS_KILLS is a number")
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_promise_is_kept_by_nodes_that_are_killed_again_and_again() {
    let mut chance = Chance::new(SEED);
    let mut scene = Scene::new().await;
    scene
        .tried("API or worker killed", async |scene, load| {
            for _ in 0..kills() {
                load.answered(chance.below(120)).await;
                let which = chance.below(2);
                if chance.one_in(2) {
                    scene.nodes[which].replace(&scene.place);
                } else {
                    scene.workers[which].kill();
                    scene.workers[which] = scene.start_worker();
                }
            }
            let recovery = scene.recovers().await.recovery;
            // What took several workers down with it by chance is parked; nothing but that may be.
            let parked = scene.parked().await;
            assert!(
                parked.iter().all(|it| it["code"] == "crash_loop"),
                "{parked:?}"
            );
            scene.replay().await;
            Healed {
                recovery,
                dead: parked.len(),
            }
        })
        .await;
    scene.ends().await;
}

/// A worker that stands still longer than the broker believes it alive.
const STANDSTILL: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_stood_still_stores_nothing_again() {
    let mut scene = Scene::new().await;
    scene
        .tried("worker paused", async |scene, load| {
            scene.workers[0].signal("-STOP");
            tokio::time::sleep(STANDSTILL).await;
            // What it held is the other one's by now.
            let receipts = scene.queues().await;
            for receipt in receipts {
                scene.is_stored(&receipt).await;
            }
            scene.workers[0].signal("-CONT");
            load.answered(60).await;
            scene.recovers().await
        })
        .await;
    scene.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_are_asked_to_end_while_a_server_is_away_end_in_time() {
    // What is accepted until all have ended is before the lead by which the recovery is told.
    let mut scene = Scene::told(&[("SKYNET_SHUTDOWN_SECONDS", "5")]).await;
    scene
        .tried("asked to end without a broker", async |scene, _| {
            scene.place.servers.broker.stop().await;
            scene.tells(Role::Queue).await;
            restart_all(scene).await;
            scene.place.servers.broker.start().await.unwrap();
            scene.recovers().await
        })
        .await;
    scene
        .tried("asked to end without a database", async |scene, _| {
            scene.place.servers.database.stop().await;
            scene.tells(Role::Store).await;
            restart_all(scene).await;
            scene.place.servers.database.start().await.unwrap();
            scene.recovers().await
        })
        .await;
    scene.ends().await;
}

/// Every process is asked to end, does so, and is started again.
async fn restart_all(scene: &mut Scene) {
    for at in 0..2 {
        let ended = terminated(&mut scene.workers[at]).await;
        assert_eq!(ended.code(), Some(0), "{}", scene.workers[at].log());
        scene.workers[at] = scene.start_worker();
        let node = &mut scene.nodes[at];
        let ended = terminated(&mut node.process).await;
        assert_eq!(ended.code(), Some(0), "{}", node.process.log());
        node.replace(&scene.place);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_breaks_no_request() {
    let mut scene = Scene::told(&[("SKYNET_DRAIN_DELAY_SECONDS", "1")]).await;
    let balancer = Balancer::start(scene.nodes.each_ref().map(|it| it.address.clone())).await;
    let load = scene.load(vec![scene.api.at(balancer.base())]);
    scene
        .tried_under("rolling restart", load, async |scene, load| {
            for at in [0, 1, 0, 1] {
                let ended = terminated(&mut scene.workers[at]).await;
                assert_eq!(ended.code(), Some(0), "{}", scene.workers[at].log());
                scene.workers[at] = scene.start_worker();
                let node = &mut scene.nodes[at];
                let ended = terminated(&mut node.process).await;
                assert_eq!(ended.code(), Some(0), "{}", node.process.log());
                node.replace(&scene.place);
                node.ready().await;
                load.answered(30).await;
            }
            let failed = Answers {
                answered: 0,
                ..load.answers()
            };
            assert_eq!(failed, Answers::default());
            scene.recovers().await
        })
        .await;
    scene.ends().await;
}
