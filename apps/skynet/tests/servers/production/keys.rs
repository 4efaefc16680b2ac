//! Requests with an idempotency key while a server is away.

use std::time::Instant;

use reqwest::{Method, Response};
use serde_json::json;
use test_rig::load::Api;

use crate::place::{PATIENCE, Place, terminated, until};

const ASYNC: &str = "/api/v1/lead/process-async";
const BULK: &str = "/api/v1/leads/process-bulk";
/// What a request is refused with while the broker, or the cache, takes too long.
const SLOW: [&str; 2] = [
    "/problems/queue-unavailable",
    "/problems/claims-unavailable",
];

async fn send(api: &Api, path: &str, key: Option<&str>, email: &str) -> Response {
    let lead = json!({"firstName": "Ada", "lastName": "L", "email": email});
    let body = match path {
        BULK => json!({"leads": [lead]}),
        _ => lead,
    };
    let mut request = api.request(Method::POST, path).body(body.to_string());
    if let Some(key) = key {
        request = request.header("Idempotency-Key", key);
    }
    request.send().await.unwrap()
}

/// As [`send`], again while the broker or the cache keeps its answer back for longer than a request
/// waits, as one that works does on a busy machine.
async fn sent(api: &Api, path: &str, key: Option<&str>, email: &str) -> Response {
    let started = Instant::now();
    loop {
        let answer = send(api, path, key, email).await;
        if answer.status() != 503 {
            return answer;
        }
        assert!(header(&answer, "retry-after").is_some());
        let body = answer.text().await.unwrap();
        assert!(SLOW.iter().any(|it| body.contains(it)), "{body}");
        assert!(started.elapsed() < PATIENCE, "{body}");
    }
}

fn header<'a>(answer: &'a Response, name: &str) -> Option<&'a str> {
    answer.headers().get(name).map(|it| it.to_str().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keyed_requests_for_the_queue_need_the_cache_and_no_database() {
    let mut place = Place::new().await;
    let mut node = place.start_api().once_ready().await;
    let mut worker = place.start_worker();
    let api = node.api.sign_in().await;

    place.servers.database.stop().await;
    for (path, email) in [(ASYNC, "a@example.com"), (BULK, "b@example.com")] {
        let first = sent(&api, path, Some("one"), email).await;
        assert_eq!(first.status(), 202, "{path}");
        let again = send(&api, path, Some("one"), email).await;
        assert_eq!(again.status(), 202, "{path}");
        assert_eq!(header(&again, "idempotency-replayed"), Some("true"));
        assert_eq!(first.text().await.unwrap(), again.text().await.unwrap());
        let other = send(&api, path, Some("one"), "other@example.com").await;
        assert_eq!(other.status(), 422, "{path}");
    }

    place.servers.cache.stop().await;
    for (path, email) in [(ASYNC, "c@example.com"), (BULK, "d@example.com")] {
        let refused = send(&api, path, Some("two"), email).await;
        assert_eq!(refused.status(), 503, "{path}");
        assert!(header(&refused, "retry-after").is_some());
        let body = refused.text().await.unwrap();
        assert!(body.contains("/problems/claims-unavailable"), "{body}");
        let unkeyed = sent(&api, path, None, email).await;
        assert_eq!(unkeyed.status(), 202, "{path}");
    }

    place.servers.database.start().await.unwrap();
    place.servers.cache.start().await.unwrap();
    until("what was promised is stored, once each", async || {
        let list = api.try_call(Method::GET, "/api/v1/leads", String::new());
        list.await
            .is_some_and(|(_, it)| it["pagination"]["total"] == 4)
    })
    .await;
    // Redis came back empty: the request is done again, and its lead is found to be held.
    let again = sent(&api, ASYNC, Some("one"), "a@example.com").await;
    assert_eq!(again.status(), 202);
    assert_eq!(header(&again, "idempotency-replayed"), None);
    let again: serde_json::Value = serde_json::from_str(&again.text().await.unwrap()).unwrap();
    let receipt = again["receipt"].as_str().unwrap();
    until("the repetition is a duplicate", async || {
        let answer = api.try_call(Method::GET, receipt, String::new());
        answer
            .await
            .is_some_and(|(_, it)| it["data"]["state"] == "duplicate")
    })
    .await;
    assert_eq!(terminated(&mut worker).await.code(), Some(0));
    assert_eq!(terminated(&mut node.process).await.code(), Some(0));
}
