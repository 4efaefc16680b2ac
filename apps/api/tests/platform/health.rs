use std::time::Duration;

use reqwest::Method;

use crate::support::{Api, assert_problem};

const READY: &str = "/api/v1/health/ready";

#[tokio::test]
async fn ready_tells_each_dependency_and_needs_the_store_and_the_queue() {
    let api = Api::over_doubles().await;
    let look = || Api::send(api.request(Method::GET, READY));
    let answer = look().await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.json()["data"],
        serde_json::json!({"store": "up", "queue": "up", "cache": "up"})
    );

    api.doubles().cache_probe.set_away(true);
    let answer = look().await;
    assert_eq!(
        (answer.status, &answer.json()["data"]["cache"]),
        (200, &"down".into())
    );

    api.doubles().store_probe.set_away(true);
    let answer = look().await;
    assert_problem(&answer, 503, "not-ready", READY);
    assert_eq!(answer.json()["data"]["store"], "down");
    assert_eq!(answer.json()["data"]["queue"], "up");

    api.doubles().store_probe.set_away(false);
    api.doubles().queue_probe.set_away(true);
    assert_problem(&look().await, 503, "not-ready", READY);
    for path in ["/api/v1/health", "/api/v1/health/live"] {
        assert_eq!(Api::send(api.request(Method::GET, path)).await.status, 200);
    }
}

#[tokio::test]
async fn a_dependency_that_does_not_answer_in_time_is_down() {
    struct Hangs;

    #[async_trait::async_trait]
    impl kernel::Probe for Hangs {
        async fn probe(&self) -> Result<(), kernel::Cause> {
            std::future::pending().await
        }
    }

    let api = Api::with(|settings, ports| {
        settings.times.probe = Duration::from_millis(20);
        ports.queue_probe = std::sync::Arc::new(Hangs);
    })
    .await;
    let answer = Api::send(api.request(Method::GET, READY)).await;
    assert_problem(&answer, 503, "not-ready", READY);
    assert_eq!(answer.json()["data"]["queue"], "down");
}

#[tokio::test]
async fn a_process_that_stops_is_not_ready_before_its_listener_closes() {
    let mut api = Api::with(|settings, _| settings.drain_delay = Duration::from_secs(5)).await;
    let running = api.take_running();
    let mut stop = Box::pin(running.stop());
    tokio::select! {
        biased;
        _ = &mut stop => panic!("the listener closed at once"),
        answer = Api::send(api.request(Method::GET, READY)) => {
            assert_problem(&answer, 503, "not-ready", READY);
        }
    }
}

#[tokio::test]
async fn a_server_that_was_stopped_listens_no_more() {
    let mut api = Api::start().await;
    api.take_running().stop().await.unwrap();
    let refused = api.request(Method::GET, READY).send().await;
    assert!(refused.is_err());
}
