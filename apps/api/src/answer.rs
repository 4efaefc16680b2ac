//! Answers to requests that went well.

use actix_web::http::StatusCode;
use actix_web::http::header::{self, ETag, EntityTag, Header, IfNoneMatch};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use kernel::ThreadKey;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::problem::{Problem, ProblemKind};

const JSON: &str = "application/json";

/// `{"success":true,"data":...}` and whatever else `content` adds beside it.
#[derive(Serialize)]
struct Success<'a, T> {
    success: bool,
    #[serde(flatten)]
    content: &'a T,
}

#[derive(Serialize)]
struct Data<T> {
    data: T,
}

/// The bytes of an answer to GET: `{"success":true,"data":...}`.
///
/// # Errors
///
/// A fault of this system, when `data` cannot be written as JSON.
pub fn data_bytes(data: &impl Serialize) -> Result<Vec<u8>, Problem> {
    content_bytes(&Data { data })
}

/// The bytes of an answer to GET whose `content`, a structure, stands beside `"success":true`.
///
/// # Errors
///
/// As [`data_bytes`].
pub fn content_bytes(content: &impl Serialize) -> Result<Vec<u8>, Problem> {
    let success = Success {
        success: true,
        content,
    };
    bytes_of(&success)
}

/// 200 with `content` alone, without an envelope.
///
/// # Errors
///
/// As [`data_bytes`].
pub fn plain(content: &impl Serialize) -> Result<HttpResponse, Problem> {
    Ok(json(StatusCode::OK, bytes_of(content)?))
}

/// 200 with `{"success":true,"data":...}`.
///
/// # Errors
///
/// As [`data_bytes`].
pub fn data(data: &impl Serialize) -> Result<HttpResponse, Problem> {
    Ok(json(StatusCode::OK, data_bytes(data)?))
}

/// An answer with these bytes of JSON.
pub fn json(status: StatusCode, bytes: Vec<u8>) -> HttpResponse {
    HttpResponse::build(status).content_type(JSON).body(bytes)
}

/// An answer to GET that may be kept and asked for anew: `ETag`, `Cache-Control: private,
/// no-cache`, `Vary: Authorization`; 304 when the client holds the same bytes. `extra` may add
/// headers.
pub fn validated(
    request: &HttpRequest,
    bytes: impl AsRef<[u8]> + Into<Vec<u8>>,
    extra: impl FnOnce(&mut HttpResponseBuilder),
) -> HttpResponse {
    let tag = entity_tag(bytes.as_ref());
    let held = match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => request.headers().contains_key(header::IF_NONE_MATCH),
        Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|it| it.weak_eq(&tag)),
        Err(_) => false,
    };
    let mut response = HttpResponse::build(if held {
        StatusCode::NOT_MODIFIED
    } else {
        StatusCode::OK
    });
    response
        .insert_header(ETag(tag))
        .insert_header((header::CACHE_CONTROL, "private, no-cache"))
        .insert_header((header::VARY, "Authorization"));
    extra(&mut response);
    if held {
        response.finish()
    } else {
        response.content_type(JSON).body(bytes.into())
    }
}

fn bytes_of(content: &impl Serialize) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(content).map_err(|error| {
        tracing::error!(%error, "an answer cannot be written");
        ProblemKind::Internal.into()
    })
}

fn entity_tag(bytes: &[u8]) -> EntityTag {
    use std::fmt::Write as _;

    let digest = Sha256::digest(bytes);
    let mut tag = String::with_capacity(32);
    for byte in &digest[..16] {
        // Writing to a `String` cannot fail.
        let _ = write!(tag, "{byte:02x}");
    }
    EntityTag::new_strong(tag)
}

/// The bytes of an answer to POST, PATCH or DELETE:
/// `{"success":true,"message":...,<content>,"thread_key":...}`.
///
/// # Errors
///
/// As [`data_bytes`].
pub fn done_bytes(
    message: &str,
    content: &impl Serialize,
    thread: &ThreadKey,
) -> Result<Vec<u8>, Problem> {
    #[derive(Serialize)]
    struct Done<'a, T> {
        success: bool,
        message: &'a str,
        #[serde(flatten)]
        content: &'a T,
        thread_key: &'a str,
    }
    let done = Done {
        success: true,
        message,
        content,
        thread_key: thread.as_str(),
    };
    bytes_of(&done)
}

/// An answer to POST, PATCH or DELETE, see [`done_bytes`]. `content` is a structure whose fields
/// stand beside the message.
///
/// # Errors
///
/// As [`data_bytes`].
pub fn done(
    status: StatusCode,
    message: &str,
    content: &impl Serialize,
    thread: &ThreadKey,
) -> Result<HttpResponse, Problem> {
    Ok(json(status, done_bytes(message, content, thread)?))
}

/// `{"data": ...}` as the content of [`done`].
pub fn with_data<T: Serialize>(data: T) -> impl Serialize {
    Data { data }
}

/// No content beside the message of [`done`].
#[derive(Serialize)]
pub struct Nothing {}
