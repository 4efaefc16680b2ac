use std::time::Duration;

use auth::{AccountChange, Role};
use reqwest::Method;
use serde_json::Value;

use crate::support::{Api, assert_common_headers, assert_problem};

const LOGIN: &str = "/api/v1/login";
const PROFILE: &str = "/api/v1/user/profile";

#[tokio::test]
async fn a_sign_in_gives_a_token_that_works_and_no_password() {
    let api = Api::start().await;
    let account = api.account(&[Role::User, Role::Admin]).await;
    let name = account.username.as_str().to_uppercase();
    let answer = api.sign_in(&name, "password123").await;
    assert_eq!(answer.status, 200);
    assert_common_headers(&answer);
    let body = answer.json();
    assert_eq!(body["success"], true);
    assert_eq!(body["message"], "Login was successful!");
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["expires_in"], 3_600);
    assert_eq!(body["thread_key"], answer.header("x-thread-key"));
    assert_eq!(
        body["user"]["roles"],
        serde_json::json!(["ROLE_ADMIN", "ROLE_USER"])
    );
    assert!(
        !String::from_utf8(answer.bytes)
            .unwrap()
            .contains("password")
    );

    let token = body["user"]["token"].as_str().unwrap();
    for method in [Method::GET, Method::POST] {
        let profile = Api::send(api.request(method, PROFILE).bearer_auth(token)).await;
        assert_eq!(profile.status, 200);
        let profile = profile.json();
        assert_eq!(profile["data"]["username"], account.username.as_str());
        assert_eq!(profile["data"]["is_active"], true);
        assert_eq!(profile["data"]["last_login"], body["user"]["last_login"]);
        assert!(profile["data"].get("password").is_none());
        assert!(profile.get("thread_key").is_none());
    }
}

#[tokio::test]
async fn whatever_is_wrong_with_a_sign_in_the_answer_is_the_same() {
    let api = Api::start().await;
    let (account, disabled) = (
        api.account(&[Role::User]).await,
        api.account(&[Role::User]).await,
    );
    let change = AccountChange {
        is_active: Some(false),
        ..AccountChange::default()
    };
    api.ports
        .accounts
        .change(disabled.id, &change)
        .await
        .unwrap();
    let mut bodies: Vec<Value> = Vec::new();
    for (name, password) in [
        (account.username.as_str(), "wrong password"),
        (account.username.as_str(), ""),
        (disabled.username.as_str(), "password123"),
        ("nobody-has-this-name", "password123"),
        ("", "password123"),
        ("a\u{0}b", "password123"),
    ] {
        let answer = api.sign_in(name, password).await;
        assert_problem(&answer, 401, "bad-credentials", LOGIN);
        assert_eq!(answer.header("www-authenticate"), "Bearer");
        let mut body = answer.json();
        body["thread_key"] = Value::Null;
        bodies.push(body);
    }
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]));
}

#[tokio::test]
async fn the_eleventh_sign_in_waits_and_then_succeeds() {
    let api = Api::over_doubles().await;
    let (account, other) = (
        api.account(&[Role::User]).await,
        api.account(&[Role::User]).await,
    );
    let name = account.username.as_str();
    for _ in 0..10 {
        assert_eq!(api.sign_in(name, "wrong password").await.status, 401);
    }
    let answer = api.sign_in(&name.to_uppercase(), "password123").await;
    assert_problem(&answer, 429, "sign-in-throttled", LOGIN);
    let wait: u64 = answer.header("retry-after").parse().unwrap();
    let policies = answer.headers.get_all("ratelimit-policy").iter();
    assert!(policies.into_iter().any(|it| it == "\"sign-in\";q=10;w=60"));
    assert_eq!(
        api.sign_in(other.username.as_str(), "password123")
            .await
            .status,
        200
    );
    api.doubles().clock.advance(Duration::from_secs(wait));
    assert_eq!(api.sign_in(name, "password123").await.status, 200);
}

#[tokio::test]
async fn a_token_is_no_good_after_signing_out() {
    let api = Api::start().await;
    let account = api.account(&[Role::User]).await;
    let (token, other) = (api.token_of(&account), api.token_of(&account));
    let answer = Api::send(
        api.request(Method::POST, "/api/v1/logout")
            .bearer_auth(&token),
    )
    .await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["success"], true);
    assert_problem(
        &api.get(PROFILE, &token).await,
        401,
        "revoked-token",
        PROFILE,
    );
    assert_eq!(api.get(PROFILE, &other).await.status, 200);
}

#[tokio::test]
async fn in_production_the_passwords_of_development_are_refused() {
    let api = Api::with(|settings, _| settings.production = true).await;
    let account = api.account(&[Role::Admin]).await;
    let answer = api.sign_in(account.username.as_str(), "password123").await;
    assert_problem(&answer, 401, "bad-credentials", LOGIN);

    let path = format!("/api/v1/users/{}", account.id);
    let token = api.token_of(&account);
    let change = serde_json::json!({"password": "password123"});
    let answer = api.call(Method::PATCH, &path, &token, &change).await;
    assert_problem(&answer, 400, "invalid-request", &path);
    assert_eq!(answer.json()["errors"][0]["code"], "password_refused");
}

#[tokio::test]
async fn there_are_no_public_keys_of_a_shared_secret() {
    let api = Api::start().await;
    let path = "/.well-known/jwks.json";
    assert_problem(
        &Api::send(api.request(Method::GET, path)).await,
        404,
        "not-found",
        path,
    );
}
