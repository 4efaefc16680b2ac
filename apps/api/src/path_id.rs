//! Ids in paths.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use uuid::Uuid;

use crate::head::Head;
use crate::problem::{Problem, ProblemKind};

/// The `{id}` of a path, as the edge has read it. What is no id names no record, so it is 404.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PathId(pub(crate) Uuid);

impl FromRequest for PathId {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let id = Head::of(request, |it| it.id).map(Self);
        ready(id.ok_or_else(|| ProblemKind::NotFound.into()))
    }
}

/// An id in its one written form: 36 characters, in groups.
pub(crate) fn parse_id(text: &str) -> Option<Uuid> {
    const WRITTEN_BYTES: usize = 36;
    (text.len() == WRITTEN_BYTES)
        .then(|| Uuid::try_parse(text).ok())
        .flatten()
}
