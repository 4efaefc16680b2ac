//! One lead a request.

use auth::Role;
use futures_util::future::join_all;
use serde_json::json;

use crate::support::{assert_common_headers, assert_problem};
use crate::world::{ASYNC, SYNC, World, any_lead, errors, lead_of};

#[tokio::test]
async fn a_lead_is_stored_before_the_201_and_is_in_the_next_list() {
    let world = World::new().await;
    let empty = world.get("/api/v1/leads").await;
    assert_eq!(empty.json()["pagination"]["total"], 0);

    let answer = world.post(SYNC, &json!({
        "first_name": "Ada", "last_name": "Lovelace", "email": "Ada@Example.com", "phone": "+1 (555) 010-9999",
        "score": 9_007_199_254_740_993_u64,
    })).await;

    assert_eq!(answer.status, 201, "{answer:?}");
    assert_common_headers(&answer);
    let body = answer.json();
    let id = body["data"]["id"].as_str().unwrap();
    assert_eq!(body["success"], true);
    assert_eq!(body["data"]["email"], "Ada@Example.com");
    assert_eq!(body["data"]["status"], "active");
    assert_eq!(body["thread_key"], answer.header("x-thread-key"));
    assert_eq!(answer.header("location"), format!("/api/v1/leads/{id}"));
    let list = world.get("/api/v1/leads").await.json();
    assert_eq!(list["data"][0]["id"], *id);
    assert_eq!(
        list["data"][0]["dynamicData"][0]["fieldValue"],
        "9007199254740993"
    );
    let receipt = world
        .api
        .get(&format!("/api/v1/receipts/{id}"), &world.user)
        .await
        .json();
    assert_eq!(receipt["data"]["state"], "stored");
    assert_eq!(world.queued().await, 0);
}

#[tokio::test]
async fn forty_posts_of_one_address_at_once_give_one_201() {
    let world = World::new().await;
    let lead = any_lead();
    let answers = join_all((0..40).map(|_| world.post(SYNC, &lead))).await;
    let with = |status: u16| answers.iter().filter(|it| it.status == status).count();
    assert_eq!((with(201), with(409)), (1, 39));
    assert_eq!(world.stored().await, 1);
}

#[tokio::test]
async fn addresses_that_differ_in_case_only_are_one_lead_and_others_are_not() {
    let world = World::new().await;
    assert_eq!(
        world.post(SYNC, &lead_of("jose@example.com")).await.status,
        201
    );
    assert_eq!(
        world.post(SYNC, &lead_of("JOSE@Example.COM")).await.status,
        409
    );
    for other in [
        "josé@example.com",
        "jоse@example.com",
        "strasse@example.com",
        "straße@example.com",
    ] {
        assert_eq!(
            world.post(SYNC, &lead_of(other)).await.status,
            201,
            "{other}"
        );
    }
}

#[tokio::test]
async fn only_admins_learn_who_holds_an_address() {
    let world = World::new().await;
    let lead = any_lead();
    let id = world.post(SYNC, &lead).await.json()["data"]["id"].clone();
    let as_user = world.post(SYNC, &lead).await;
    assert_problem(&as_user, 409, "duplicate-lead", SYNC);
    assert_eq!(as_user.json().get("duplicate_of"), None);
    let as_admin = world.api.post(SYNC, &world.admin, &lead).await;
    assert_eq!(as_admin.json()["duplicate_of"], id);
}

#[tokio::test]
async fn an_async_lead_is_queued_then_stored_and_its_receipt_says_so() {
    let world = World::new().await;
    let answer = world.post(ASYNC, &any_lead()).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    let body = answer.json();
    assert_eq!(body["status"], "queued");
    assert_eq!(body["message"], "Lead queued for processing");
    let receipt = body["receipt"].as_str().unwrap();
    assert_eq!(
        receipt,
        format!("/api/v1/receipts/{}", body["lead_id"].as_str().unwrap())
    );
    let state =
        || async { world.api.get(receipt, &world.user).await.json()["data"]["state"].clone() };
    assert_eq!((world.queued().await, state().await), (1, json!("queued")));
    world.work().await;
    assert_eq!((world.stored().await, state().await), (1, json!("stored")));
    let stranger = world.api.token(Role::User).await;
    assert_eq!(world.api.get(receipt, &stranger).await.status, 404);
    assert_eq!(world.get(receipt).await.status, 200);
}

#[tokio::test]
async fn a_missing_blank_or_mistyped_field_is_named_and_nothing_is_done() {
    let world = World::new().await;
    for path in [SYNC, ASYNC] {
        let all = world
            .post(
                path,
                &json!({"firstName": null, "lastName": "  ", "email": ""}),
            )
            .await;
        assert_problem(&all, 400, "validation-error", path);
        assert_eq!(all.json()["message"], "Validation error");
        let expected = [
            "/firstName required",
            "/lastName required",
            "/email required",
        ];
        assert_eq!(errors(&all), expected);
        let mut lead = any_lead();
        lead["firstName"] = json!(5);
        assert_eq!(
            errors(&world.post(path, &lead).await),
            ["/firstName wrong_type"]
        );
    }
    world.assert_untouched().await;
}

#[tokio::test]
async fn names_of_a_hundred_wide_characters_are_taken_and_longer_ones_are_not() {
    let world = World::new().await;
    let mut lead = any_lead();
    lead["firstName"] = json!("\u{1f600}".repeat(101));
    assert_eq!(
        errors(&world.post(SYNC, &lead).await),
        ["/firstName name_too_long"]
    );
    lead["firstName"] = json!("\u{1f600}".repeat(100));
    assert_eq!(world.post(SYNC, &lead).await.status, 201);
}

#[tokio::test]
async fn dates_and_phones_follow_their_rules() {
    let world = World::new().await;
    let cases = [
        ("dateOfBirth", json!("2024-02-29"), 201),
        ("dateOfBirth", json!("2023-02-29"), 400),
        ("dateOfBirth", json!("1990-13-01"), 400),
        ("dateOfBirth", json!("1890-01-01"), 400),
        ("dateOfBirth", json!("2999-01-01"), 400),
        ("dateOfBirth", json!("now"), 400),
        ("dateOfBirth", json!(5), 400),
        ("phone", json!("+1 (555) 010-9999"), 201),
        ("phone", json!("call me"), 400),
        ("phone", json!("1".repeat(21)), 400),
        ("phone", json!("\u{661}\u{662}"), 400),
        ("email ", json!("x"), 400),
        ("id", json!("x"), 400),
        ("createdAt", json!("x"), 400),
    ];
    for (field, value, status) in cases {
        let mut lead = any_lead();
        lead[field] = value.clone();
        assert_eq!(
            world.post(SYNC, &lead).await.status,
            status,
            "{field} {value}"
        );
    }
}

#[tokio::test]
async fn a_dry_run_validates_looks_for_a_duplicate_and_writes_nothing() {
    let world = World::new().await;
    let lead = any_lead();
    let dry = format!("{SYNC}?dry_run=true");
    let answer = world.post(&dry, &lead).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["data"]["id"], json!(null));
    assert_eq!(answer.json()["data"]["email"], lead["email"]);
    assert_eq!(answer.header("location"), "");
    let queued = world.post(&format!("{ASYNC}?dry_run=true"), &lead).await;
    assert_eq!(
        (queued.status, &queued.json()["lead_id"]),
        (200, &json!(null))
    );
    world.assert_untouched().await;
    world.post(SYNC, &lead).await;
    assert_eq!(world.post(&dry, &lead).await.status, 409);
    assert_eq!(world.post(&dry, &json!({})).await.status, 400);
}

#[tokio::test]
async fn a_backend_that_is_away_promises_nothing() {
    let world = World::over_doubles().await;
    world.api.doubles().queue.set_away(true);
    let answer = world.post(ASYNC, &any_lead()).await;
    assert_problem(&answer, 503, "queue-unavailable", ASYNC);
    assert!(answer.header("retry-after").parse::<u32>().unwrap() >= 1);
    world.api.doubles().queue.set_away(false);
    world.api.doubles().store.set_away(true);
    assert_problem(
        &world.post(SYNC, &any_lead()).await,
        503,
        "store-unavailable",
        SYNC,
    );
    assert_eq!(
        world.post(ASYNC, &any_lead()).await.status,
        202,
        "the queue is there"
    );
    world.api.doubles().store.set_away(false);
    assert_eq!((world.stored().await, world.queued().await), (0, 1));
}
