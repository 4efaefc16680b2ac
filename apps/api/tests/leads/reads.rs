//! Finding leads.

use auth::Role;
use serde_json::{Value, json};

use crate::support::{Answer, Api, assert_problem};
use crate::world::{BULK, SYNC, World, any_lead, errors, lead_of, leads};

const LIST: &str = "/api/v1/leads";

fn ids(answer: &Answer) -> Vec<String> {
    let json = answer.json();
    json["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["id"].as_str().unwrap().to_owned())
        .collect()
}

async fn with_leads(count: usize) -> World {
    let world = World::new().await;
    let answer = world.post(BULK, &json!({"leads": leads(count)})).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    world.work().await;
    world
}

#[tokio::test]
async fn pages_by_number_and_by_cursor_give_every_lead_once_newest_first() {
    let world = with_leads(45).await;
    let mut by_number = Vec::new();
    for page in 1..=3 {
        let answer = world.get(&format!("{LIST}?page={page}")).await;
        let expected =
            json!({"page": page, "limit": 20, "total": 45, "pages": 3, "total_is_exact": true});
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(&answer.json()["pagination"][name], value, "{name}");
        }
        by_number.extend(ids(&answer));
    }
    let (mut by_cursor, mut path) = (Vec::new(), format!("{LIST}?limit=7"));
    loop {
        let answer = world.get(&path).await;
        by_cursor.extend(ids(&answer));
        let next = answer.json()["pagination"]["next_cursor"].clone();
        let Value::String(next) = next else {
            assert_eq!(answer.header("link"), "");
            break;
        };
        path = format!("{LIST}?cursor={next}&limit=7");
        assert_eq!(answer.header("link"), format!("<{path}>; rel=\"next\""));
    }
    assert_eq!(by_number.len(), 45);
    assert_eq!(by_number, by_cursor);
    assert!(by_number.is_sorted_by(|a, b| a > b));
}

#[tokio::test]
async fn filters_look_for_parts_without_regard_to_case_and_take_signs_literally() {
    let world = World::new().await;
    for (email, status) in [
        ("anna_x@example.com", "active"),
        ("annabx@example.com", "converted"),
        ("100%@example.org", "active"),
    ] {
        let mut lead = lead_of(email);
        lead["status"] = json!(status);
        assert_eq!(world.post(SYNC, &lead).await.status, 201);
    }
    let total = |query: &'static str| {
        let world = &world;
        async move { world.get(&format!("{LIST}?{query}")).await.json()["pagination"]["total"].clone() }
    };
    assert_eq!(total("email=ANNA").await, 2);
    assert_eq!(total("email=anna_x").await, 1);
    assert_eq!(total("search=00%25%40").await, 1);
    assert_eq!(total("search=lovel").await, 3);
    assert_eq!(total("status=converted").await, 1);
    assert_eq!(total("status=active&email=example.org").await, 1);
    assert_eq!(total("email=").await, 3);
}

#[tokio::test]
async fn what_cannot_be_asked_is_400_and_says_what_to_do() {
    let world = with_leads(3).await;
    let cursor = world.get(&format!("{LIST}?limit=1")).await.json()["pagination"]["next_cursor"]
        .as_str()
        .unwrap()
        .to_owned();
    for (query, expected) in [
        ("limit=0".to_owned(), "limit not_a_number"),
        ("limit=101".into(), "limit not_a_number"),
        ("page=0".into(), "page not_a_number"),
        ("page=-1".into(), "page not_a_number"),
        ("page=501".into(), "page page_too_far"),
        ("page=18446744073709551615".into(), "page page_too_far"),
        ("status=open".into(), "status invalid_value"),
        ("email=ab".into(), "email search_too_short"),
        (
            format!("search={}", "x".repeat(101)),
            "search search_too_long",
        ),
        ("attributes=map".into(), "attributes invalid_value"),
        ("cursor=x".into(), "cursor cursor_invalid"),
        (
            format!(
                "cursor={}",
                cursor.replace(|it: char| it.is_ascii_digit(), "0")
            ),
            "cursor cursor_invalid",
        ),
        (
            format!("cursor={cursor}&status=active"),
            "cursor cursor_invalid",
        ),
        (format!("cursor={cursor}&page=2"), "page parameters_exclude"),
        ("sort=name".into(), "sort unknown_parameter"),
    ] {
        let answer = world.get(&format!("{LIST}?{query}")).await;
        assert_eq!(
            (answer.status, errors(&answer)),
            (400, vec![expected.to_owned()]),
            "{query}"
        );
    }
    let far = world.get(&format!("{LIST}?page=501")).await;
    assert!(far.json()["detail"].as_str().unwrap().contains("cursor"));
    assert_eq!(world.get(&format!("{LIST}?page=500")).await.status, 200);
}

#[tokio::test]
async fn a_lead_is_found_by_its_id_in_both_forms() {
    let world = World::new().await;
    let mut lead = any_lead();
    lead["score"] = json!(7);
    lead["ok"] = json!(true);
    let path = world.post(SYNC, &lead).await.header("location").to_owned();
    let found = world.get(&path).await;
    assert_eq!(
        found.json()["data"]["dynamicData"],
        json!([
            {"fieldName": "ok", "fieldValue": "1", "fieldType": "boolean"},
            {"fieldName": "score", "fieldValue": "7", "fieldType": "integer"},
        ])
    );
    let object = world.get(&format!("{path}?attributes=object")).await.json();
    assert_eq!(
        object["data"]["attributes"],
        json!({"score": 7, "ok": true})
    );
    assert_eq!(object["data"].get("dynamicData"), None);
    for id in ["018f0000-0000-7000-8000-000000000000", "x", "1"] {
        let path = format!("{LIST}/{id}");
        assert_problem(&world.get(&path).await, 404, "not-found", &path);
    }
}

#[tokio::test]
async fn reads_are_validated_by_their_tags_until_something_changes() {
    let world = World::new().await;
    let path = world
        .post(SYNC, &any_lead())
        .await
        .header("location")
        .to_owned();
    for path in [path.as_str(), LIST, "/api/v1/stats"] {
        let first = world.get(path).await;
        assert_eq!(first.header("cache-control"), "private, no-cache");
        assert_eq!(first.header("vary"), "Authorization");
        let tag = first.header("etag").to_owned();
        let conditional = || {
            let request = world
                .api
                .request(reqwest::Method::GET, path)
                .bearer_auth(&world.admin);
            Api::send(request.header("if-none-match", tag.clone()))
        };
        let same = conditional().await;
        assert_eq!(
            (same.status, same.bytes.len(), same.header("etag")),
            (304, 0, tag.as_str())
        );
        world.post(SYNC, &any_lead()).await;
        let status = if path.len() > LIST.len() + 10 {
            304
        } else {
            200
        };
        assert_eq!(conditional().await.status, status, "{path}");
    }
}

#[tokio::test]
async fn stats_count_by_status_and_today() {
    let world = with_leads(4).await;
    let mut lead = any_lead();
    lead["status"] = json!("converted");
    world.post(SYNC, &lead).await;
    let stats = world.get("/api/v1/stats").await.json();
    assert_eq!(
        stats["data"],
        json!({
            "total": 5,
            "by_status": {"active": 4, "inactive": 0, "converted": 1, "invalid": 0},
            "today": 5,
        })
    );
}

#[tokio::test]
async fn only_admins_read_leads_and_the_rest_learn_nothing() {
    let world = with_leads(1).await;
    let id = ids(&world.get(LIST).await).remove(0);
    let user = world.api.token(Role::User).await;
    for path in [
        LIST.to_owned(),
        format!("{LIST}/{id}"),
        format!("{LIST}/x"),
        "/api/v1/stats".into(),
    ] {
        assert_problem(&world.api.get(&path, &user).await, 403, "forbidden", &path);
    }
}

#[tokio::test]
async fn a_store_that_is_away_is_503() {
    let world = World::over_doubles().await;
    world.api.doubles().store.set_away(true);
    for path in [
        LIST,
        "/api/v1/stats",
        "/api/v1/receipts/018f0000-0000-7000-8000-000000000000",
    ] {
        assert_problem(&world.get(path).await, 503, "store-unavailable", path);
    }
}
