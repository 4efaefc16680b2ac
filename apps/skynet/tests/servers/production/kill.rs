//! Processes killed at any moment, under load.

use reqwest::Method;
use test_rig::Process;
use test_rig::load::{Api, Chance, Load, verify};

use crate::place::{Place, terminated};

const KILLS: usize = 24;
const CLIENTS: usize = 6;
const SEED: u64 = 20_261_124;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_promise_is_kept_by_nodes_that_are_killed_again_and_again() {
    let mut chance = Chance::new(SEED);
    let place = Place::new().await;
    let mut nodes = [
        place.start_api().once_ready().await,
        place.start_api().once_ready().await,
    ];
    let mut workers = [place.start_worker(), place.start_worker()];
    let api = nodes[0].api.sign_in().await;
    let apis = nodes.each_ref().map(|it| api.at(it.api_base()));
    let load = Load::start("kill", apis.to_vec(), CLIENTS, SEED);
    for _ in 0..KILLS {
        load.answered(chance.below(120)).await;
        let which = chance.below(2);
        if chance.one_in(2) {
            nodes[which].replace(&place);
        } else {
            workers[which].kill();
            workers[which] = place.start_worker();
        }
    }
    for node in &mut nodes {
        node.ready().await;
    }
    load.answered(100).await;
    let ledger = load.finish().await;
    settled(&place, &api, &mut workers).await;

    // What took several workers down with it by chance is parked; nothing but that may be.
    let replay = api
        .call(Method::POST, "/api/v1/failed/replay", r#"{"all":true}"#)
        .await;
    settled(&place, &api, &mut workers).await;
    let tally = verify(&api, &ledger).await;
    println!("{KILLS} kills: {tally}; replay: {replay}");
    assert!(tally.stored > 1_000 && tally.duplicate > 0, "{tally}");
}

/// Waits until nothing is left to do. A broker does not tell what is in a worker's hands, so the
/// workers end in between, and what they held shows as waiting or is done.
async fn settled(place: &Place, api: &Api, workers: &mut [Process; 2]) {
    loop {
        api.drained().await;
        for worker in &mut *workers {
            assert_eq!(terminated(worker).await.code(), Some(0), "{}", worker.log());
        }
        let queues = &api.get("/api/v1/queue").await["data"]["queues"];
        let is_empty = queues.as_array().unwrap().iter().all(|it| it["ready"] == 0);
        *workers = [place.start_worker(), place.start_worker()];
        if is_empty {
            return;
        }
    }
}
