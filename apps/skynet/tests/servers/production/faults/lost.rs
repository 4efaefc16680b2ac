//! Words that get lost at the worst moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use test_rig::load::Load;
use test_rig::{Direction, Proxy};

use super::scene::{Healed, Scene};
use crate::place::until;

/// How often a word gets lost in one test.
const LOSSES: usize = 4;
/// How long the rest of what is said gets lost too.
const SILENCE: Duration = Duration::from_millis(200);

/// Where a word is seen, and where it gets lost what is said next.
type Way<'a> = (&'a Arc<Proxy>, &'a Arc<Proxy>);

/// Once `needle` has come by, what is said in that direction gets lost, until both ends notice
/// that the connection broke; again and again.
async fn loses(load: &Load, ways: &[Way<'_>], needle: &'static str, direction: Direction) {
    for _ in 0..LOSSES {
        let losses = Arc::new(AtomicUsize::default());
        for (seen, lossy) in ways {
            let (counter, door) = (Arc::clone(&losses), Arc::clone(lossy));
            seen.watch(Direction::ToServer, needle, move || {
                counter.fetch_add(1, Ordering::SeqCst);
                door.swallow(direction);
            });
        }
        let lost = async || losses.load(Ordering::SeqCst) > 0;
        until("something gets lost", lost).await;
        tokio::time::sleep(SILENCE).await;
        for (seen, lossy) in ways {
            seen.forget();
            lossy.pass();
            lossy.cut();
        }
        load.answered(20).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acknowledgement_that_gets_lost_after_the_commit_stores_nothing_twice() {
    let mut scene = Scene::new().await;
    scene
        .tried(
            "acknowledgement lost after the commit",
            async |scene, load| {
                let doors = &scene.worker_doors;
                let ways = [(&doors.database, &doors.broker)];
                loses(load, &ways, "COMMIT", Direction::ToServer).await;
                scene.recovers().await
            },
        )
        .await;
    scene
        .tried("answer to the commit lost", async |scene, load| {
            let [left, right] = &scene.api_doors;
            let doors = [
                &left.database,
                &right.database,
                &scene.worker_doors.database,
            ];
            loses(
                load,
                &doors.map(|it| (it, it)),
                "COMMIT",
                Direction::ToClient,
            )
            .await;
            scene.recovers().await
        })
        .await;
    scene
        .tried("confirm lost after the publish", async |scene, load| {
            let doors = scene.api_doors.each_ref().map(|it| &it.broker);
            loses(
                load,
                &doors.map(|it| (it, it)),
                "leads.work.v1",
                Direction::ToClient,
            )
            .await;
            scene.recovers().await
        })
        .await;
    scene
        .tried(
            "confirm lost of what a worker puts back",
            async |scene, load| refused_for_now(scene, load).await,
        )
        .await;
    scene.ends().await;
}

/// A worker that puts a lead off until later does not hear that the broker has it.
async fn refused_for_now(scene: &mut Scene, load: &Load) -> Healed {
    let mut database = scene.place.servers.database.session().await;
    let (canary, email) = scene.canary();
    database
        .run(&format!(
            "CREATE TRIGGER refuses BEFORE INSERT ON leads FOR EACH ROW \
             IF NEW.email = '{email}' THEN SIGNAL SQLSTATE '45000'; END IF"
        ))
        .await;
    let door = Arc::clone(&scene.worker_doors.broker);
    let losses = Arc::new(AtomicUsize::default());
    let (counter, lossy) = (Arc::clone(&losses), Arc::clone(&door));
    door.watch(Direction::ToServer, "leads.retry.v1.1000ms", move || {
        counter.fetch_add(1, Ordering::SeqCst);
        lossy.swallow(Direction::ToClient);
    });
    let path = super::scene::QUEUE_LEAD;
    let (status, answer) = scene.api.post(path, canary.to_string()).await;
    assert_eq!(status, 202, "{answer}");
    let lost = async || losses.load(Ordering::SeqCst) > 0;
    until("the worker puts it off", lost).await;
    tokio::time::sleep(SILENCE).await;
    database.run("DROP TRIGGER refuses").await;
    door.forget();
    door.pass();
    door.cut();
    load.answered(20).await;
    let healed = scene.recovers().await;
    scene.is_stored(answer["receipt"].as_str().unwrap()).await;
    healed
}
