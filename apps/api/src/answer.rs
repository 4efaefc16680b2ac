//! Answers to requests that went well.

use actix_web::http::StatusCode;
use actix_web::http::header::{self, EntityTag, Header, HeaderValue, IfNoneMatch};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
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
/// no-cache`, `Vary: Authorization`; 304 when the client holds what has this tag.
pub(crate) fn tagged(request: &HttpRequest, tag: HeaderValue, bytes: Bytes) -> HttpResponse {
    let held = is_held(request, &tag);
    let mut response = if held {
        HttpResponse::NotModified().finish()
    } else {
        HttpResponse::Ok().body(bytes)
    };
    let headers = response.headers_mut();
    headers.insert(header::ETAG, tag);
    let fixed = [
        (header::CACHE_CONTROL, "private, no-cache"),
        (header::VARY, "Authorization"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !held {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
    }
    response
}

/// Whether the client says that it holds what has this tag.
fn is_held(request: &HttpRequest, tag: &HeaderValue) -> bool {
    if !request.headers().contains_key(header::IF_NONE_MATCH) {
        return false;
    }
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(held)) => {
            let tag: Option<EntityTag> = tag.to_str().ok().and_then(|it| it.parse().ok());
            tag.is_some_and(|tag| held.iter().any(|it| it.weak_eq(&tag)))
        }
        Err(_) => false,
    }
}

fn bytes_of(content: &impl Serialize) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(content).map_err(|error| {
        tracing::error!(%error, "an answer cannot be written");
        ProblemKind::Internal.into()
    })
}

/// How much of a digest a tag has, in bytes.
const DIGEST_BYTES: usize = 16;
/// How long a tag is, in bytes.
pub(crate) const TAG_BYTES: usize = 2 * DIGEST_BYTES + 2;

/// The tag of a body, with its quotes.
pub(crate) fn tag_of(bytes: &[u8]) -> String {
    use std::fmt::Write as _;

    let digest = Sha256::digest(bytes);
    let mut tag = String::with_capacity(TAG_BYTES);
    tag.push('"');
    for byte in &digest[..DIGEST_BYTES] {
        // Writing to a `String` cannot fail.
        let _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    tag
}

/// Whether this has the form of a tag.
pub(crate) fn is_tag(text: &[u8]) -> bool {
    let [b'"', digits @ .., b'"'] = text else {
        return false;
    };
    text.len() == TAG_BYTES && digits.iter().all(u8::is_ascii_hexdigit)
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
