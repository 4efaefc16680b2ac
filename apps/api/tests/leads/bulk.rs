//! Many leads in one JSON document.

use auth::Role;
use serde_json::{Value, json};
use skynet_api::Watermarks;

use crate::support::{Api, assert_problem};
use crate::world::{ASYNC, BULK, World, any_lead, errors, lead_of, leads};

async fn counts(world: &World, id: &str) -> Value {
    let answer = world.get(&format!("/api/v1/batches/{id}")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["data"].clone()
}

#[tokio::test]
async fn a_bulk_is_cut_into_messages_and_comes_to_its_end() {
    let world = World::new().await;
    let mut all = leads(1_000);
    for at in [17, 500, 999] {
        all[at]["email"] = json!("nobody");
    }
    let answer = world
        .post(BULK, &json!({"leads": all, "batch_size": 50}))
        .await;

    assert_eq!(answer.status, 202, "{answer:?}");
    let body = answer.json();
    let id = body["processing_id"].as_str().unwrap();
    assert_eq!(body["message"], "Bulk leads queued for processing");
    assert_eq!(body["status"], "queued");
    let details = &body["details"];
    assert_eq!(details["total_leads"], 1_000);
    assert_eq!(details["accepted"], 997);
    assert_eq!(details["rejected"], 3);
    assert_eq!(details["total_chunks"], 20);
    assert_eq!(details["batch_ids"].as_array().unwrap().len(), 20);
    assert_eq!(details["batch_ids"][19], format!("{id}_19"));
    assert_eq!(details["message"], "997 leads queued, 3 rejected");
    assert_eq!(body["errors"][0]["index"], 17);
    assert_eq!(body["errors"][0]["pointer"], "/leads/17/email");
    assert_eq!(body["errors"][0]["code"], "email_invalid");
    assert_eq!(world.queued().await, 20);

    let waiting = counts(&world, id).await;
    assert_eq!(waiting["state"], "processing");
    assert_eq!(
        waiting["counts"],
        json!({"received": 1000, "rejected": 3, "stored": 0, "duplicate": 0, "failed": 0, "pending": 997})
    );
    world.work().await;
    let done = counts(&world, id).await;
    assert_eq!(done["state"], "finished");
    assert_eq!(
        done["counts"],
        json!({"received": 1000, "rejected": 3, "stored": 997, "duplicate": 0, "failed": 0, "pending": 0})
    );
    assert!(done["finished_at"].is_string());
    assert_eq!(world.stored().await, 997);
}

#[tokio::test]
async fn results_name_every_row_that_was_not_stored() {
    let world = World::new().await;
    let twin = any_lead();
    let body = json!({"leads": [twin, any_lead(), twin, {"email": "x"}]});
    let id = world.post(BULK, &body).await.json()["processing_id"]
        .as_str()
        .unwrap()
        .to_owned();
    world.work().await;
    assert_eq!(world.stored().await, 2);

    let path = format!("/api/v1/batches/{id}/results");
    let rows = world.get(&path).await.json();
    assert_eq!(rows["data"][0]["index"], 2);
    assert_eq!(rows["data"][0]["outcome"], "duplicate");
    assert!(rows["data"][0]["duplicate_of"].is_string());
    assert_eq!(rows["data"][1]["index"], 3);
    assert_eq!(rows["data"][1]["outcome"], "rejected");
    assert_eq!(rows["data"][1]["errors"].as_array().unwrap().len(), 3);
    assert_eq!(rows["data"].as_array().unwrap().len(), 2);
    let rejected = world.get(&format!("{path}?outcome=rejected")).await.json();
    assert_eq!(rejected["data"].as_array().unwrap().len(), 1);
    let after = world.get(&format!("{path}?cursor=2")).await.json();
    assert_eq!(after["data"][0]["index"], 3);
    assert_eq!(world.get(&format!("{path}?outcome=lost")).await.status, 400);
    assert_eq!(world.get(&format!("{path}?cursor=x")).await.status, 400);

    let accept = |form: &'static str| {
        let request = world
            .api
            .request(reqwest::Method::GET, &path)
            .bearer_auth(&world.user);
        Api::send(request.header("accept", form))
    };
    let lines = accept("application/x-ndjson").await;
    assert_eq!(lines.header("content-type"), "application/x-ndjson");
    assert_eq!(String::from_utf8(lines.bytes).unwrap().lines().count(), 2);
    assert_eq!(
        accept("application/json;q=0.5, */*;q=0.1")
            .await
            .header("content-type"),
        "application/json"
    );
    assert_problem(&accept("text/html").await, 406, "not-acceptable", &path);

    let stranger = world.api.token(Role::User).await;
    assert_eq!(world.api.get(&path, &stranger).await.status, 404);
    let status = format!("{BULK}/status/{id}");
    assert_eq!(world.api.get(&status, &world.user).await.status, 200);
    assert_eq!(world.api.get(&status, &stranger).await.status, 404);
    assert_eq!(world.get("/api/v1/batches/nothing").await.status, 404);
}

#[tokio::test]
async fn batch_sizes_are_whole_numbers_from_one() {
    let world = World::new().await;
    for size in [json!(0), json!(-1), json!("50"), json!(1.5)] {
        let answer = world
            .post(BULK, &json!({"leads": leads(1), "batch_size": size}))
            .await;
        assert_problem(&answer, 400, "validation-error", BULK);
        assert_eq!(errors(&answer), ["/batch_size batch_size_invalid"]);
    }
    world.assert_untouched().await;
    for (size, chunks) in [(json!(null), 3), (json!(1_000_000_000), 1), (json!(1), 101)] {
        let answer = world
            .post(BULK, &json!({"leads": leads(101), "batchSize": size}))
            .await;
        assert_eq!(answer.json()["details"]["total_chunks"], chunks, "{size}");
        assert!(
            answer.json()["details"]["batch_ids"]
                .as_array()
                .unwrap()
                .len()
                <= 100
        );
    }
}

#[tokio::test]
async fn ten_thousand_leads_are_taken_and_one_more_is_too_large() {
    let world = World::new().await;
    let mut all = leads(10_001);
    let answer = world
        .post(BULK, &json!({"leads": all, "batch_size": 1000}))
        .await;
    assert_problem(&answer, 413, "too-large", BULK);
    assert_eq!(answer.json()["limit"], 10_000);
    assert_eq!(answer.json()["unit"], "leads");
    world.assert_untouched().await;
    all.pop();
    let answer = world
        .post(BULK, &json!({"leads": all, "batch_size": 1000}))
        .await;
    assert_eq!(
        (answer.status, &answer.json()["details"]["total_chunks"]),
        (202, &json!(10))
    );
}

#[tokio::test]
async fn nothing_is_queued_when_no_row_is_valid_or_abort_meets_a_bad_one() {
    let world = World::new().await;
    let none = world.post(BULK, &json!({"leads": [1, {}]})).await;
    assert_problem(&none, 400, "nothing-queued", BULK);
    assert_eq!(errors(&none)[0], "/leads/0 not_an_object");
    assert_eq!(
        errors(&world.post(BULK, &json!({"leads": []})).await),
        ["/leads leads_required"]
    );
    let mut some = leads(60);
    some[59]["email"] = json!("x");
    let abort = world
        .post(BULK, &json!({"leads": some, "on_error": "abort"}))
        .await;
    assert_problem(&abort, 400, "nothing-queued", BULK);
    assert_eq!(errors(&abort), ["/leads/59/email email_invalid"]);
    for body in [
        json!([]),
        json!({}),
        json!({"leads": {}}),
        json!({"leads": leads(1), "x": 1}),
        json!({"leads": leads(1), "on_error": "stop"}),
    ] {
        assert_eq!(world.post(BULK, &body).await.status, 400, "{body}");
    }
    let query = world
        .post(
            &format!("{BULK}?on_error=abort"),
            &json!({"leads": leads(1)}),
        )
        .await;
    assert_problem(&query, 400, "invalid-parameter", BULK);
    world.assert_untouched().await;
}

#[tokio::test]
async fn the_first_hundred_mistakes_stand_in_the_answer_and_all_in_the_results() {
    let world = World::new().await;
    let mut all = vec![json!(5); 3_000];
    all.push(any_lead());
    let answer = world.post(BULK, &json!({"leads": all})).await.json();
    assert_eq!(answer["details"]["rejected"], 3_000);
    assert_eq!(answer["errors"].as_array().unwrap().len(), 100);
    world.work().await;
    let id = answer["processing_id"].as_str().unwrap();
    assert_eq!(counts(&world, id).await["state"], "finished");
    let (mut path, mut met) = (format!("/api/v1/batches/{id}/results"), 0);
    loop {
        let page = world.get(&path).await.json();
        met += page["data"].as_array().unwrap().len();
        let Some(next) = page["pagination"]["next_cursor"].as_str() else {
            break;
        };
        path = format!("/api/v1/batches/{id}/results?cursor={next}");
    }
    assert_eq!(met, 3_000);
}

#[tokio::test]
async fn a_dry_run_counts_and_queues_nothing() {
    let world = World::new().await;
    let body = json!({"leads": [any_lead(), 5, lead_of("a@example.com")], "batch_size": 1});
    let answer = world.post(&format!("{BULK}?dry_run=true"), &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer = answer.json();
    assert_eq!(answer["processing_id"], json!(null));
    assert_eq!(answer["details"]["accepted"], 2);
    assert_eq!(answer["details"]["total_chunks"], 2);
    assert_eq!(answer["errors"][0]["pointer"], "/leads/1");
    world.assert_untouched().await;
}

#[tokio::test]
async fn a_queue_that_is_away_is_503_and_one_that_is_full_refuses_bulk_first() {
    let world = World::over_doubles().await;
    world.api.doubles().queue.set_away(true);
    let answer = world.post(BULK, &json!({"leads": leads(3)})).await;
    assert_problem(&answer, 503, "queue-unavailable", BULK);

    let api = Api::over_doubles_with(|settings, _| {
        settings.watermarks = Watermarks { bulk: 0, single: 1 }
    })
    .await;
    let world = World::of(api).await;
    let answer = world.post(BULK, &json!({"leads": leads(3)})).await;
    assert_problem(&answer, 503, "overloaded", BULK);
    assert!(answer.header("retry-after").parse::<u32>().unwrap() >= 1);
    assert_eq!(world.post(ASYNC, &any_lead()).await.status, 202);
}
