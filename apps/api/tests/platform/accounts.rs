use auth::Role;
use reqwest::Method;
use serde_json::json;
use testkit::fixtures::unique;

use crate::support::{Api, assert_problem};

const USERS: &str = "/api/v1/users";

#[tokio::test]
async fn an_admin_adds_finds_changes_and_disables_an_account() {
    let api = Api::start().await;
    let admin = api.token(Role::Admin).await;
    let name = unique();
    let email = format!("{name}@example.com");
    let new = json!({"username": name, "email": email, "password": "a good password",
                     "roles": ["ROLE_USER"]});
    let answer = api.post(USERS, &admin, &new).await;
    assert_eq!(answer.status, 201);
    let body = answer.json();
    let id = body["data"]["id"].as_str().unwrap().to_owned();
    let path = format!("{USERS}/{id}");
    assert_eq!(answer.header("location"), path);
    assert_eq!(body["thread_key"], answer.header("x-thread-key"));
    assert_eq!(api.get(&path, &admin).await.json()["data"], body["data"]);
    let list = api.get(USERS, &admin).await.json();
    assert!(list["data"].as_array().unwrap().contains(&body["data"]));

    let signed_in = api.sign_in(&name, "a good password").await.json();
    let token = signed_in["user"]["token"].as_str().unwrap().to_owned();
    assert_eq!(api.get(USERS, &token).await.status, 403);
    let roles = json!({"roles": ["ROLE_ADMIN", "ROLE_USER"], "password": "a better password"});
    let answer = api.call(Method::PATCH, &path, &admin, &roles).await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.json()["data"]["roles"],
        json!(["ROLE_ADMIN", "ROLE_USER"])
    );
    assert_eq!(api.get(USERS, &token).await.status, 200);
    assert_eq!(api.sign_in(&name, "a good password").await.status, 401);
    assert_eq!(api.sign_in(&name, "a better password").await.status, 200);

    let answer = api
        .call(Method::PATCH, &path, &admin, &json!({"is_active": false}))
        .await;
    assert_eq!(answer.json()["data"]["is_active"], false);
    assert_problem(&api.get(USERS, &token).await, 401, "revoked-token", USERS);
    assert_eq!(api.sign_in(&name, "a better password").await.status, 401);
}

#[tokio::test]
async fn a_name_or_an_email_that_is_taken_is_a_conflict() {
    let api = Api::start().await;
    let admin = api.token(Role::Admin).await;
    let held = api.account(&[Role::User]).await;
    let post = |name: String, email: String| {
        let body = json!({"username": name, "email": email, "password": "a good password",
                          "roles": ["ROLE_USER"]});
        let (api, admin) = (&api, &admin);
        async move { api.post(USERS, admin, &body).await }
    };
    let name = held.username.as_str().to_uppercase();
    let answer = post(name, format!("{}@example.com", unique())).await;
    assert_problem(&answer, 409, "account-exists", USERS);
    assert_eq!(answer.json()["errors"][0]["code"], "username_taken");
    let answer = post(unique(), held.email.as_str().to_uppercase()).await;
    assert_problem(&answer, 409, "account-exists", USERS);
    assert_eq!(answer.json()["errors"][0]["code"], "email_taken");
}

#[tokio::test]
async fn what_is_wrong_with_an_account_is_told_field_by_field() {
    let api = Api::start().await;
    let admin = api.token(Role::Admin).await;
    let wrong = json!({"username": "a b", "email": "nowhere", "password": "short", "roles": [],
                       "is_admin": true});
    let answer = api.post(USERS, &admin, &wrong).await;
    assert_problem(&answer, 400, "invalid-request", USERS);
    let body = answer.json();
    let codes: Vec<&str> = body["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["code"].as_str().unwrap())
        .collect();
    assert_eq!(
        codes,
        [
            "username_invalid",
            "email_invalid",
            "password_too_short",
            "roles_invalid",
            "unknown_field"
        ]
    );
    let body = json!({"username": unique(), "email": "a@example.com",
                      "password": "x".repeat(72), "roles": ["ROLE_ROOT"]});
    let answer = api.post(USERS, &admin, &body).await;
    assert_eq!(answer.json()["errors"][0]["code"], "password_too_long");
    assert_eq!(answer.json()["errors"][1]["code"], "roles_invalid");
    let answer = api.post(USERS, &admin, &json!({})).await;
    assert_eq!(answer.json()["errors"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn the_last_active_admin_can_neither_be_disabled_nor_demoted() {
    let api = Api::start().await;
    let last = api.account(&[Role::Admin]).await;
    api.account(&[Role::User]).await;
    let token = api.token_of(&last);
    let path = format!("{USERS}/{}", last.id);
    for change in [json!({"is_active": false}), json!({"roles": ["ROLE_USER"]})] {
        let answer = api.call(Method::PATCH, &path, &token, &change).await;
        assert_problem(&answer, 409, "last-admin", &path);
    }
    api.account(&[Role::Admin]).await;
    let change = json!({"is_active": false});
    assert_eq!(
        api.call(Method::PATCH, &path, &token, &change).await.status,
        200
    );
}

#[tokio::test]
async fn a_change_of_nobody_or_of_nothing_is_refused() {
    let api = Api::start().await;
    let admin = api.token(Role::Admin).await;
    let account = api.account(&[Role::User]).await;
    let path = format!("{USERS}/{}", account.id);
    let answer = api.call(Method::PATCH, &path, &admin, &json!({})).await;
    assert_problem(&answer, 400, "invalid-request", &path);
    let path = format!("{USERS}/{}", testkit::fixtures::any_id());
    let answer = api
        .call(Method::PATCH, &path, &admin, &json!({"is_active": true}))
        .await;
    assert_problem(&answer, 404, "not-found", &path);
    assert_problem(&api.get(&path, &admin).await, 404, "not-found", &path);
}

#[tokio::test]
async fn pages_of_accounts_follow_each_other_to_the_end() {
    let api = Api::start().await;
    let admin = api.token(Role::Admin).await;
    for _ in 0..4 {
        api.account(&[Role::User]).await;
    }
    let (mut path, mut sizes) = (format!("{USERS}?limit=2"), Vec::new());
    loop {
        let answer = api.get(&path, &admin).await;
        let body = answer.json();
        sizes.push(body["data"].as_array().unwrap().len());
        let Some(next) = body["pagination"]["next_cursor"].as_str() else {
            assert_eq!(answer.header("link"), "");
            break;
        };
        path = format!("{USERS}?limit=2&cursor={next}");
        assert_eq!(answer.header("link"), format!("<{path}>; rel=\"next\""));
    }
    assert_eq!(sizes, [2, 2, 1]);
}
