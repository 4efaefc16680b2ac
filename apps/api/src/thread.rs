//! The thread key of a request.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::HeaderName;
use actix_web::{FromRequest, HttpRequest};
use kernel::ThreadKey;

use crate::head::Head;
use crate::problem::{Problem, ProblemKind};

/// The header that every answer carries its thread key in.
pub const THREAD_KEY_HEADER: HeaderName = HeaderName::from_static("x-thread-key");

/// The key of the request at hand, one for each request.
#[derive(Clone, Debug)]
pub struct Thread(pub ThreadKey);

impl FromRequest for Thread {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        // The edge gives every request a key before anything else sees it.
        let key = Head::of(request, |it| Some(it.thread.clone()));
        ready(key.map(Self).ok_or_else(|| ProblemKind::Internal.into()))
    }
}
