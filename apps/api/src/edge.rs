//! What surrounds every handler: the thread key, the caller, the limits, and the form of refusals.

use std::net::{IpAddr, Ipv4Addr};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse, Url};
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode, Uri};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpResponse, web};
use auth::{Allowance, AuthenticateError, Principal, Quota, ThrottleKey};
use futures_util::FutureExt;
use kernel::ThreadKey;
use tracing::Instrument;

use crate::address::client_address;
use crate::caller::{ClientAddress, Who};
use crate::cors;
use crate::failure::unavailable;
use crate::limits;
use crate::params::Params;
use crate::path_id::{PathId, parse_id};
use crate::problem::{Problem, ProblemKind};
use crate::services::Services;
use crate::thread::THREAD_KEY_HEADER;

pub(crate) const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
pub(crate) const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Paths below this one tell how healthy the process is; they are served whatever else is shed.
const HEALTH: &str = "/api/v1/health";

/// What stands before a token (RFC 6750, section 2.1), in any case.
const SCHEME: &[u8] = b"Bearer ";

/// Serves a request, from its first look to the last header of its answer.
pub(crate) async fn edge(
    services: web::Data<Services>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let ports = &services.ports;
    let thread = ThreadKey::new(ports.clock.now(), ports.entropy.as_ref());
    let peer = request
        .peer_addr()
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |it| it.ip());
    let address = client_address(peer, request.headers(), &services.settings.trusted_proxies);
    request.extensions_mut().insert(thread.clone());
    request.extensions_mut().insert(ClientAddress(address));
    let span = tracing::info_span!("request", thread_key = %thread);
    serve(&services, request, next, &thread, address)
        .instrument(span)
        .await
}

async fn serve(
    services: &Services,
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
    thread: &ThreadKey,
    address: IpAddr,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let origin = cors::allowed_origin(&services.settings.cors, request.headers());
    let mut rate = None;
    let gate = gate(services, &request, address, origin.is_some(), &mut rate);
    let gate = AssertUnwindSafe(gate).catch_unwind().await;
    let mut response = match gate.unwrap_or_else(|_| Err(panicked(thread))) {
        Ok(Gate::Pass(form)) => match Slot::take(services, request.path()) {
            Some(_slot) => {
                if let Some(form) = form {
                    request.match_info_mut().set(Url::new(form));
                }
                refusals_as_problems(next.call(request).await?, thread)
            }
            None => refuse(request, &unavailable(ProblemKind::Overloaded), thread),
        },
        Ok(Gate::Answer(answer)) => request.into_response(answer),
        Err(problem) => refuse(request, &problem, thread),
    };
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(thread.as_str()) {
        headers.insert(THREAD_KEY_HEADER, value);
    }
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if let Some(rate) = rate {
        rate.add_headers(headers);
    }
    cors::add_headers(headers, origin);
    Ok(response)
}

/// What the look at a request's head comes to.
enum Gate {
    /// A handler answers, which is registered for this path where it is not that of the request.
    Pass(Option<Uri>),
    /// This is the answer.
    Answer(HttpResponse),
}

/// Everything that can be said of a request before its handler runs.
async fn gate(
    services: &Services,
    request: &ServiceRequest,
    address: IpAddr,
    is_allowed_origin: bool,
    rate: &mut Option<Rate>,
) -> Result<Gate, Problem> {
    let found = services.access.path(request.path());
    let methods = found.as_ref().map(|it| it.methods);
    let access = methods.and_then(|it| it.access(request.method()));

    let caller = match access {
        Some(access) if access.who != Who::Anyone => authenticate(services, request).await,
        _ => Ok(None),
    };
    let key = match &caller {
        Ok(Some(principal)) => ThrottleKey::Caller(principal.user),
        _ => ThrottleKey::Address(address),
    };
    let taken = Rate::take(services, "default", &key, services.settings.rate_per_minute).await;
    let allowed = taken.allowance.allowed || request.path().starts_with(HEALTH);
    let retry_after = taken.allowance.retry_after;
    *rate = Some(taken);
    if !allowed {
        return Err(Problem::new(ProblemKind::RateLimited).retry_after(retry_after));
    }

    let uri_bytes = request
        .uri()
        .path_and_query()
        .map_or(0, |it| it.as_str().len());
    if uri_bytes > limits::URI_BYTES_MAX {
        return Err(ProblemKind::UriTooLong.into());
    }
    let Some(methods) = methods else {
        return Err(ProblemKind::NotFound.into());
    };
    let Some(access) = access else {
        let allow = methods.allow();
        if request.method() != Method::OPTIONS {
            return Err(match HeaderValue::from_str(&allow) {
                Ok(allow) => {
                    Problem::new(ProblemKind::MethodNotAllowed).header(header::ALLOW, allow)
                }
                Err(_) => ProblemKind::MethodNotAllowed.into(),
            });
        }
        return Ok(Gate::Answer(if cors::is_preflight(request.headers()) {
            cors::preflight(&allow, is_allowed_origin)
        } else {
            HttpResponse::NoContent()
                .insert_header((header::ALLOW, allow))
                .finish()
        }));
    };

    let caller = caller?;
    access.who.admit(caller.as_ref())?;
    if let Some(principal) = caller {
        request.extensions_mut().insert(principal);
    }
    let params = Params::parse(request.query_string())?;
    params.only(access.query)?;
    request.extensions_mut().insert(params);
    if !access.takes_body {
        let size = declared_bytes(request.headers());
        let limit = limits::SMALL_BODY_BYTES_MAX as u64;
        if let Some(size) = size.filter(|size| *size > limit) {
            return Err(Problem::too_large(limit, Some(size), "bytes"));
        }
    }
    let variable = found.and_then(|it| it.variable);
    if let Some(id) = variable.and_then(|(part, _)| parse_id(part)) {
        request.extensions_mut().insert(PathId(id));
    }
    Ok(Gate::Pass(variable.map(|(_, form)| form.clone())))
}

/// The caller, when the request has a token; the token must then be good.
async fn authenticate(
    services: &Services,
    request: &ServiceRequest,
) -> Result<Option<Principal>, Problem> {
    let Some(value) = request.headers().get(header::AUTHORIZATION) else {
        return Ok(None);
    };
    let token = bearer(value).ok_or(AuthenticateError::Invalid)?;
    Ok(Some(services.authenticate.run(token).await?))
}

/// The token of an `Authorization` header of the scheme `Bearer`.
pub(crate) fn bearer(value: &HeaderValue) -> Option<&str> {
    let (scheme, token) = value.as_bytes().split_at_checked(SCHEME.len())?;
    if !scheme.eq_ignore_ascii_case(SCHEME) {
        return None;
    }
    // Faster than the value's own look at each byte, which a token has hundreds of.
    Some(std::str::from_utf8(token).ok()?.trim_matches(' '))
}

/// The `Content-Length` of a request.
pub(crate) fn declared_bytes(headers: &HeaderMap) -> Option<u64> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

/// What a quota says, and its name and size for the answer's headers.
pub(crate) struct Rate {
    name: &'static str,
    quota: Quota,
    pub(crate) allowance: Allowance,
}

impl Rate {
    /// Takes one from the quota of `key`.
    pub(crate) async fn take(
        services: &Services,
        name: &'static str,
        key: &ThrottleKey,
        per_minute: u32,
    ) -> Self {
        let quota = Quota {
            limit: per_minute,
            window: Duration::from_mins(1),
        };
        Self {
            name,
            quota,
            allowance: services.ports.throttle.take(key, quota).await,
        }
    }

    /// The values of `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers).
    pub(crate) fn values(&self) -> (String, String) {
        let name = self.name;
        let (limit, window) = (self.quota.limit, self.quota.window.as_secs());
        let remaining = self.allowance.remaining;
        let reset = self.allowance.reset_after.as_millis().div_ceil(1_000);
        (
            format!("\"{name}\";q={limit};w={window}"),
            format!("\"{name}\";r={remaining};t={reset}"),
        )
    }

    fn add_headers(&self, headers: &mut HeaderMap) {
        let (policy, state) = self.values();
        for (name, value) in [(RATE_LIMIT_POLICY, policy), (RATE_LIMIT, state)] {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.append(name, value);
            }
        }
    }
}

/// A request's place among those under way; given back when dropped.
struct Slot<'a>(&'a AtomicUsize);

impl<'a> Slot<'a> {
    /// A place; none when all are taken. Questions about health always find one.
    fn take(services: &'a Services, path: &str) -> Option<Self> {
        let slot = Self(&services.in_flight);
        let before = slot.0.fetch_add(1, Ordering::Relaxed);
        let fits = before < services.settings.in_flight_max || path.starts_with(HEALTH);
        fits.then_some(slot)
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn refuse(
    request: ServiceRequest,
    problem: &Problem,
    thread: &ThreadKey,
) -> ServiceResponse<BoxBody> {
    let answer = problem.answer(request.path(), thread);
    request.into_response(answer)
}

/// The answer of a handler, with its error, if there is one, in the form of all refusals.
fn refusals_as_problems(
    response: ServiceResponse<impl MessageBody + 'static>,
    thread: &ThreadKey,
) -> ServiceResponse<BoxBody> {
    let Some(error) = response.response().error() else {
        return response.map_into_boxed_body();
    };
    let problem = error
        .as_error::<Problem>()
        .cloned()
        .unwrap_or_else(|| of_status(response.status()));
    let answer = problem.answer(response.request().path(), thread);
    response.into_response(answer)
}

/// What an error of the framework is to a client.
fn of_status(status: StatusCode) -> Problem {
    match status {
        StatusCode::NOT_FOUND => ProblemKind::NotFound.into(),
        StatusCode::REQUEST_TIMEOUT => Problem::new(ProblemKind::RequestTimeout).closing(),
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::too_large(limits::SMALL_BODY_BYTES_MAX as u64, None, "bytes")
        }
        StatusCode::UNSUPPORTED_MEDIA_TYPE => ProblemKind::UnsupportedMediaType.into(),
        status if status.is_client_error() => ProblemKind::InvalidRequest.into(),
        _ => {
            tracing::error!(status = status.as_u16(), "a handler failed");
            ProblemKind::Internal.into()
        }
    }
}

fn panicked(thread: &ThreadKey) -> Problem {
    tracing::error!(thread_key = %thread, "a handler panicked");
    ProblemKind::Internal.into()
}

/// Turns a panic of a handler into a refusal, so that its connection stays.
pub(crate) async fn catch_panics(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let http = request.request().clone();
    if let Ok(response) = AssertUnwindSafe(next.call(request)).catch_unwind().await {
        return response.map(ServiceResponse::map_into_boxed_body);
    }
    let thread = http.extensions().get::<ThreadKey>().cloned();
    let problem = thread.map_or_else(|| ProblemKind::Internal.into(), |it| panicked(&it));
    Ok(ServiceResponse::from_err(problem, http))
}
