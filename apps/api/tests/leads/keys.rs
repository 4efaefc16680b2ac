//! `Idempotency-Key`.

use kernel::Batch;
use lead::ports::LeadPublisher;
use lead::{ClaimKey, Fingerprint, KeyText};
use serde_json::json;

use crate::support::{Answer, assert_problem};
use crate::world::{ASYNC, BULK, SYNC, World, any_lead, leads};

const JSON: (&str, &str) = ("content-type", "application/json");
const NDJSON: (&str, &str) = ("content-type", "application/x-ndjson");
const KEY: (&str, &str) = ("idempotency-key", "one-and-the-same");

fn assert_replay(first: &Answer, second: &Answer) {
    assert_eq!(first.header("idempotency-replayed"), "");
    assert_eq!(second.header("idempotency-replayed"), "true");
    assert_eq!((first.status, &first.bytes), (second.status, &second.bytes));
    assert_eq!(first.header("location"), second.header("location"));
    assert_eq!(first.header("content-type"), second.header("content-type"));
}

#[tokio::test]
async fn the_same_request_gets_the_same_answer_on_every_path() {
    let world = World::new().await;
    let lead = any_lead().to_string();
    let bulk = json!({"leads": leads(3)}).to_string();
    let lines = format!("{}\n{}\nbad\n", any_lead(), any_lead());
    let mut queued = 0;
    for (path, form, body, status, messages) in [
        (SYNC, JSON, &lead, 201, 0),
        (ASYNC, JSON, &lead, 202, 1),
        (BULK, JSON, &bulk, 202, 1),
    ] {
        let first = world.send(path, &[form, KEY], body.clone()).await;
        assert_eq!(first.status, status, "{first:?}");
        assert_replay(&first, &world.send(path, &[form, KEY], body.clone()).await);
        queued += messages;
        let other = world.send(path, &[form, KEY], any_lead().to_string()).await;
        assert_problem(&other, 422, "idempotency-key-reused", path);
        assert_eq!((world.stored().await, world.queued().await), (1, queued));
    }
    let key = ("idempotency-key", "another");
    let first = world.send(BULK, &[NDJSON, key], lines.clone()).await;
    assert_eq!(first.status, 202, "{first:?}");
    assert_replay(
        &first,
        &world.send(BULK, &[NDJSON, key], lines.clone()).await,
    );
    let other = lines.replace("bad", "sad");
    let other = world.send(BULK, &[NDJSON, key], other).await;
    assert_problem(&other, 422, "idempotency-key-reused", BULK);
    assert_eq!(world.queued().await, queued + 1);
}

#[tokio::test]
async fn a_duplicate_is_answered_again_and_a_mistake_may_be_corrected() {
    let world = World::new().await;
    let lead = any_lead().to_string();
    world.send(SYNC, &[JSON], lead.clone()).await;
    let first = world.send(SYNC, &[JSON, KEY], lead.clone()).await;
    assert_eq!(first.status, 409);
    assert_replay(&first, &world.send(SYNC, &[JSON, KEY], lead).await);

    let key = ("idempotency-key", "corrected");
    for path in [SYNC, ASYNC, BULK] {
        assert_eq!(
            world.send(path, &[JSON, key], "{\"email\":1}").await.status,
            400
        );
        let body = match path {
            BULK => json!({"leads": [any_lead()]}),
            _ => any_lead(),
        };
        let answer = world.send(path, &[JSON, key], body.to_string()).await;
        assert!(matches!(answer.status, 201 | 202), "{answer:?}");
    }
}

#[tokio::test]
async fn the_same_request_at_once_is_409_and_keys_are_each_ones_own() {
    let world = World::new().await;
    let lead = any_lead().to_string();
    let account = world.api.account(&[auth::Role::User]).await;
    let key = ClaimKey {
        owner: account.id,
        path: SYNC.into(),
        key: KeyText::parse("k").unwrap(),
    };
    let claims = &world.api.ports.store_claims;
    let now = kernel::Clock::now(world.api.ports.clock.as_ref());
    claims.claim(&key, Fingerprint([0; 32]), now).await.unwrap();
    let token = world.api.token_of(&account);
    let send = |token: String| {
        let request = world
            .api
            .request(reqwest::Method::POST, SYNC)
            .bearer_auth(token);
        let request = request
            .header("idempotency-key", "k")
            .header(JSON.0, JSON.1);
        crate::support::Api::send(request.body(lead.clone()))
    };
    assert_eq!(
        send(token).await.status,
        422,
        "the key is held for other content"
    );
    assert_eq!(
        send(world.user.clone()).await.status,
        201,
        "another one's key is another key"
    );

    let again = any_lead().to_string();
    let both = futures_util::future::join_all(
        (0..8).map(|_| world.send(SYNC, &[JSON, ("idempotency-key", "race")], again.clone())),
    )
    .await;
    assert!(
        both.iter().all(|it| matches!(it.status, 201 | 409)),
        "{both:?}"
    );
    assert!(both.iter().any(|it| it.status == 201));
    assert!(
        both.iter()
            .filter(|it| it.status == 409)
            .all(|it| it.problem_type() == "/problems/request-running")
    );
    assert_eq!(world.stored().await, 2);
}

#[tokio::test]
async fn a_request_that_failed_gets_the_same_ids_when_it_is_sent_again() {
    let world = World::over_doubles().await;
    let body = json!({"leads": leads(5)}).to_string();
    world.api.doubles().queue.set_away(true);
    let failed = world.send(BULK, &[JSON, KEY], body.clone()).await;
    assert_eq!(failed.status, 503, "{failed:?}");
    let lost = failed.json()["processing_id"].clone();
    world.api.doubles().queue.set_away(false);
    let done = world.send(BULK, &[JSON, KEY], body.clone()).await;
    assert_eq!((done.status, &done.json()["processing_id"]), (202, &lost));

    // The message of an attempt whose confirm was lost is in the queue a second time.
    let family = &world.api.doubles();
    let ask = lead::ports::ReceiveAsk {
        max_leads: 1_000,
        wait: std::time::Duration::ZERO,
        linger: std::time::Duration::ZERO,
    };
    let taken = lead::ports::LeadConsumer::receive(family.consumer.as_ref(), ask)
        .await
        .unwrap();
    let message = taken[0].payload.clone().unwrap();
    family.consumer.crash();
    family.queue.publish(&Batch::one(message)).await.unwrap();
    world.work().await;
    assert_eq!(world.stored().await, 5);
    let batch = world
        .get(&format!("/api/v1/batches/{}", lost.as_str().unwrap()))
        .await
        .json();
    assert_eq!(batch["data"]["counts"]["stored"], 5);
    assert_eq!(batch["data"]["state"], "finished");
}

#[tokio::test]
async fn a_key_that_is_none_is_400() {
    let world = World::new().await;
    let long = "k".repeat(256);
    for key in ["", " ", long.as_str(), "clé"] {
        let answer = world
            .send(
                SYNC,
                &[JSON, ("idempotency-key", key)],
                any_lead().to_string(),
            )
            .await;
        assert_problem(&answer, 400, "invalid-idempotency-key", SYNC);
    }
    world.assert_untouched().await;
}
