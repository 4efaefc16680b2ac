use std::time::Duration;

use async_trait::async_trait;
use auth::ports::{HashError, PasswordHasher};
use auth::{NewPassword, PasswordHash, Role};
use kernel::Secret;
use reqwest::Method;
use serde_json::json;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Api, assert_common_headers, assert_problem};

async fn raw(api: &Api, request: &str) -> String {
    let mut stream = TcpStream::connect(api.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    tokio::time::timeout(Duration::from_secs(10), read)
        .await
        .unwrap()
        .unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn an_unknown_path_is_a_problem_and_no_redirect() {
    let api = Api::start().await;
    for path in [
        "/",
        "/nothing",
        "/api/v1/health/",
        "/api/v1/users/",
        "/api/v1//health",
    ] {
        let answer = Api::send(api.request(Method::GET, path)).await;
        assert_problem(&answer, 404, "not-found", path);
    }
    let path = "/api/v1/users/not-an-id";
    let admin = api.token(Role::Admin).await;
    assert_problem(&api.get(path, &admin).await, 404, "not-found", path);
}

#[tokio::test]
async fn a_method_that_is_not_listed_is_told_those_that_are() {
    let api = Api::start().await;
    let path = "/api/v1/users";
    let answer = Api::send(api.request(Method::PUT, path)).await;
    assert_problem(&answer, 405, "method-not-allowed", path);
    assert_eq!(answer.header("allow"), "GET, POST, HEAD, OPTIONS");
    let answer = Api::send(api.request(Method::from_bytes(b"BREW").unwrap(), path)).await;
    assert_problem(&answer, 405, "method-not-allowed", path);
}

#[tokio::test]
async fn head_gets_the_headers_of_get_and_no_body() {
    let api = Api::start().await;
    let get = Api::send(api.request(Method::GET, "/api/v1/limits")).await;
    let head = Api::send(api.request(Method::HEAD, "/api/v1/limits")).await;
    assert_eq!((get.status, head.status), (200, 200));
    assert_eq!(get.json()["data"]["leads_per_request"], 10_000);
    assert_eq!(head.header("content-length"), get.bytes.len().to_string());
    assert!(head.bytes.is_empty());
}

#[tokio::test]
async fn a_uri_over_eight_kibibytes_is_414() {
    let api = Api::start().await;
    let path = format!("/api/v1/{}", "a".repeat(9_000));
    let answer = Api::send(api.request(Method::GET, &path)).await;
    assert_problem(&answer, 414, "uri-too-long", &path);
}

#[tokio::test]
async fn parameters_that_are_unknown_or_given_twice_are_named() {
    let api = Api::start().await;
    let admin = api.token(Role::Admin).await;
    let answer = api.get("/api/v1/users?limit=5&colour=red", &admin).await;
    assert_problem(&answer, 400, "unknown-parameter", "/api/v1/users");
    assert_eq!(answer.json()["errors"][0]["parameter"], "colour");
    let answer = api.get("/api/v1/users?limit=5&limit=6", &admin).await;
    assert_problem(&answer, 400, "invalid-parameter", "/api/v1/users");
    assert_eq!(answer.json()["errors"][0]["code"], "given_twice");
    for limit in ["0", "101", "-1", "x", "1.5", ""] {
        let answer = api
            .get(&format!("/api/v1/users?limit={limit}"), &admin)
            .await;
        assert_problem(&answer, 400, "invalid-parameter", "/api/v1/users");
    }
}

#[tokio::test]
async fn whatever_a_client_accepts_it_gets_json() {
    let api = Api::start().await;
    let request = api.request(Method::GET, "/api/v1/health");
    let request = request
        .header("accept", "text/html")
        .header("accept-encoding", "gzip");
    let answer = Api::send(request).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.json()["status"], "OK");
}

#[tokio::test]
async fn bodies_that_a_small_route_cannot_take_are_refused_with_the_reason() {
    let api = Api::start().await;
    let path = "/api/v1/login";
    let post = || api.request(Method::POST, path);
    let json = |body: Vec<u8>| post().header("content-type", "application/json").body(body);

    assert_problem(
        &Api::send(post().body("{}")).await,
        415,
        "unsupported-media-type",
        path,
    );
    let coded = json(b"{}".to_vec()).header("content-encoding", "gzip");
    assert_problem(&Api::send(coded).await, 415, "unsupported-media-type", path);
    assert_problem(
        &Api::send(json(b"{".to_vec())).await,
        400,
        "malformed-json",
        path,
    );
    let twice = b"{\"username\":\"a\",\"username\":\"b\",\"password\":\"c\"}".to_vec();
    assert_problem(&Api::send(json(twice)).await, 400, "malformed-json", path);
    let answer = Api::send(json(b"{\"username\":5}".to_vec())).await;
    assert_problem(&answer, 400, "invalid-request", path);
    assert_eq!(answer.json()["errors"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_unread_and_the_connection_closes() {
    let api = Api::start().await;
    for path in ["/api/v1/login", "/api/v1/logout"] {
        let token = api.token(Role::User).await;
        let answer = raw(
            &api,
            &format!(
                "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\
                 content-type: application/json\r\ncontent-length: 50000000\r\n\r\n{{"
            ),
        )
        .await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        assert!(answer.contains("connection: close"), "{answer}");
        assert!(answer.contains("\"limit\":65536"), "{answer}");
        assert!(answer.contains("\"unit\":\"bytes\""), "{answer}");
        assert!(answer.contains("\"size\":50000000"), "{answer}");
    }
}

#[tokio::test]
async fn a_body_that_does_not_come_is_408() {
    let api = Api::with(|settings, _| {
        settings.times.small_body = Duration::from_millis(50);
    })
    .await;
    let answer = raw(
        &api,
        "POST /api/v1/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
         content-length: 10\r\n\r\n{",
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("/problems/request-timeout"), "{answer}");
}

#[tokio::test]
async fn a_head_that_does_not_end_is_408_and_a_silent_connection_is_closed_without_a_word() {
    let api = Api::with(|settings, _| settings.times.head = Duration::from_millis(50)).await;
    let answer = raw(&api, "GET /api/v1/health HTTP/1.1\r\nho").await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert_eq!(raw(&api, "").await, "");
}

#[tokio::test]
async fn a_silent_connection_does_not_keep_the_server_from_stopping() {
    let api = Api::with(|settings, _| {
        settings.times.head = Duration::from_mins(5);
        settings.shutdown = Duration::from_mins(5);
    })
    .await;
    let mut silent = TcpStream::connect(api.address).await.unwrap();
    let answer = Api::send(api.request(Method::GET, "/api/v1/health")).await;
    assert_eq!(answer.status, 200);
    let stopped = tokio::time::timeout(Duration::from_secs(5), api.stop());
    stopped.await.unwrap();
    assert_eq!(silent.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn a_head_that_cannot_be_read_is_refused_without_a_body() {
    let api = Api::start().await;
    let answer = raw(&api, "NOT HTTP\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
}

/// A port with a fault.
struct Panics;

#[async_trait]
impl PasswordHasher for Panics {
    async fn hash(&self, _: &NewPassword) -> Result<PasswordHash, HashError> {
        panic!("on purpose")
    }

    async fn verify(
        &self,
        _: &Secret<String>,
        _: Option<&PasswordHash>,
    ) -> Result<bool, HashError> {
        panic!("on purpose")
    }
}

#[tokio::test]
async fn a_panic_in_a_handler_is_a_500_and_the_connection_stays() {
    let api = Api::with(|_, ports| ports.hasher = Arc::new(Panics)).await;
    let body = json!({"username": "somebody", "password": "password123"}).to_string();
    let mut stream = TcpStream::connect(api.address).await.unwrap();
    for _ in 0..2 {
        let request = format!(
            "POST /api/v1/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut seen = Vec::new();
        while !seen.ends_with(b"}") {
            let mut chunk = [0; 4_096];
            let read = stream.read(&mut chunk).await.unwrap();
            assert!(read > 0, "the connection closed");
            seen.extend_from_slice(&chunk[..read]);
        }
        let text = String::from_utf8(seen).unwrap();
        assert!(text.starts_with("HTTP/1.1 500 "), "{text}");
        assert!(text.contains("/problems/internal-error"), "{text}");
        assert!(!text.contains("on purpose"), "{text}");
    }
    assert_eq!(
        Api::send(api.request(Method::GET, "/api/v1/health"))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn too_many_requests_of_one_caller_are_429_and_others_go_on() {
    let api = Api::over_doubles_with(|settings, _| settings.rate_per_minute = 3).await;
    let (flooder, other) = (api.token(Role::User).await, api.token(Role::User).await);
    let path = "/api/v1/user/profile";
    for left in [2, 1, 0] {
        let answer = api.get(path, &flooder).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("ratelimit-policy"), "\"default\";q=3;w=60");
        assert!(
            answer
                .header("ratelimit")
                .starts_with(&format!("\"default\";r={left};t="))
        );
    }
    let answer = api.get(path, &flooder).await;
    assert_problem(&answer, 429, "rate-limited", path);
    assert_eq!(answer.header("retry-after"), "20");
    assert_eq!(api.get(path, &other).await.status, 200);
    for _ in 0..5 {
        let answer = Api::send(api.request(Method::GET, "/api/v1/health")).await;
        assert_eq!(answer.status, 200);
        assert_common_headers(&answer);
    }
    api.doubles().clock.advance(Duration::from_secs(20));
    assert_eq!(api.get(path, &flooder).await.status, 200);
}

#[tokio::test]
async fn addresses_from_proxies_count_only_when_the_proxy_is_trusted() {
    let api = Api::with(|settings, _| {
        settings.rate_per_minute = 1;
        settings.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    let from = |name: &'static str, value: &'static str| {
        Api::send(
            api.request(Method::GET, "/api/v1/limits")
                .header(name, value),
        )
    };
    assert_eq!(from("x-forwarded-for", "203.0.113.1").await.status, 200);
    assert_eq!(from("x-forwarded-for", "203.0.113.1").await.status, 429);
    assert_eq!(
        from("x-forwarded-for", "9.9.9.9, 203.0.113.1, 127.0.0.5")
            .await
            .status,
        429
    );
    assert_eq!(
        from("forwarded", "for=\"[2001:db8::1]:4711\";proto=https")
            .await
            .status,
        200
    );
    assert_eq!(from("forwarded", "for=\"[2001:db8::1]\"").await.status, 429);

    let api = Api::with(|settings, _| settings.rate_per_minute = 1).await;
    let from = |value: &'static str| {
        Api::send(
            api.request(Method::GET, "/api/v1/limits")
                .header("x-forwarded-for", value),
        )
    };
    assert_eq!(from("203.0.113.1").await.status, 200);
    assert_eq!(from("203.0.113.2").await.status, 429);
}

#[tokio::test]
async fn more_work_than_the_process_takes_on_is_shed() {
    let api = Api::with(|settings, _| settings.in_flight_max = 0).await;
    let answer = Api::send(api.request(Method::GET, "/api/v1/limits")).await;
    assert_problem(&answer, 503, "overloaded", "/api/v1/limits");
    assert!(answer.header("retry-after").parse::<u64>().is_ok());
    assert_eq!(
        Api::send(api.request(Method::GET, "/api/v1/health"))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn a_port_in_use_is_told_as_such() {
    let api = Api::start().await;
    let taken = skynet_api::Server::bind(api.address).unwrap_err();
    assert!(matches!(taken, skynet_api::BindError::InUse(address) if address == api.address));
}
