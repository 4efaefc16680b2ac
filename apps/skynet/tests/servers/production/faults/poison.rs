//! Leads that cannot be stored.

use serde_json::{Value, json};
use test_rig::Session;

use super::scene::{Healed, QUEUE_LEADS, Scene};
use crate::place::until;

const LEADS: usize = 500;

/// Has the database do something with a lead of that address before it is stored.
async fn on_insert(database: &mut Session, email: &str, action: &str) {
    let trigger = format!(
        "CREATE TRIGGER poison BEFORE INSERT ON leads FOR EACH ROW \
         IF NEW.email = '{email}' THEN {action}; END IF"
    );
    database.run(&trigger).await;
}

/// Sends one lead that the database does not take among many others, waits until just that one is
/// parked with `code`, and has it stored once the database takes it.
async fn poisoned(scene: &mut Scene, action: &str, code: &str) -> Healed {
    let mut database = scene.place.servers.database.session().await;
    let leads: Vec<(Value, String)> = (0..LEADS).map(|_| scene.canary()).collect();
    let poison = &leads[LEADS / 3].1;
    on_insert(&mut database, poison, action).await;
    let bulk: Vec<&Value> = leads.iter().map(|it| &it.0).collect();
    let bulk = json!({"leads": bulk, "batch_size": LEADS}).to_string();
    let (status, answer) = scene.api.post(QUEUE_LEADS, bulk).await;
    assert_eq!(status, 202, "{answer}");
    let batch = format!(
        "/api/v1/batches/{}",
        answer["processing_id"].as_str().unwrap()
    );
    let counts = |stored: usize, failed: usize| json!({"received": LEADS, "rejected": 0, "stored": stored, "duplicate": 0, "failed": failed, "pending": 0});
    until("all but one are stored", async || {
        scene.api.get(&batch).await["data"]["counts"] == counts(LEADS - 1, 1)
    })
    .await;
    let parked = scene.parked().await;
    assert_eq!(parked.len(), 1, "{parked:?}");
    assert_eq!(parked[0]["code"], code, "{parked:?}");
    let path = format!("/api/v1/failed/{}", parked[0]["id"].as_str().unwrap());
    let shown = scene.api.get(&path).await;
    assert_eq!(shown["data"]["payload"]["lead"]["email"], *poison);

    database.run("DROP TRIGGER poison").await;
    scene.replay().await;
    let healed = scene.recovers().await;
    until("the last one is stored", async || {
        scene.api.get(&batch).await["data"]["counts"] == counts(LEADS, 0)
    })
    .await;
    Healed { dead: 1, ..healed }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_lead_that_is_not_taken_stops_no_other() {
    let mut scene = Scene::told(&[("SKYNET_RETRY_DELAYS", "200ms,400ms")]).await;
    scene
        .tried("poison among 500", async |scene, _| {
            let too_long = "SIGNAL SQLSTATE '22001' SET MYSQL_ERRNO = 1406";
            poisoned(scene, too_long, "refused").await
        })
        .await;
    scene
        .tried("poison of an unknown kind", async |scene, _| {
            poisoned(scene, "SIGNAL SQLSTATE '45000'", "attempts_spent").await
        })
        .await;
    scene.ends().await;
}
