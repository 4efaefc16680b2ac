//! The API of a running server.

use std::time::Duration;

use backends::{Ports, find_admin, issue_token};
use kernel::Secret;
use reqwest::{Client, Method};
use serde_json::Value;

use process::Failure;

/// How long a token of a command is good.
const TOKEN_LIFE: Duration = Duration::from_mins(2);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long the answer may take to whether anybody is there.
const LOOK: Duration = Duration::from_secs(3);

/// A running server, spoken to as one of its admins.
pub(crate) struct Api {
    client: Client,
    base: String,
    token: Secret<String>,
}

/// Whether anybody answers at `base`.
pub(super) async fn is_live(base: &str) -> bool {
    let asked = async {
        let client = Client::builder().timeout(LOOK).no_proxy().build()?;
        let url = format!("{base}/api/v1/health/live");
        client.get(url).send().await?.error_for_status()
    };
    asked.await.is_ok()
}

impl Api {
    /// The server at `base`, as an active admin of the store that it works on.
    pub(super) async fn as_admin(base: &str, ports: &Ports) -> Result<Self, Failure> {
        let admin = find_admin(ports)
            .await
            .map_err(Failure::failed)?
            .ok_or_else(no_admin)?;
        let token = issue_token(ports, &admin, TOKEN_LIFE).map_err(Failure::failed)?;
        let client = Client::builder()
            .timeout(PATIENCE)
            .no_proxy()
            .build()
            .map_err(|_| Failure::failed("no HTTP client"))?;
        Ok(Self {
            client,
            base: base.to_owned(),
            token,
        })
    }

    /// The answer to a GET.
    pub(super) async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.call(Method::GET, path).await
    }

    /// The answer to a POST without a body.
    pub(super) async fn post(&self, path: &str) -> Result<Value, Failure> {
        self.call(Method::POST, path).await
    }

    async fn call(&self, method: Method, path: &str) -> Result<Value, Failure> {
        let answer = self
            .client
            .request(method, format!("{}{path}", self.base))
            .bearer_auth(self.token.expose())
            .send()
            .await
            .map_err(|_| Failure::failed(format_args!("{} does not answer", self.base)))?;
        let status = answer.status();
        if !status.is_success() {
            return Err(Failure::failed(format_args!(
                "{} answers {status} to {path}",
                self.base
            )));
        }
        answer
            .json()
            .await
            .map_err(|_| Failure::failed(format_args!("{} answers no JSON", self.base)))
    }
}

/// Nobody is there to act as.
pub(crate) fn no_admin() -> Failure {
    Failure::failed("no active admin; add one with `skynet user add`")
}
