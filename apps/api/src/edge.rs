//! What surrounds every handler: the thread key, the caller, the limits, and the form of refusals.

use std::net::{IpAddr, Ipv4Addr};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse, Url};
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::http::{Method, StatusCode, Uri};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpResponse, web};
use auth::{AuthenticateError, Principal, ThrottleKey};
use futures_util::FutureExt;
use kernel::ThreadKey;
use tracing::Instrument;

use crate::address::client_address;
use crate::caller::Who;
use crate::cors;
use crate::failure::unavailable;
use crate::head::Head;
use crate::limits;
use crate::params::Params;
use crate::path_id::parse_id;
use crate::problem::{Problem, ProblemKind};
use crate::rate::Taken;
use crate::services::Services;
use crate::thread::THREAD_KEY_HEADER;

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
    let from = (thread, address);
    let gate = gate(services, &request, from, origin.is_some(), &mut rate);
    let gate = AssertUnwindSafe(gate).catch_unwind().await;
    let mut response = match gate.unwrap_or_else(|_| Err(panicked(thread))) {
        Ok(Gate::Pass(head, form)) => match Slot::take(services, request.path()) {
            Some(_slot) => {
                if let Some(form) = form {
                    request.match_info_mut().set(Url::new(form));
                }
                request.extensions_mut().insert(head);
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
        for (name, value) in rate.headers() {
            headers.append(name, value);
        }
    }
    cors::add_headers(headers, origin);
    Ok(response)
}

/// What the look at a request's head comes to.
enum Gate {
    /// A handler answers, which is registered for this path where it is not that of the request.
    Pass(Head, Option<Uri>),
    /// This is the answer.
    Answer(HttpResponse),
}

/// Everything that can be said of a request before its handler runs.
async fn gate<'a>(
    services: &'a Services,
    request: &ServiceRequest,
    (thread, address): (&ThreadKey, IpAddr),
    is_allowed_origin: bool,
    rate: &mut Option<Taken<'a>>,
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
    let throttle = services.ports.throttle.as_ref();
    let taken = services.rates.default.take(throttle, &key).await;
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
    let params = Params::parse(request.query_string())?;
    params.only(access.query)?;
    if !access.takes_body {
        let size = declared_bytes(request.headers());
        let limit = limits::SMALL_BODY_BYTES_MAX as u64;
        if let Some(size) = size.filter(|size| *size > limit) {
            return Err(Problem::too_large(limit, Some(size), "bytes"));
        }
    }
    let variable = found.and_then(|it| it.variable);
    let head = Head {
        thread: thread.clone(),
        address,
        caller,
        params: Some(params),
        id: variable.and_then(|(part, _)| parse_id(part)),
    };
    Ok(Gate::Pass(head, variable.map(|(_, form)| form.clone())))
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
    let thread = Head::of(&http, |it| Some(it.thread.clone()));
    let problem = thread.map_or_else(|| ProblemKind::Internal.into(), |it| panicked(&it));
    Ok(ServiceResponse::from_err(problem, http))
}
