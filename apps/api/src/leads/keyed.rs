//! `Idempotency-Key`: the same request is done once.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use kernel::{Timestamp, UserId};
use lead::ports::Claims;
use lead::{Claim, ClaimKey, Fingerprint, IdSeed, KeyText, StoredAnswer};
use sha2::{Digest, Sha256};

use crate::failure::RETRY_AFTER;
use crate::problem::{Problem, ProblemKind};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The key of a request; none when it has none.
///
/// # Errors
///
/// 400 when it has several, or one that is no key.
pub(crate) fn key_of(request: &HttpRequest, owner: UserId) -> Result<Option<ClaimKey>, Problem> {
    let mut values = request.headers().get_all(IDEMPOTENCY_KEY);
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let text = value.to_str().ok().filter(|_| values.next().is_none());
    let key = text.and_then(|it| KeyText::parse(it).ok());
    let key = key.ok_or_else(|| Problem::new(ProblemKind::InvalidIdempotencyKey).closing())?;
    Ok(Some(ClaimKey {
        owner,
        path: request.path().to_owned(),
        key,
    }))
}

/// What makes two requests the same, as far as it was put in.
pub(crate) struct Content(Sha256);

impl Content {
    /// Method, path, query, media type and coding of a request.
    pub(crate) fn of_head(request: &HttpRequest) -> Self {
        let mut content = Self(Sha256::new());
        let header = |name| {
            request
                .headers()
                .get(name)
                .map_or(&b""[..], HeaderValue::as_bytes)
        };
        content.put(request.method().as_str().as_bytes());
        content.put(request.path().as_bytes());
        content.put(request.query_string().as_bytes());
        content.put(header(header::CONTENT_TYPE));
        content
    }

    /// Another part.
    pub(crate) fn put(&mut self, part: &[u8]) {
        self.0.update((part.len() as u64).to_be_bytes());
        self.0.update(part);
    }

    pub(crate) fn fingerprint(self) -> Fingerprint {
        Fingerprint(self.0.finalize().into())
    }
}

/// A key that is this request's to work under.
pub(crate) struct Held {
    claims: Arc<dyn Claims>,
    key: ClaimKey,
    /// When the key was first claimed.
    pub(crate) accepted_at: Timestamp,
}

/// What claiming a key comes to.
pub(crate) enum Claimed {
    /// The request is to be done.
    Held(Held),
    /// It was done before.
    Answered(StoredAnswer),
}

impl Held {
    /// Claims `key` for a request with this content.
    ///
    /// # Errors
    ///
    /// 409 while the same request runs, 422 when the key was used with another one, 503 when the
    /// claim cannot be recorded.
    pub(crate) async fn claim(
        claims: Arc<dyn Claims>,
        key: ClaimKey,
        content: Fingerprint,
        now: Timestamp,
    ) -> Result<Claimed, Problem> {
        match claims.claim(&key, content, now).await? {
            Claim::Held { accepted_at } => Ok(Claimed::Held(Self {
                claims,
                key,
                accepted_at,
            })),
            Claim::Answered(answer) => Ok(Claimed::Answered(answer)),
            Claim::Running => {
                Err(Problem::new(ProblemKind::RequestRunning).retry_after(RETRY_AFTER))
            }
            Claim::OtherContent => Err(ProblemKind::KeyReused.into()),
        }
    }

    /// What the ids of the request are derived from.
    pub(crate) fn seed(&self) -> IdSeed {
        IdSeed::new(&self.key, self.accepted_at)
    }

    /// Keeps the answer. One that cannot be kept is given all the same: a request that is sent
    /// again makes the same ids, and so the same leads.
    pub(crate) async fn finish(self, answer: StoredAnswer) {
        if answer.body.len() > StoredAnswer::MAX_BODY_BYTES {
            return self.release(true).await;
        }
        if let Err(error) = self.claims.finish(&self.key, &answer).await {
            tracing::warn!(%error, "an answer was not kept under its idempotency key");
        }
    }

    /// Gives the key back, since there is no answer worth keeping.
    pub(crate) async fn release(self, anything_published: bool) {
        if let Err(error) = self.claims.release(&self.key, anything_published).await {
            tracing::warn!(%error, "an idempotency key was not given back");
        }
    }
}

/// An answer that was given before.
pub(crate) fn replay(status: u16, location: Option<&str>, body: Vec<u8>) -> HttpResponse {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let mut response = HttpResponse::build(status);
    let content_type = if status.is_success() {
        "application/json"
    } else {
        Problem::CONTENT_TYPE
    };
    response.insert_header((header::CONTENT_TYPE, content_type));
    response.insert_header((IDEMPOTENCY_REPLAYED, "true"));
    if let Some(location) = location {
        response.insert_header((header::LOCATION, location));
    }
    response.body(body)
}
