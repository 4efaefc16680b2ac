//! More leads than are let in.

use std::collections::HashMap;
use std::ffi::OsString;
use std::time::{Duration, Instant};

use backends::{Config, Work};
use serde_json::json;
use skynet_api::{Running, Server, Services, Settings, Watermarks};
use test_rig::load::Api;

use super::scene::{Healed, QUEUE_LEAD, QUEUE_LEADS, Scene};
use crate::place::{PATIENCE, terminated, until};

const WORK: &str = "leads.work.v1";
const RETRY: &str = "leads.retry.v1.6000ms";
const DELAY: Duration = Duration::from_secs(6);
const DELAYS: (&str, &str) = ("SKYNET_RETRY_DELAYS", "6s");
/// How much later than due, or than the queue was full, retries may be back. A broker that has to be
/// asked again for what a full queue refused takes minutes.
const LATE_MAX: Duration = Duration::from_secs(6);
/// Leads that are tried again.
const RETRIES: usize = 20;
/// Messages from which on an API lets in no bulk, and nothing. It looks each second, and at
/// [`PACE`] no second brings as many as lie between the two.
const MARKS: Watermarks = Watermarks {
    bulk: 60,
    single: 160,
};
const PACE: Duration = Duration::from_millis(15);

/// An API in this process, which lets in less than others.
async fn narrow_api(scene: &Scene) -> (Running, Api) {
    let settings = scene.api_doors[0].settings(&scene.place.servers);
    let folder = scene.place.folder().join("narrow");
    let folder = ("SKYNET_DATA_DIR", folder.display().to_string());
    let delays = (DELAYS.0, DELAYS.1.to_owned());
    let settings = settings.into_iter().chain([folder, delays]);
    let settings: HashMap<OsString, OsString> = settings
        .map(|(name, text)| (name.into(), text.into()))
        .collect();
    let config = Config::read(None, settings).unwrap();
    let (ports, preparation) = backends::open(&config, Work::Publish).await.unwrap();
    preparation.wait().await.unwrap();
    let settings = Settings {
        bind: "127.0.0.1:0".parse().unwrap(),
        watermarks: MARKS,
        ..Settings::of(&config)
    };
    let listener = Server::bind(settings.bind).unwrap();
    let running = Server::start(listener, Services::new(ports, settings)).unwrap();
    let api = Api::new(running.url()).sign_in().await;
    (running, api)
}

/// Sends until the API lets no more in; says how often it did.
async fn until_refused(api: &Api, path: &str, body: impl AsyncFn() -> String) -> usize {
    let began_at = Instant::now();
    let mut sent = 0;
    loop {
        let (status, answer) = api.post(path, body().await).await;
        if status == 503 {
            assert_eq!(answer["type"], "/problems/overloaded", "{answer}");
            return sent;
        }
        assert_eq!(status, 202, "{answer}");
        assert!(began_at.elapsed() < PATIENCE, "everything is let in");
        sent += 1;
        tokio::time::sleep(PACE).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_work_queue_that_is_full_to_the_watermark_takes_retries_in_time() {
    let mut scene = Scene::told(&[DELAYS]).await;
    let (running, api) = narrow_api(&scene).await;
    let mut database = scene.place.servers.database.session().await;
    database
        .run(
            "CREATE TRIGGER later BEFORE INSERT ON leads FOR EACH ROW \
             IF NEW.phone = '0' THEN SIGNAL SQLSTATE '45000'; END IF",
        )
        .await;
    let mut receipts = Vec::new();
    for _ in 0..RETRIES {
        let (mut lead, _) = scene.canary();
        lead["phone"] = json!("0");
        let (status, answer) = api.post(QUEUE_LEAD, lead.to_string()).await;
        assert_eq!(status, 202, "{answer}");
        receipts.push(answer["receipt"].as_str().unwrap().to_owned());
    }
    let broker = &scene.place.servers.broker;
    until("all wait to be tried again", async || {
        broker.depth(RETRY).await as usize == RETRIES
    })
    .await;
    let put_off_at = Instant::now();
    for worker in &mut scene.workers {
        assert_eq!(terminated(worker).await.code(), Some(0), "{}", worker.log());
    }

    let bulk = async || json!({"leads": [scene.canary().0]}).to_string();
    let single = async || scene.canary().0.to_string();
    let mut sent = until_refused(&api, QUEUE_LEADS, bulk).await;
    // There is room for single leads still.
    let (status, answer) = api.post(QUEUE_LEAD, single().await).await;
    assert_eq!(status, 202, "{answer}");
    sent += 1 + until_refused(&api, QUEUE_LEAD, single).await;
    let full_after = put_off_at.elapsed();
    until("what was put off comes back", async || {
        broker.depth(RETRY).await == 0
    })
    .await;
    let took = put_off_at.elapsed();
    assert!(
        took < DELAY.max(full_after) + LATE_MAX,
        "{took:?}, full after {full_after:?}"
    );
    assert_eq!(broker.depth(WORK).await as usize, sent + RETRIES);

    database.run("DROP TRIGGER later").await;
    scene.workers = [scene.start_worker(), scene.start_worker()];
    let Healed { recovery, .. } = scene.recovers().await;
    for receipt in &receipts {
        scene.is_stored(receipt).await;
    }
    until("leads are let in again", async || {
        let lead = scene.canary().0.to_string();
        api.post(QUEUE_LEAD, lead).await.0 == 202
    })
    .await;
    running.stop().await.unwrap();
    scene
        .tried("queue full while retries come due", async |_, _| Healed {
            recovery,
            dead: 0,
        })
        .await;
    scene.ends().await;
}
