//! A server on a free port, over the family of the run.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::unused_async,
    missing_docs,
    unreachable_pub,
    reason = "tests may panic, and each uses a part of this"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use auth::{Claims, NewAccount, NewPassword, Role, Roles, TokenId};
use backends::Ports;
use families::{Kind, Place};
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;
use skynet_api::{Running, Server, Services, Settings};
use testkit::fixtures::{any_account, any_id};
use testkit::memory::Family;

/// A running server and what is behind it.
pub struct Api {
    place: Place,
    pub ports: Ports,
    pub address: SocketAddr,
    pub services: Arc<Services>,
    client: reqwest::Client,
    running: Option<Running>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
}

impl Answer {
    pub async fn of(response: Response) -> Self {
        Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            bytes: response.bytes().await.unwrap().to_vec(),
        }
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).expect("a body of JSON")
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |it| it.to_str().unwrap())
    }

    pub fn problem_type(&self) -> String {
        self.json()["type"].as_str().unwrap().to_owned()
    }
}

impl Api {
    /// Over the family of this run.
    pub async fn start() -> Self {
        Self::with(|_, _| ()).await
    }

    /// With settings and ports of one's own.
    pub async fn with(change: impl FnOnce(&mut Settings, &mut Ports)) -> Self {
        Self::over(Place::of_this_run().await, change)
    }

    /// Over adapters that can be hurt.
    pub async fn over_doubles() -> Self {
        Self::over_doubles_with(|_, _| ()).await
    }

    /// Over adapters that can be hurt, with settings and ports of one's own.
    pub async fn over_doubles_with(change: impl FnOnce(&mut Settings, &mut Ports)) -> Self {
        Self::over(Place::reference(), change)
    }

    fn over(place: Place, change: impl FnOnce(&mut Settings, &mut Ports)) -> Self {
        let mut settings = Settings {
            workers: 1,
            shutdown: Duration::from_secs(2),
            ..Settings::default()
        };
        settings.times.probe_age = Duration::ZERO;
        let mut ports = place.ports.clone();
        change(&mut settings, &mut ports);
        let services = Services::new(ports, settings);
        let listener = Server::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let running = Server::start(listener, Arc::clone(&services)).unwrap();
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .unwrap();
        Self {
            ports: place.ports.clone(),
            place,
            address: running.address,
            services,
            client,
            running: Some(running),
        }
    }

    /// The adapters behind it that can be hurt.
    pub fn doubles(&self) -> &Family {
        self.place.doubles()
    }

    /// Which family is behind it.
    pub fn kind(&self) -> Kind {
        self.place.kind
    }

    /// A new account with these roles and the password `password123`.
    pub async fn account(&self, roles: &[Role]) -> NewAccount {
        let password = NewPassword::parse("password123".to_owned()).unwrap();
        let account = NewAccount {
            password: self.ports.hasher.hash(&password).await.unwrap(),
            roles: Roles::new(roles.iter().copied()).unwrap(),
            ..any_account()
        };
        self.ports.accounts.add(&account).await.unwrap();
        account
    }

    /// A good token of an account.
    pub fn token_of(&self, account: &NewAccount) -> String {
        let now = self.ports.clock.now();
        let claims = Claims {
            user: account.id,
            username: account.username.clone(),
            roles: account.roles,
            token: TokenId(any_id()),
            issued_at: now,
            expires_at: now.plus(Duration::from_hours(1)),
        };
        self.ports.tokens.issue(&claims).unwrap().expose().clone()
    }

    /// A good token of a new account with that role.
    pub async fn token(&self, role: Role) -> String {
        self.token_of(&self.account(&[role]).await)
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.url(path))
    }

    pub async fn send(request: RequestBuilder) -> Answer {
        Answer::of(request.send().await.unwrap()).await
    }

    pub async fn get(&self, path: &str, token: &str) -> Answer {
        Self::send(self.request(Method::GET, path).bearer_auth(token)).await
    }

    pub async fn call(&self, method: Method, path: &str, token: &str, body: &Value) -> Answer {
        Self::send(self.request(method, path).bearer_auth(token).json(body)).await
    }

    pub async fn post(&self, path: &str, token: &str, body: &Value) -> Answer {
        self.call(Method::POST, path, token, body).await
    }

    pub async fn sign_in(&self, username: &str, password: &str) -> Answer {
        let body = serde_json::json!({"username": username, "password": password});
        Self::send(self.request(Method::POST, "/api/v1/login").json(&body)).await
    }

    pub async fn stop(mut self) {
        self.running.take().unwrap().stop().await.unwrap();
    }

    /// Takes the server out, to stop it by hand.
    pub fn take_running(&mut self) -> Running {
        self.running.take().unwrap()
    }
}

/// What every refusal has, whatever it is about.
pub fn assert_problem(answer: &Answer, status: u16, slug: &str, path: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let body = answer.json();
    assert_eq!(body["type"], format!("/problems/{slug}"));
    assert_eq!(body["status"], status);
    assert_eq!(body["success"], false);
    assert_eq!(body["instance"], path);
    assert_eq!(body["thread_key"], answer.header("x-thread-key"));
    for member in ["title", "detail", "message"] {
        assert!(
            body[member].as_str().is_some_and(|it| !it.is_empty()),
            "{member}"
        );
    }
    assert_common_headers(answer);
}

/// What every answer has.
pub fn assert_common_headers(answer: &Answer) {
    kernel::ThreadKey::parse(answer.header("x-thread-key")).expect("a thread key");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert!(!answer.header("cache-control").is_empty());
    assert!(answer.header("ratelimit-policy").contains(";q="));
    assert!(answer.header("ratelimit").contains(";r="));
}
