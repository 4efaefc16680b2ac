//! Sending chunks to a running API.

use std::time::Duration;

use bytes::Bytes;
use kernel::Secret;
use lead::{FieldCode, FieldError};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, Method, Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

/// An API, and somebody it knows.
pub(super) struct Api {
    client: Client,
    base: String,
    credentials: Credentials,
    token: Mutex<Option<Secret<String>>>,
    patience: Duration,
}

/// How to come by a token.
pub(super) enum Credentials {
    /// This one.
    Token(Secret<String>),
    /// By signing in.
    Password {
        /// Name of the account.
        username: String,
        /// Its password.
        password: Secret<String>,
    },
    /// By making one with the key of the installation.
    Issue(Box<dyn Fn() -> Option<Secret<String>> + Send + Sync>),
}

/// Why the API did not do it.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApiError {
    #[error("the API at {base} does not answer")]
    Away { base: String },
    #[error("the API at {base} keeps answering {status}")]
    Busy { base: String, status: StatusCode },
    #[error("the API at {base} does not accept the credentials")]
    Unauthorized { base: String },
    #[error("the API at {base} refuses the request with {status}: {message}")]
    Refused {
        base: String,
        status: StatusCode,
        message: String,
    },
    #[error("the API at {base} gives an answer that is not understood")]
    Unclear { base: String },
}

/// What the API took in.
#[derive(Debug)]
pub(super) struct Submitted {
    /// The submission, to ask after.
    pub(super) batch: String,
    /// Leads that were refused: places in the request, and what is wrong. The API names the first
    /// hundred.
    pub(super) refused: Vec<(usize, FieldError)>,
    /// How many they were.
    pub(super) refused_count: u64,
}

/// Where a submission stands.
#[derive(Debug)]
pub(super) struct BatchStatus {
    /// Nothing waits.
    pub(super) finished: bool,
    /// What became of its leads.
    pub(super) counts: BatchCounts,
}

/// What became of the leads of a submission.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) struct BatchCounts {
    pub(super) stored: u64,
    pub(super) duplicate: u64,
    pub(super) failed: u64,
    pub(super) pending: u64,
}

/// One request may take this long; a full queue slows the API down on purpose.
const REQUEST_TIMEOUT: Duration = Duration::from_mins(1);
const FIRST_PATIENCE: Duration = Duration::from_secs(5);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

impl Api {
    /// The API at `base`. Refusals that pass, and silence, are borne for `patience`.
    pub(super) fn new(
        base: &str,
        credentials: Credentials,
        patience: Duration,
    ) -> Result<Self, reqwest::Error> {
        Ok(Self {
            client: Client::builder().timeout(REQUEST_TIMEOUT).build()?,
            base: base.trim_end_matches('/').to_owned(),
            credentials,
            token: Mutex::new(None),
            patience,
        })
    }

    /// Whether it answers at all: an address that is wrong should not be waited for.
    pub(super) async fn greet(&self) -> Result<(), ApiError> {
        let url = format!("{}/api/v1/health", self.base);
        let deadline = Instant::now() + FIRST_PATIENCE;
        loop {
            match self.client.get(&url).send().await {
                Ok(_) => return Ok(()),
                Err(_) if Instant::now() > deadline => return Err(self.away()),
                Err(_) => sleep(Duration::from_millis(200)).await,
            }
        }
    }

    /// Sends leads. Sending the same ones under the same key again stores none twice.
    pub(super) async fn submit(&self, key: &str, body: Bytes) -> Result<Submitted, ApiError> {
        let path = "/api/v1/leads/process-bulk";
        let answer: SubmitAnswer = self.call(Method::POST, path, Some((key, body))).await?;
        let refused = answer
            .errors
            .into_iter()
            .map(|it| {
                let lead = format!("/leads/{}", it.index);
                let error = FieldError {
                    pointer: it
                        .pointer
                        .strip_prefix(&lead)
                        .unwrap_or_default()
                        .to_owned(),
                    code: FieldCode::from_name(&it.code).unwrap_or(FieldCode::NotAccepted),
                };
                (it.index, error)
            })
            .collect();
        Ok(Submitted {
            batch: answer.processing_id,
            refused,
            refused_count: answer.details.rejected,
        })
    }

    /// Where a submission stands.
    pub(super) async fn batch(&self, id: &str) -> Result<BatchStatus, ApiError> {
        let path = format!("/api/v1/batches/{id}");
        let answer: BatchAnswer = self.call(Method::GET, &path, None).await?;
        Ok(BatchStatus {
            finished: answer.data.state == "finished",
            counts: answer.data.counts,
        })
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        keyed: Option<(&str, Bytes)>,
    ) -> Result<T, ApiError> {
        let url = format!("{}{path}", self.base);
        let deadline = Instant::now() + self.patience;
        let mut backoff = Duration::from_millis(100);
        let mut renewed = false;
        loop {
            let token = self.token().await?;
            let mut request = self
                .client
                .request(method.clone(), &url)
                .header(AUTHORIZATION, format!("Bearer {}", token.expose()));
            if let Some((key, body)) = &keyed {
                request = request
                    .header("Idempotency-Key", *key)
                    .header(CONTENT_TYPE, "application/json")
                    .body(body.clone());
            }
            let (wait, error) = match request.send().await {
                Ok(response) if response.status().is_success() => {
                    match response.bytes().await {
                        Ok(body) => {
                            return serde_json::from_slice(&body).map_err(|_| ApiError::Unclear {
                                base: self.base.clone(),
                            });
                        }
                        // The answer broke off; asked again, it is given again.
                        Err(_) => (None, self.away()),
                    }
                }
                Ok(response) => {
                    let status = response.status();
                    if status == StatusCode::UNAUTHORIZED {
                        if renewed || matches!(self.credentials, Credentials::Token(_)) {
                            return Err(self.unauthorized());
                        }
                        renewed = true;
                        *self.token.lock().await = None;
                        continue;
                    }
                    if !passes(status, &method) {
                        return Err(self.refused(response).await);
                    }
                    let wait = retry_after(&response);
                    let base = self.base.clone();
                    (wait, ApiError::Busy { base, status })
                }
                Err(_) => (None, self.away()),
            };
            let wait = wait.unwrap_or(backoff).min(LONGEST_WAIT);
            if Instant::now() + wait > deadline {
                return Err(error);
            }
            backoff = (backoff * 2).min(Duration::from_secs(5));
            sleep(wait).await;
        }
    }

    async fn token(&self) -> Result<Secret<String>, ApiError> {
        let mut token = self.token.lock().await;
        if let Some(token) = &*token {
            return Ok(token.clone());
        }
        let fresh = match &self.credentials {
            Credentials::Token(given) => given.clone(),
            Credentials::Issue(issue) => issue().ok_or_else(|| self.unauthorized())?,
            Credentials::Password { username, password } => {
                self.sign_in(username, password).await?
            }
        };
        *token = Some(fresh.clone());
        Ok(fresh)
    }

    async fn sign_in(
        &self,
        username: &str,
        password: &Secret<String>,
    ) -> Result<Secret<String>, ApiError> {
        let deadline = Instant::now() + self.patience;
        loop {
            let body = serde_json::json!({"username": username, "password": password.expose()});
            let url = format!("{}/api/v1/login", self.base);
            let (wait, error) = match self.client.post(url).json(&body).send().await {
                Ok(response) if response.status().is_success() => {
                    return match response.json::<LoginAnswer>().await {
                        Ok(answer) => Ok(Secret::new(answer.user.token)),
                        Err(_) => Err(ApiError::Unclear {
                            base: self.base.clone(),
                        }),
                    };
                }
                Ok(response) if passes(response.status(), &Method::POST) => {
                    let status = response.status();
                    let base = self.base.clone();
                    (retry_after(&response), ApiError::Busy { base, status })
                }
                Ok(_) => return Err(self.unauthorized()),
                Err(_) => (None, self.away()),
            };
            let wait = wait.unwrap_or(Duration::from_secs(1)).min(LONGEST_WAIT);
            if Instant::now() + wait > deadline {
                return Err(error);
            }
            sleep(wait).await;
        }
    }

    async fn refused(&self, response: Response) -> ApiError {
        let status = response.status();
        let message = match response.json::<Refusal>().await {
            Ok(refusal) => refusal.detail.or(refusal.title).unwrap_or_default(),
            Err(_) => String::new(),
        };
        ApiError::Refused {
            base: self.base.clone(),
            status,
            message,
        }
    }

    fn away(&self) -> ApiError {
        ApiError::Away {
            base: self.base.clone(),
        }
    }

    fn unauthorized(&self) -> ApiError {
        ApiError::Unauthorized {
            base: self.base.clone(),
        }
    }
}

/// The refusal passes by itself. A submission that is not found may not be visible yet; a request
/// in conflict is one of ours that still runs.
fn passes(status: StatusCode, method: &Method) -> bool {
    status.is_server_error()
        || status == StatusCode::TOO_MANY_REQUESTS
        || status == StatusCode::REQUEST_TIMEOUT
        || (status == StatusCode::CONFLICT && method == Method::POST)
        || (status == StatusCode::NOT_FOUND && method == Method::GET)
}

fn retry_after(response: &Response) -> Option<Duration> {
    let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

#[derive(Deserialize)]
struct SubmitAnswer {
    processing_id: String,
    details: SubmitDetails,
    #[serde(default)]
    errors: Vec<SubmitError>,
}

#[derive(Deserialize)]
struct SubmitDetails {
    rejected: u64,
}

#[derive(Deserialize)]
struct SubmitError {
    index: usize,
    pointer: String,
    code: String,
}

#[derive(Deserialize)]
struct BatchAnswer {
    data: BatchData,
}

#[derive(Deserialize)]
struct BatchData {
    state: String,
    counts: BatchCounts,
}

#[derive(Deserialize)]
struct LoginAnswer {
    user: LoginUser,
}

#[derive(Deserialize)]
struct LoginUser {
    token: String,
}

#[derive(Deserialize)]
struct Refusal {
    title: Option<String>,
    detail: Option<String>,
}
