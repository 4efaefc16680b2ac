use reqwest::Method;
use skynet_api::CorsOrigins;

use crate::support::{Answer, Api};

async fn from(api: &Api, origin: &str) -> Answer {
    Api::send(
        api.request(Method::GET, "/api/v1/health")
            .header("origin", origin),
    )
    .await
}

async fn preflight(api: &Api, origin: &str) -> Answer {
    let request = api.request(Method::OPTIONS, "/api/v1/users");
    Api::send(
        request
            .header("origin", origin)
            .header("access-control-request-method", "POST"),
    )
    .await
}

#[tokio::test]
async fn local_origins_of_any_port_may_call_unless_told_otherwise() {
    let api = Api::start().await;
    for origin in [
        "http://localhost",
        "http://localhost:3000",
        "https://127.0.0.1:8443",
        "http://[::1]:5173",
    ] {
        let answer = from(&api, origin).await;
        assert_eq!(answer.header("access-control-allow-origin"), origin);
        assert!(answer.header("vary").contains("Origin"));
        let exposed = answer.header("access-control-expose-headers");
        assert_eq!(
            exposed,
            "Link, Location, Retry-After, RateLimit, RateLimit-Policy, X-Thread-Key, \
             Idempotency-Replayed, ETag"
        );
    }
    for origin in [
        "null",
        "http://evil-localhost.com",
        "http://localhost.evil.com",
        "http://localhost:3000.evil.com",
        "http://localhost:",
        "ftp://localhost",
        "https://example.com",
    ] {
        let answer = from(&api, origin).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("access-control-allow-origin"), "", "{origin}");
        assert!(answer.header("vary").contains("Origin"));
    }
}

#[tokio::test]
async fn listed_origins_match_as_a_whole() {
    let listed: Vec<String> = (0..10)
        .map(|it| format!("https://app{it}.example.com"))
        .collect();
    let origins = CorsOrigins::Exact(listed.clone());
    let api = Api::with(|settings, _| settings.cors = origins).await;
    for origin in &listed {
        assert_eq!(
            from(&api, origin)
                .await
                .header("access-control-allow-origin"),
            origin
        );
    }
    for origin in [
        "http://localhost:3000",
        "https://app1.example.com.evil.com",
        "https://evil-app1.example.com",
        "http://app1.example.com",
        "null",
    ] {
        assert_eq!(
            from(&api, origin)
                .await
                .header("access-control-allow-origin"),
            ""
        );
    }
}

#[tokio::test]
async fn a_preflight_is_answered_without_a_token() {
    let api = Api::start().await;
    let answer = preflight(&api, "http://localhost:3000").await;
    assert_eq!(answer.status, 204);
    assert_eq!(
        answer.header("access-control-allow-origin"),
        "http://localhost:3000"
    );
    assert!(
        answer
            .header("access-control-allow-methods")
            .contains("POST")
    );
    assert!(
        answer
            .header("access-control-allow-headers")
            .contains("Authorization")
    );
    let answer = preflight(&api, "https://example.com").await;
    assert_eq!(answer.header("access-control-allow-origin"), "");
    assert_eq!(answer.header("access-control-allow-methods"), "");
}
