use std::time::Duration;

use auth::Role;
use kernel::Batch;
use lead::ports::{DeadLetters, LeadStore};
use reqwest::Method;
use serde_json::json;
use testkit::fixtures::{any_lead, parked, parked_bytes};

use crate::support::{Api, assert_problem};

const FAILED: &str = "/api/v1/failed";
const REPLAY: &str = "/api/v1/failed/replay";

#[tokio::test]
async fn parked_leads_are_listed_shown_replayed_and_discarded() {
    let api = Api::over_doubles().await;
    let admin = api.token(Role::Admin).await;
    // Fixtures are parked at the host's time, which is past the start of this clock.
    api.doubles().clock.advance(Duration::from_mins(1));
    let leads = [any_lead(), any_lead(), any_lead()];
    let mut letters: Vec<_> = leads.iter().map(parked).collect();
    letters.push(parked_bytes(b"\x00\xff"));
    let unreadable = letters[3].id;
    api.doubles()
        .store
        .park(&Batch::new(letters).unwrap())
        .await
        .unwrap();

    let list = api.get(FAILED, &admin).await.json();
    assert_eq!(list["data"].as_array().unwrap().len(), 4);
    assert_eq!(list["pagination"]["total"], 4);
    assert!(list["data"][0].get("payload").is_none());
    let path = format!("{FAILED}/{}", leads[0].id);
    let shown = api.get(&path, &admin).await.json();
    let email = leads[0].details.email.as_str();
    assert_eq!(shown["data"]["payload"]["lead"]["email"], email);
    let shown = api
        .get(&format!("{FAILED}/{unreadable}"), &admin)
        .await
        .json();
    assert_eq!(shown["data"]["payload"]["bytes_base64"], "AP8=");
    assert_eq!(shown["data"]["code"], "undecodable");
    assert_eq!(
        api.get("/api/v1/queue", &admin).await.json()["data"]["parked"],
        4
    );

    let first = json!({"ids": [leads[0].id.to_string(), unreadable.to_string(),
                               "0199a3b5-7c11-7000-8000-000000000000"]});
    for (dry_run, left) in [(true, 4), (false, 3)] {
        let path = format!("{REPLAY}?dry_run={dry_run}");
        let answer = api.post(&path, &admin, &first).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(
            answer.json()["data"],
            json!({"dry_run": dry_run, "replayed": 1, "unreadable": 1, "unknown": 1})
        );
        assert_eq!(api.doubles().store.count().await.unwrap(), left);
    }

    let path = format!("{FAILED}/{}", leads[1].id);
    let delete = || Api::send(api.request(Method::DELETE, &path).bearer_auth(&admin));
    assert_eq!(delete().await.status, 200);
    assert_problem(&delete().await, 404, "not-found", &path);
    let all = api
        .post(REPLAY, &admin, &json!({"all": true, "dry_run": false}))
        .await
        .json();
    assert_eq!(all["data"]["replayed"], 1);
    assert_eq!(api.doubles().store.count().await.unwrap(), 1);
    assert!(all["thread_key"].is_string());
}

#[tokio::test]
async fn a_replay_names_ids_or_all_and_not_both() {
    let api = Api::start().await;
    let admin = api.token(Role::Admin).await;
    let id = testkit::fixtures::any_id().to_string();
    for body in [
        json!({}),
        json!({"all": false}),
        json!({"all": true, "ids": [id]}),
        json!({"ids": []}),
        json!({"ids": ["x"]}),
        json!({"ids": id}),
        json!({"all": "yes"}),
        json!({"ids": vec![id.clone(); 1_001]}),
    ] {
        let answer = api.post(REPLAY, &admin, &body).await;
        assert_problem(&answer, 400, "invalid-request", REPLAY);
    }
}

#[tokio::test]
async fn the_queue_is_503_while_it_is_away_and_the_cache_can_be_cleared() {
    let api = Api::over_doubles().await;
    let admin = api.token(Role::Admin).await;
    let path = "/api/v1/queue";
    let queues = api.get(path, &admin).await.json();
    let first = &queues["data"]["queues"][0];
    for member in ["name", "ready", "in_flight", "consumers", "parked"] {
        assert!(first.get(member).is_some(), "{member}");
    }
    api.doubles().queue.set_away(true);
    assert_problem(&api.get(path, &admin).await, 503, "queue-unavailable", path);
    let clear = api
        .request(Method::POST, "/api/v1/cache/clear")
        .bearer_auth(&admin);
    let answer = Api::send(clear).await;
    assert_eq!(
        (answer.status, &answer.json()["success"]),
        (200, &true.into())
    );
}
