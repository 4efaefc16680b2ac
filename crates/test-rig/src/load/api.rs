//! An API, as its administrator calls it.

use std::time::{Duration, Instant};

use reqwest::{Client, Method, Request, Response, StatusCode};
use serde_json::{Value, json};

/// How long anything may take that is waited for.
const PATIENCE: Duration = Duration::from_mins(1);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// An API at an address, with a token of somebody.
#[derive(Clone, Debug)]
pub struct Api {
    client: Client,
    base: String,
    token: String,
}

impl Api {
    /// The API at `base`, such as `http://127.0.0.1:8001`, to be called without a token.
    pub fn new(base: String) -> Self {
        // Connections die with the process; none is used for a second request.
        let client = Client::builder()
            .pool_max_idle_per_host(0)
            .timeout(PATIENCE)
            .no_proxy()
            .build()
            .unwrap();
        Self {
            client,
            base,
            token: String::new(),
        }
    }

    /// Signs in as the administrator that development starts with.
    pub async fn sign_in(&self) -> Self {
        let body = json!({"username": "admin", "password": "password"});
        let (status, answer) = self.post("/api/v1/login", body.to_string()).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        self.with_token(answer["user"]["token"].as_str().unwrap())
    }

    /// The same API, called with another token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self {
            token: token.to_owned(),
            ..self.clone()
        }
    }

    /// The API at another address, called with the same token.
    #[must_use]
    pub fn at(&self, base: String) -> Self {
        Self {
            base,
            ..self.clone()
        }
    }

    /// A request with the token.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base));
        request
            .header("Content-Type", "application/json")
            .bearer_auth(&self.token)
    }

    /// Sends a request.
    ///
    /// # Errors
    ///
    /// When no whole answer comes.
    pub async fn execute(&self, request: Request) -> Result<Response, reqwest::Error> {
        self.client.execute(request).await
    }

    /// A request that gets an answer, whatever it is; none where nobody answers.
    pub async fn try_call(
        &self,
        method: Method,
        path: &str,
        body: String,
    ) -> Option<(StatusCode, Value)> {
        let answer = self.request(method, path).body(body).send().await.ok()?;
        let status = answer.status();
        let text = answer.text().await.ok()?;
        Some((status, serde_json::from_str(&text).unwrap()))
    }

    /// A POST that has to be answered.
    pub async fn post(&self, path: &str, body: String) -> (StatusCode, Value) {
        let answer = self.try_call(Method::POST, path, body).await;
        answer.unwrap_or_else(|| panic!("nobody answers POST {path}"))
    }

    /// A read or an order that has to succeed.
    pub async fn call(&self, method: Method, path: &str, body: &str) -> Value {
        let answer = self.try_call(method, path, body.to_owned()).await;
        let (status, answer) = answer.unwrap_or_else(|| panic!("nobody answers {path}"));
        assert!(status.is_success(), "{path}: {status} {answer}");
        answer
    }

    /// A read that has to succeed.
    pub async fn get(&self, path: &str) -> Value {
        self.call(Method::GET, path, "").await
    }

    /// Whether the API says that it is ready.
    pub async fn is_ready(&self) -> bool {
        let answer = self.request(Method::GET, "/api/v1/health/ready").send();
        answer.await.is_ok_and(|it| it.status() == StatusCode::OK)
    }

    /// Reads, whatever the status, until the answer is as it has to become.
    pub async fn until(&self, path: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let started = Instant::now();
        loop {
            let answer = self.try_call(Method::GET, path, String::new()).await;
            match answer {
                Some((_, answer)) if is_so(&answer) => return answer,
                _ => assert!(started.elapsed() < PATIENCE, "{path} stays {answer:?}"),
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Waits until no message waits and none is in a worker's hands.
    pub async fn drained(&self) {
        let started = Instant::now();
        loop {
            let answer = self.get("/api/v1/queue").await;
            let queues = answer["data"]["queues"].as_array().unwrap();
            let busy = |it: &Value| it["ready"] != 0 || it["in_flight"].as_u64().unwrap_or(0) != 0;
            if !queues.iter().any(busy) {
                return;
            }
            assert!(started.elapsed() < PATIENCE * 2, "{answer}");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}
