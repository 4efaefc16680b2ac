//! Refusals as they are sent: the envelope and an RFC 9457 problem in one body.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::http::{ConnectionType, StatusCode};
use actix_web::{HttpResponse, ResponseError};
use kernel::ThreadKey;
use lead::FieldError;
use serde::Serialize;
use serde_json::{Map, Value};

pub use crate::problem_kind::{ErrorCode, ProblemKind};

/// A refusal. A handler returns it as its error; the edge adds path and thread key and sends it.
#[derive(Clone, Debug)]
pub struct Problem(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    kind: ProblemKind,
    detail: Option<Cow<'static, str>>,
    errors: Vec<ErrorItem>,
    members: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
    closes: bool,
}

/// One thing that is wrong: where, and why; never the value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ErrorItem {
    /// The row of a bulk submission, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<u64>,
    /// JSON pointer into the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// Name of a query parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<Cow<'static, str>>,
    /// The stable code.
    pub code: &'static str,
    /// What to tell a person.
    pub detail: &'static str,
}

impl ErrorItem {
    /// An error of the field at `pointer` of the body.
    pub fn at(pointer: impl Into<String>, code: ErrorCode) -> Self {
        Self {
            index: None,
            pointer: Some(pointer.into()),
            parameter: None,
            code: code.as_str(),
            detail: code.detail(),
        }
    }

    /// An error of a query parameter.
    pub fn parameter(name: impl Into<Cow<'static, str>>, code: ErrorCode) -> Self {
        Self {
            index: None,
            pointer: None,
            parameter: Some(name.into()),
            code: code.as_str(),
            detail: code.detail(),
        }
    }

    /// An error of a lead that is the whole body.
    pub fn of_lead(error: &FieldError) -> Self {
        Self {
            index: None,
            pointer: Some(error.pointer.clone()),
            parameter: None,
            code: error.code.as_str(),
            detail: error.code.detail(),
        }
    }

    /// An error of row `index` of a bulk submission.
    pub fn of_row(index: u64, error: &FieldError) -> Self {
        Self {
            index: Some(index),
            pointer: Some(format!("/leads/{index}{}", error.pointer)),
            parameter: None,
            code: error.code.as_str(),
            detail: error.code.detail(),
        }
    }
}

/// The body of a refusal.
#[derive(Serialize)]
struct Body<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    instance: &'a str,
    success: bool,
    message: &'static str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [ErrorItem],
    #[serde(flatten)]
    members: &'a Map<String, Value>,
    thread_key: &'a str,
}

impl Problem {
    /// The media type of every refusal.
    pub const CONTENT_TYPE: &str = "application/problem+json";

    /// A refusal of this kind; its detail is the title until another one is given.
    pub fn new(kind: ProblemKind) -> Self {
        Self(Box::new(Inner {
            kind,
            detail: None,
            errors: Vec::new(),
            members: Map::new(),
            headers: Vec::new(),
            closes: false,
        }))
    }

    /// A lead, or rows of leads, with these errors.
    pub fn validation(errors: Vec<ErrorItem>) -> Self {
        Self::new(ProblemKind::ValidationError).errors(errors)
    }

    /// One query parameter that cannot be used.
    pub fn parameter(name: &'static str, code: ErrorCode) -> Self {
        Self::new(ProblemKind::InvalidParameter).errors(vec![ErrorItem::parameter(name, code)])
    }

    /// A body, or a part of it, over `limit`, counted in `unit`; `size` is how much was met, where
    /// known. The connection closes without the rest being read.
    pub fn too_large(limit: u64, size: Option<u64>, unit: &'static str) -> Self {
        let problem = Self::new(ProblemKind::TooLarge)
            .detail(format!("at most {limit} {unit} are taken"))
            .member("limit", limit)
            .member("unit", unit)
            .closing();
        match size {
            Some(size) => problem.member("size", size),
            None => problem,
        }
    }

    /// Says more about this occurrence. It never repeats a rejected value.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// What is wrong, one by one.
    #[must_use]
    pub fn errors(mut self, errors: Vec<ErrorItem>) -> Self {
        if self.0.detail.is_none() {
            self.0.detail = match errors.len() {
                0 => None,
                1 => Some("1 field is not valid".into()),
                count => Some(format!("{count} fields are not valid").into()),
            };
        }
        self.0.errors = errors;
        self
    }

    /// When to come back, rounded up to whole seconds and at least one.
    #[must_use]
    pub fn retry_after(self, wait: Duration) -> Self {
        let seconds = wait.as_millis().div_ceil(1_000).max(1);
        match HeaderValue::from_str(&seconds.to_string()) {
            Ok(value) => self.header(header::RETRY_AFTER, value),
            Err(_) => self,
        }
    }

    /// Another member of the body, such as `processing_id`.
    #[must_use]
    pub fn member(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.0.members.insert(name.to_owned(), value.into());
        self
    }

    /// Another header of the answer.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// The connection closes after the answer, since the body was not read.
    #[must_use]
    pub fn closing(mut self) -> Self {
        self.0.closes = true;
        self
    }

    /// What kind of refusal it is.
    pub fn kind(&self) -> ProblemKind {
        self.0.kind
    }

    /// The bytes of the body, for a request to the path `instance`.
    pub fn body(&self, instance: &str, thread: &ThreadKey) -> Vec<u8> {
        let kind = self.0.kind;
        let body = Body {
            r#type: kind.type_uri(),
            title: kind.title(),
            status: kind.status().as_u16(),
            detail: self.0.detail.as_deref().unwrap_or(kind.title()),
            instance,
            success: false,
            message: kind.message(),
            errors: &self.0.errors,
            members: &self.0.members,
            thread_key: thread.as_str(),
        };
        // A structure of texts and numbers always serialises.
        serde_json::to_vec(&body).unwrap_or_default()
    }

    /// The whole answer, for a request to the path `instance`.
    pub fn answer(&self, instance: &str, thread: &ThreadKey) -> HttpResponse {
        let mut response = HttpResponse::build(self.0.kind.status());
        response.insert_header((header::CONTENT_TYPE, Self::CONTENT_TYPE));
        for (name, value) in &self.0.headers {
            response.append_header((name.clone(), value.clone()));
        }
        if self.0.kind.status() == StatusCode::UNAUTHORIZED
            && !self
                .0
                .headers
                .iter()
                .any(|(it, _)| it == header::WWW_AUTHENTICATE)
        {
            response.insert_header((header::WWW_AUTHENTICATE, self.challenge()));
        }
        let mut response = response.body(self.body(instance, thread));
        if self.0.closes {
            response
                .head_mut()
                .set_connection_type(ConnectionType::Close);
        }
        response
    }

    /// RFC 6750: what is wrong with the token, where one was sent.
    fn challenge(&self) -> &'static str {
        match self.0.kind {
            ProblemKind::InvalidToken => "Bearer error=\"invalid_token\"",
            ProblemKind::ExpiredToken => {
                "Bearer error=\"invalid_token\", error_description=\"the token has expired\""
            }
            ProblemKind::RevokedToken => {
                "Bearer error=\"invalid_token\", error_description=\"the token was revoked\""
            }
            _ => "Bearer",
        }
    }
}

impl From<ProblemKind> for Problem {
    fn from(kind: ProblemKind) -> Self {
        Self::new(kind)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.kind.type_uri())
    }
}

/// The edge answers with [`Problem::answer`]; what is here never leaves the process.
impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.0.kind.status()
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}
