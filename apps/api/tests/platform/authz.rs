use auth::{Principal, Role, Roles, TokenId, Verified};
use reqwest::Method;
use skynet_api::caller::Who;
use skynet_api::table;

use crate::support::{Api, assert_common_headers, assert_problem};

const METHODS: [Method; 8] = [
    Method::GET,
    Method::POST,
    Method::HEAD,
    Method::PUT,
    Method::DELETE,
    Method::PATCH,
    Method::OPTIONS,
    Method::TRACE,
];

/// A path of the table with ids in its variable parts.
fn concrete(path: &str) -> String {
    let parts: Vec<&str> = path
        .split('/')
        .map(|it| {
            if it.starts_with('{') {
                "0199a3b5-7c11-7000-8000-000000000000"
            } else {
                it
            }
        })
        .collect();
    parts.join("/")
}

#[tokio::test]
async fn the_public_routes_are_these_and_no_others() {
    let mut public: Vec<String> = table()
        .into_iter()
        .filter(|it| it.who == Who::Anyone)
        .map(|it| format!("{} {}", it.method, it.path))
        .collect();
    public.sort();
    assert_eq!(
        public,
        [
            "GET /.well-known/jwks.json",
            "GET /api/v1/health",
            "GET /api/v1/health/live",
            "GET /api/v1/health/ready",
            "GET /api/v1/limits",
            "POST /api/v1/login",
        ]
    );
}

#[tokio::test]
async fn every_route_lets_in_whom_the_table_says_and_nobody_else() {
    let api = Api::start().await;
    let tokens = [
        None,
        Some((Role::User, api.token(Role::User).await)),
        Some((Role::Admin, api.token(Role::Admin).await)),
    ];
    let lines = table();
    let mut paths: Vec<&str> = lines.iter().map(|it| it.path).collect();
    paths.dedup();
    for pattern in paths {
        let path = concrete(pattern);
        for method in METHODS {
            let served = match method {
                Method::HEAD => Method::GET,
                _ => method.clone(),
            };
            let line = lines
                .iter()
                .find(|it| it.path == pattern && it.method.as_str() == served.as_str());
            for caller in &tokens {
                let mut request = api.request(method.clone(), &path);
                // Signing out would end the token for the other routes.
                if pattern == "/api/v1/logout" && line.is_some() && caller.is_some() {
                    continue;
                }
                if let Some((_, token)) = caller {
                    request = request.bearer_auth(token);
                }
                let answer = Api::send(request).await;
                let context = format!("{method} {pattern} as {caller:?}: {}", answer.status);
                assert_common_headers(&answer);
                let Some(line) = line else {
                    let expected = if method == Method::OPTIONS { 204 } else { 405 };
                    assert_eq!(answer.status, expected, "{context}");
                    assert!(answer.header("allow").contains("OPTIONS"), "{context}");
                    assert!(!answer.header("allow").contains("TRACE"), "{context}");
                    continue;
                };
                let role = caller.as_ref().map(|(role, _)| *role);
                match (line.who, role) {
                    (Who::Anyone, _) | (_, Some(Role::Admin)) => {
                        assert!(![401, 403, 405, 500].contains(&answer.status), "{context}");
                    }
                    (_, None) => {
                        assert_eq!(answer.status, 401, "{context}");
                        assert_eq!(answer.header("www-authenticate"), "Bearer", "{context}");
                    }
                    (Who::Admin, Some(Role::User)) => assert_eq!(answer.status, 403, "{context}"),
                    (_, Some(Role::User)) => {
                        assert!(![401, 403, 405, 500].contains(&answer.status), "{context}");
                    }
                }
                if method == Method::HEAD {
                    assert!(answer.bytes.is_empty(), "{context}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_token_that_is_no_good_is_refused_with_the_reason() {
    let api = Api::over_doubles().await;
    let path = "/api/v1/user/profile";
    let answer = api.get(path, "nonsense").await;
    assert_problem(&answer, 401, "invalid-token", path);
    assert_eq!(
        answer.header("www-authenticate"),
        "Bearer error=\"invalid_token\""
    );

    let request = api.request(Method::GET, path);
    let answer = Api::send(request.header("authorization", "Basic YTpi")).await;
    assert_problem(&answer, 401, "invalid-token", path);

    let token = api.token(Role::User).await;
    assert_eq!(api.get(path, &token).await.status, 200);
    api.doubles()
        .clock
        .advance(std::time::Duration::from_secs(3_700));
    assert_problem(&api.get(path, &token).await, 401, "expired-token", path);
}

#[tokio::test]
async fn while_the_store_is_away_reading_and_admin_routes_answer_503() {
    let api = Api::over_doubles().await;
    let user = api.token(Role::User).await;
    let admin = api.token(Role::Admin).await;
    api.doubles().accounts.set_away(true);
    for (path, token) in [("/api/v1/user/profile", &user), ("/api/v1/users", &admin)] {
        let answer = api.get(path, token).await;
        assert_problem(&answer, 503, "store-unavailable", path);
        assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1);
    }
}

#[tokio::test]
async fn a_submitting_route_takes_a_token_alone_while_the_store_is_away() {
    let api = Api::over_doubles().await;
    let user = api.token(Role::User).await;
    api.doubles().accounts.set_away(true);
    for line in table().iter().filter(|it| it.who == Who::Submitter) {
        let method = Method::from_bytes(line.method.as_str().as_bytes()).unwrap();
        let answer = Api::send(api.request(method, line.path).bearer_auth(&user)).await;
        let status = answer.status;
        assert!(
            ![401, 403, 503].contains(&status),
            "{} answers {status}",
            line.path
        );
    }
}

#[test]
fn a_token_alone_is_good_for_submitting_and_for_nothing_else() {
    let account = testkit::fixtures::any_account();
    let known_by = |verified| Principal {
        user: account.id,
        roles: Roles::new([Role::Admin]).unwrap(),
        token: TokenId(testkit::fixtures::any_id()),
        verified,
    };
    for (who, token_only, account, nobody) in [
        (Who::Anyone, None, None, None),
        (Who::Submitter, None, None, Some(401)),
        (Who::User, Some(503), None, Some(401)),
        (Who::Admin, Some(503), None, Some(401)),
    ] {
        let status = |it: Option<&Principal>| {
            let refused = who.admit(it).err();
            refused.map(|it| it.kind().status().as_u16())
        };
        assert_eq!(
            status(Some(&known_by(Verified::TokenOnly))),
            token_only,
            "{who:?}"
        );
        assert_eq!(
            status(Some(&known_by(Verified::Account))),
            account,
            "{who:?}"
        );
        assert_eq!(status(None), nobody, "{who:?}");
    }
}
