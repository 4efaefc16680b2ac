//! What a broker does of its own accord, or is made to do.

use std::time::{Duration, Instant};

use test_rig::load::Api;

use super::scene::{Healed, QUEUE_LEAD, QUEUE_LEADS, Scene};
use crate::place::{PATIENCE, terminated, until};

/// How soon a sender hears that a broker takes nothing.
const SAID_WITHIN: Duration = Duration::from_secs(1);
const WORK: &str = "leads.work.v1";

/// Sends until it is told 503, and how long the answer took.
async fn refused(scene: &Scene, api: &Api) -> Duration {
    let began_at = Instant::now();
    loop {
        let lead = scene.canary().0.to_string();
        let asked_at = Instant::now();
        let (status, answer) = api.post(QUEUE_LEAD, lead).await;
        match status.as_u16() {
            503 => return asked_at.elapsed(),
            202 => assert!(began_at.elapsed() < PATIENCE, "{answer}"),
            _ => panic!("{status} {answer}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_memory_alarm_refuses_at_once_and_ends_by_itself() {
    let mut scene = Scene::new().await;
    scene
        .tried("memory alarm in the broker", async |scene, _| {
            let broker = &scene.place.servers.broker;
            let set = "set_vm_memory_high_watermark";
            broker.control(&[set, "0.00001"]).await;
            for api in scene.apis() {
                let took = refused(scene, &api).await;
                assert!(took < SAID_WITHIN, "{took:?}");
                let bulk = format!("{{\"leads\":[{}]}}", scene.canary().0);
                let asked_at = Instant::now();
                assert_eq!(api.post(QUEUE_LEADS, bulk).await.0, 503);
                let took = asked_at.elapsed();
                assert!(took < SAID_WITHIN, "{took:?}");
            }
            scene.tells(super::doors::Role::Queue).await;
            scene.stores_and_finds().await;
            broker.control(&[set, "0.4"]).await;
            scene.recovers().await
        })
        .await;
    scene.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_work_queue_that_is_deleted_is_declared_again_and_bytes_that_are_no_message_are_parked() {
    let mut scene = Scene::new().await;
    scene.queues().await;
    // Nothing may be in it: nobody could keep a promise for what goes with the queue. A worker would
    // declare it again at once.
    scene.settled().await;
    for worker in &mut scene.workers {
        until("the worker is ready", async || {
            worker.log().contains("is ready")
        })
        .await;
        assert_eq!(terminated(worker).await.code(), Some(0), "{}", worker.log());
    }
    scene.place.servers.broker.delete(WORK).await;
    let lead = scene.canary().0.to_string();
    let (status, answer) = scene.api.post(QUEUE_LEAD, lead).await;
    assert_eq!(status, 503, "{answer}");
    scene.workers = [scene.start_worker(), scene.start_worker()];
    let healed = scene.recovers().await;
    scene.tried("work queue deleted", async |_, _| healed).await;

    scene
        .tried("garbage in the queue", async |scene, _| {
            let long = vec![0xff; 300_000];
            let garbage: [&[u8]; 4] = [b"", b"{\"email\":1}", &long, b"\x01garbage"];
            for bytes in garbage {
                scene.place.servers.broker.put(WORK, bytes).await;
            }
            until("all of it is parked", async || {
                scene.parked().await.len() == garbage.len()
            })
            .await;
            let parked = scene.parked().await;
            for letter in &parked {
                assert_eq!(letter["code"], "undecodable", "{letter}");
                let path = format!("/api/v1/failed/{}", letter["id"].as_str().unwrap());
                scene.api.call(reqwest::Method::DELETE, &path, "").await;
            }
            Healed {
                dead: parked.len(),
                ..scene.recovers().await
            }
        })
        .await;
    scene.ends().await;
}
