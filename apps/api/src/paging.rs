//! Lists that are paged by key.

use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use serde::Serialize;
use uuid::Uuid;

use crate::answer;
use crate::params::Params;
use crate::path_id::parse_id;
use crate::problem::{ErrorCode, Problem};

/// The parameters of such a list.
pub(crate) const PARAMETERS: &[&str] = &["limit", "cursor"];

/// Which part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// What follows this id; the beginning when none.
    pub(crate) after: Option<Uuid>,
    /// At most this many.
    pub(crate) limit: u16,
}

/// The part as it is told.
#[derive(Serialize)]
pub(crate) struct Pagination {
    limit: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
    next_cursor: Option<String>,
}

impl Page {
    const LIMIT_DEFAULT: u16 = 100;
    const LIMIT_MAX: u16 = 100;

    pub(crate) fn read(params: &Params) -> Result<Self, Problem> {
        let limit = params.read("limit", ErrorCode::NotANumber)?;
        let limit = limit.unwrap_or(Self::LIMIT_DEFAULT);
        if !(1..=Self::LIMIT_MAX).contains(&limit) {
            return Err(Problem::parameter("limit", ErrorCode::NotANumber));
        }
        let invalid = || Problem::parameter("cursor", ErrorCode::CursorInvalid);
        let after = params
            .get("cursor")
            .map(|text| parse_id(text).ok_or_else(invalid))
            .transpose()?;
        Ok(Self { after, limit })
    }

    /// Cuts a list that was asked for with one item more than the limit; says where to go on.
    pub(crate) fn cut<T>(self, items: &mut Vec<T>, id: impl Fn(&T) -> Uuid) -> Option<Uuid> {
        let more = items.len() > usize::from(self.limit);
        items.truncate(usize::from(self.limit));
        items.last().filter(|_| more).map(id)
    }

    pub(crate) fn pagination(self, next: Option<Uuid>, total: Option<u64>) -> Pagination {
        Pagination {
            limit: self.limit,
            total,
            next_cursor: next.map(|it| it.to_string()),
        }
    }

    /// The answer, with a link to the next part.
    pub(crate) fn answer(self, path: &str, next: Option<Uuid>, bytes: Vec<u8>) -> HttpResponse {
        let mut response = answer::json(StatusCode::OK, bytes);
        if let Some(next) = next {
            let link = format!("<{path}?limit={}&cursor={next}>; rel=\"next\"", self.limit);
            if let Ok(link) = link.parse() {
                response.headers_mut().insert(header::LINK, link);
            }
        }
        response
    }
}
