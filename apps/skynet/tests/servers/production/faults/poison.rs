//! Leads that cannot be stored, and one that nobody survives.

use serde_json::{Value, json};
use test_rig::Session;

use super::scene::{Healed, QUEUE_LEAD, QUEUE_LEADS, Scene};

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
    let all_but_one = counts(LEADS - 1, 1);
    let batch_is = |counts| move |it: &Value| it["data"]["counts"] == counts;
    scene.api.until(&batch, batch_is(all_but_one)).await;
    let parked = scene.parked().await;
    assert_eq!(parked.len(), 1, "{parked:?}");
    assert_eq!(parked[0]["code"], code, "{parked:?}");
    let path = format!("/api/v1/failed/{}", parked[0]["id"].as_str().unwrap());
    let shown = scene.api.get(&path).await;
    assert_eq!(shown["data"]["payload"]["lead"]["email"], *poison);

    database.run("DROP TRIGGER poison").await;
    scene.replay().await;
    let healed = scene.recovers().await;
    scene.api.until(&batch, batch_is(counts(LEADS, 0))).await;
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

/// Deliveries after which a lead that kills is parked: three among others, one that sets it apart,
/// and the rest alone.
const DELIVERIES_MAX: usize = 10;

/// The users that the workers sign in as.
const WORKERS: [&str; 2] = ["worker0", "worker1"];

/// The database sleeps over one lead; whoever has it in hand then is killed. Which one that is
/// tells a lock that the session takes in the name of its user.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lead_that_kills_its_worker_each_time_is_parked_and_nothing_else_is() {
    let mut scene = Scene::new().await;
    let mut database = scene.place.servers.database.session().await;
    for (at, user) in WORKERS.iter().enumerate() {
        database
            .run(&format!(
                "CREATE USER {user}@'%'; GRANT ALL ON skynet.* TO {user}@'%'"
            ))
            .await;
        scene.workers[at] = worker_as(&scene, at);
    }
    let mut killed = 0;
    scene
        .tried("lead that kills its worker", async |scene, _| {
            let (lead, email) = scene.canary();
            let sleeps = "DO GET_LOCK(SUBSTRING_INDEX(USER(), '@', 1), 0) + SLEEP(60)";
            on_insert(&mut database, &email, sleeps).await;
            let (status, answer) = scene.api.post(QUEUE_LEAD, lead.to_string()).await;
            assert_eq!(status, 202, "{answer}");
            while scene.parked().await.is_empty() {
                for (at, worker) in WORKERS.iter().enumerate() {
                    let select = format!("SELECT CAST(IS_USED_LOCK('{worker}') AS CHAR)");
                    let Some(id) = database.texts(&select).await.pop() else {
                        continue;
                    };
                    scene.workers[at].kill();
                    // The server would not notice before it wakes up.
                    let _ = database.attempt(&format!("KILL {id}")).await;
                    let select =
                        format!("SELECT 'held' FROM DUAL WHERE IS_USED_LOCK('{worker}') = {id}");
                    while !database.texts(&select).await.is_empty() {}
                    scene.workers[at] = worker_as(scene, at);
                    killed += 1;
                }
                assert!(killed < DELIVERIES_MAX, "it is not parked");
            }
            let parked = scene.parked().await;
            assert_eq!(parked.len(), 1, "{parked:?}");
            assert_eq!(parked[0]["code"], "crash_loop", "{parked:?}");
            let receipt = answer["receipt"].as_str().unwrap();
            assert!(receipt.ends_with(parked[0]["id"].as_str().unwrap()));

            database.run("DROP TRIGGER poison").await;
            scene.replay().await;
            let healed = scene.recovers().await;
            scene.is_stored(receipt).await;
            Healed { dead: 1, ..healed }
        })
        .await;
    println!("{killed} workers killed");
    scene.ends().await;
}

fn worker_as(scene: &Scene, at: usize) -> test_rig::Process {
    let mut settings = scene.worker_doors.settings(&scene.place.servers);
    settings[0].1 = settings[0]
        .1
        .replace("skynet@", &format!("{}@", WORKERS[at]));
    scene.place.start_worker_with(&settings)
}
