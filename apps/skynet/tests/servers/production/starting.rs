//! How programs begin and end.

use std::time::Duration;

use serde_json::json;
use test_rig::Process;

use crate::place::{Ended, Place, terminated, until};

/// How soon what somebody has to change is said.
const SOON: Duration = Duration::from_secs(2);

const LIVE: &str = "/api/v1/health/live";
const READY: &str = "/api/v1/health/ready";

/// Exit 78 with one line of the program that names the setting, and no secret. What other servers
/// are logged to be like meanwhile is not counted.
fn assert_refused(ended: &Ended, setting: &str) {
    assert_eq!(ended.code, Some(78), "{ended:?}");
    assert_eq!(ended.out, "", "{ended:?}");
    let said: Vec<&str> = ended
        .err
        .lines()
        .filter(|line| line.starts_with("skynet"))
        .collect();
    assert_eq!(said.len(), 1, "{ended:?}");
    assert!(said[0].contains(setting), "{setting}: {ended:?}");
    assert!(!ended.err.contains("hunter2"), "{ended:?}");
    assert!(ended.took < SOON, "{ended:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn programs_that_are_there_before_their_servers_wait_for_them_and_then_work() {
    let mut place = Place::new().await;
    place.servers.database.stop().await;
    place.servers.broker.stop().await;
    place.servers.cache.stop().await;
    let mut node = place.start_api();
    let mut worker = place.start_worker();
    until("the API listens", async || {
        node.status(LIVE).await == Some(200)
    })
    .await;
    assert_eq!(node.status(READY).await, Some(503));
    let waits = |log: &str| log.matches("server cannot be reached").count() == 2;
    until("both say so", async || {
        waits(&node.process.log()) && waits(&worker.log())
    })
    .await;

    place.servers.broker.start().await.unwrap();
    place.servers.database.start().await.unwrap();
    node.ready().await;
    let api = node.api.sign_in().await;
    let lead = json!({"firstName": "Ada", "lastName": "L", "email": "a@example.com", "n": 7});
    let (status, queued) = api
        .post("/api/v1/lead/process-async", lead.to_string())
        .await;
    assert_eq!(status, 202, "{queued}");
    let receipt = queued["receipt"].as_str().unwrap();
    until("the lead is stored", async || {
        let answer = api.try_call(reqwest::Method::GET, receipt, String::new());
        answer
            .await
            .is_some_and(|it| it.1["data"]["state"] == "stored")
    })
    .await;
    place.servers.cache.start().await.unwrap();
    until("the cache is used", async || {
        api.get(READY).await["data"]["cache"] == "up"
    })
    .await;
    for log in [node.process.log(), worker.log()] {
        assert!(waits(&log), "each is said once:\n{log}");
        assert!(!log.contains("127.0.0.1:3306"), "{log}");
    }

    assert_eq!(terminated(&mut worker).await.code(), Some(0));
    assert_eq!(terminated(&mut node.process).await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_has_to_change_is_one_line_and_78() {
    let place = Place::new().await;
    let production = [
        ("SKYNET_ENV", "production"),
        (
            "SKYNET_JWT_SECRET",
            "hunter2-hunter2-hunter2-hunter2-hunter2",
        ),
    ];
    for program in ["skynet-api", "skynet-worker"] {
        let bind = ("SKYNET_BIND", "127.0.0.1:0");
        let pending = [production[0], production[1], bind];
        assert_refused(&place.run(program, &[], &pending).await, "skynet migrate");
        for (name, url) in [
            ("SKYNET_DATABASE_URL", "mysql://hunter2:hunter2@"),
            ("SKYNET_QUEUE_URL", "amqp://hunter2:hunter2@"),
            ("SKYNET_CACHE_URL", "redis://hunter2:hunter2@"),
        ] {
            let there = place.setting(name);
            let host = there.rsplit('@').next().unwrap();
            let wrong = format!("{url}{}", host.trim_start_matches("redis://"));
            let ended = place.run(program, &[], &[(name, &wrong), bind]).await;
            assert_refused(&ended, name);
        }
        let files = [
            ("SKYNET_DATABASE_URL", ""),
            ("SKYNET_QUEUE_URL", ""),
            ("SKYNET_CACHE_URL", ""),
            bind,
        ];
        assert_refused(
            &place.run(program, &[], &files).await,
            "SKYNET_DATABASE_URL",
        );
    }
    let journal = place
        .run("skynet-worker", &["--queues", "leads,journal"], &[])
        .await;
    assert_eq!(journal.code, Some(2), "{journal:?}");
    assert!(journal.err.contains("journal"), "{journal:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_program_serves_api_and_worker_over_the_servers() {
    let place = Place::new().await;
    let mut node = place.serve().once_ready().await;
    let api = node.api.sign_in().await;
    let lead = json!({"firstName": "Ada", "lastName": "L", "email": "a@example.com"});
    let (status, queued) = api
        .post("/api/v1/lead/process-async", lead.to_string())
        .await;
    assert_eq!(status, 202, "{queued}");
    until("the lead is stored", async || {
        let receipt = queued["receipt"].as_str().unwrap();
        api.get(receipt).await["data"]["state"] == "stored"
    })
    .await;

    assert_eq!(terminated(&mut node.process).await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_programs_that_start_at_once_make_one_store() {
    let place = Place::new().await;
    let (left, right) = (place.start_api(), place.start_api());
    let mut workers = [place.start_worker(), place.start_worker()];

    let (mut left, mut right) = tokio::join!(left.once_ready(), right.once_ready());
    for worker in &workers {
        until("a worker is ready", async || {
            worker.log().contains("skynet-worker is ready")
        })
        .await;
    }

    let api = left.api.sign_in().await;
    let accounts = |answer: &serde_json::Value| answer["data"].as_array().unwrap().len();
    assert_eq!(accounts(&api.get("/api/v1/users").await), 3);
    // They sign with one key.
    let other = api.at(right.api_base());
    assert_eq!(accounts(&other.get("/api/v1/users").await), 3);
    let logs = [&left.process, &right.process, &workers[0], &workers[1]].map(Process::log);
    for log in logs {
        assert!(!log.contains("WARN") && !log.contains("ERROR"), "{log}");
    }
    for process in [&mut left.process, &mut right.process]
        .into_iter()
        .chain(&mut workers)
    {
        assert_eq!(terminated(process).await.code(), Some(0));
    }
}
