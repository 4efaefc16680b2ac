//! Pages of other origins.

use actix_web::HttpResponse;
use actix_web::http::header::{self, HeaderMap, HeaderValue};

use crate::settings::CorsOrigins;

const EXPOSED: &str = "Link, Location, Retry-After, RateLimit, RateLimit-Policy, X-Thread-Key, \
     Idempotency-Replayed, ETag";
const ALLOWED_HEADERS: &str = "Accept, Authorization, Content-Encoding, Content-Type, Idempotency-Key, If-None-Match, traceparent";
/// How long a browser may remember the answer to a preflight, in seconds.
const MAX_AGE_SECONDS: &str = "600";

/// The request's origin, when its pages may call; `null` never may.
pub(crate) fn allowed_origin(origins: &CorsOrigins, headers: &HeaderMap) -> Option<HeaderValue> {
    let value = headers.get(header::ORIGIN)?;
    let origin = value.to_str().ok()?;
    let allowed = match origins {
        CorsOrigins::Local => is_local(origin),
        CorsOrigins::Exact(list) => origin != "null" && list.iter().any(|it| it == origin),
    };
    allowed.then(|| value.clone())
}

fn is_local(origin: &str) -> bool {
    let Some(authority) = origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"))
    else {
        return false;
    };
    ["localhost", "127.0.0.1", "[::1]"].iter().any(|host| {
        authority
            .strip_prefix(host)
            .is_some_and(|rest| match rest.strip_prefix(':') {
                Some(port) => port.parse::<u16>().is_ok(),
                None => rest.is_empty(),
            })
    })
}

/// Whether a request to OPTIONS asks for another request's permission.
pub(crate) fn is_preflight(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// The answer to a preflight of a path with these methods; [`add_headers`] names the origin.
pub(crate) fn preflight(allow: &str, allowed: bool) -> HttpResponse {
    let mut response = HttpResponse::NoContent();
    response.append_header((
        header::VARY,
        "Access-Control-Request-Method, Access-Control-Request-Headers",
    ));
    if allowed {
        response
            .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, allow))
            .insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS))
            .insert_header((header::ACCESS_CONTROL_MAX_AGE, MAX_AGE_SECONDS));
    }
    response.finish()
}

/// Lets the page of `origin` read the answer. Answers differ by origin either way.
pub(crate) fn add_headers(answer: &mut HeaderMap, origin: Option<HeaderValue>) {
    answer.append(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin {
        answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        answer.insert(
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static(EXPOSED),
        );
    }
}
