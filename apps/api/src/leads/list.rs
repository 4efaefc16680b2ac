//! `GET /api/v1/leads`.

use std::fmt::Write as _;
use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use lead::ports::{LeadFinder, ReadKey, StoreError};
use lead::{Filter, ListQuery, Position, SearchText, SearchTextError, Status};
use lead_wire::{AttributesForm, write_lead};

use super::cursor;
use super::kept::Kept;
use super::one::attributes_form;
use super::read::form_name;
use crate::caller::Admin;
use crate::params::Params;
use crate::problem::{ErrorCode, Problem, ProblemKind};
use crate::services::Services;

const LIMIT_DEFAULT: u16 = 20;
const LIMIT_MAX: u16 = 100;
/// What most keys of kept pages take, in bytes.
const KEY_BYTES: usize = 96;

/// What is asked for.
struct Ask {
    filter: Filter,
    position: Position,
    /// The number of the page; none for a page by cursor.
    page: Option<u32>,
    limit: u16,
    form: AttributesForm,
}

/// A page of leads, newest first.
pub(crate) async fn list(
    services: web::Data<Services>,
    request: HttpRequest,
    _: Admin,
    params: Params,
) -> Result<HttpResponse, Problem> {
    let ask = Ask::read(&params)?;
    let finder = Arc::clone(&services.ports.finder);
    let load = async { Ok(Some(ask.answer(finder.as_ref()).await?)) };
    let kept = services
        .ports
        .cache
        .read(&ask.key(), Box::pin(load))
        .await?;
    let kept = kept.ok_or(ProblemKind::NotFound)?;
    let kept = Kept::read(kept).ok_or(ProblemKind::Internal)?;
    Ok(kept.answer(&request))
}

impl Ask {
    fn read(params: &Params) -> Result<Self, Problem> {
        let filter = Filter {
            status: params
                .get("status")
                .map(|it| {
                    Status::from_name(it)
                        .ok_or_else(|| Problem::parameter("status", ErrorCode::InvalidValue))
                })
                .transpose()?,
            email: text(params, "email")?,
            search: text(params, "search")?,
        };
        let limit = params
            .read::<u16>("limit", ErrorCode::NotANumber)?
            .unwrap_or(LIMIT_DEFAULT);
        if !(1..=LIMIT_MAX).contains(&limit) {
            return Err(Problem::parameter("limit", ErrorCode::NotANumber));
        }
        let form = attributes_form(params)?;
        if let Some(text) = params.get("cursor") {
            if params.get("page").is_some() {
                return Err(Problem::parameter("page", ErrorCode::ParametersExclude));
            }
            let last = cursor::read(text, &filter)
                .ok_or_else(|| Problem::parameter("cursor", ErrorCode::CursorInvalid))?;
            let position = Position::Before(last);
            return Ok(Self {
                filter,
                position,
                page: None,
                limit,
                form,
            });
        }
        let page = params
            .read::<u64>("page", ErrorCode::NotANumber)?
            .unwrap_or(1);
        if page == 0 {
            return Err(Problem::parameter("page", ErrorCode::NotANumber));
        }
        let rows = u32::try_from(page.saturating_mul(u64::from(limit))).unwrap_or(u32::MAX);
        if rows > ListQuery::MAX_OFFSET {
            return Err(Problem::parameter("page", ErrorCode::PageTooFar)
                .detail("pages end at 10,000 rows; go on with cursor"));
        }
        let position = Position::Offset(rows - u32::from(limit));
        Ok(Self {
            filter,
            position,
            page: Some(rows / u32::from(limit)),
            limit,
            form,
        })
    }

    /// What the answer is kept under: everything that makes it what it is, each text with its length
    /// in front.
    fn key(&self) -> ReadKey {
        let mut key = String::with_capacity(KEY_BYTES);
        // Writing to a `String` cannot fail.
        let _ = match self.position {
            Position::Offset(rows) => write!(key, "page {rows}"),
            Position::Before(id) => write!(key, "page before {id}"),
            Position::After(id) => write!(key, "page after {id}"),
        };
        let form = form_name(self.form);
        let _ = write!(key, " of {} {form}", self.limit);
        if let Some(status) = self.filter.status {
            let _ = write!(key, " status {}", status.as_str());
        }
        let texts = [
            ("email", &self.filter.email),
            ("search", &self.filter.search),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                let text = text.as_str();
                let _ = write!(key, " {name} {}:{text}", text.len());
            }
        }
        ReadKey::List(key)
    }

    async fn answer(&self, finder: &dyn LeadFinder) -> Result<Arc<[u8]>, StoreError> {
        let query = ListQuery {
            filter: self.filter.clone(),
            position: self.position,
            // One more than asked for tells whether a page follows.
            limit: self.limit + 1,
        };
        let (mut leads, total) = finder.list_and_total(&query).await?;
        let more = leads.len() > usize::from(self.limit);
        leads.truncate(usize::from(self.limit));
        let next = leads
            .last()
            .filter(|_| more)
            .map(|it| cursor::write(it.id, &self.filter));

        let link = next.as_deref().map_or_else(String::new, |it| self.link(it));
        let mut out = b"{\"success\":true,\"data\":[".to_vec();
        for (at, lead) in leads.iter().enumerate() {
            out.extend_from_slice(if at == 0 { b"" } else { b"," });
            write_lead(&mut out, lead, self.form);
        }
        let mut pagination = serde_json::Map::new();
        if let Some(page) = self.page {
            pagination.insert("page".into(), page.into());
        }
        pagination.insert("limit".into(), self.limit.into());
        pagination.insert("total".into(), total.count.into());
        pagination.insert("total_is_exact".into(), total.exact.into());
        let pages = total.count.div_ceil(u64::from(self.limit));
        pagination.insert("pages".into(), pages.into());
        pagination.insert("next_cursor".into(), next.into());
        out.extend_from_slice(b"],\"pagination\":");
        out.extend_from_slice(serde_json::Value::from(pagination).to_string().as_bytes());
        out.push(b'}');
        Ok(Kept::write(&link, &out))
    }

    /// The value of `Link` for the page after this one.
    fn link(&self, next: &str) -> String {
        let mut link = format!("</api/v1/leads?cursor={next}&limit={}", self.limit);
        let filter = [
            ("status", self.filter.status.map(Status::as_str)),
            ("email", self.filter.email.as_ref().map(SearchText::as_str)),
            (
                "search",
                self.filter.search.as_ref().map(SearchText::as_str),
            ),
            (
                "attributes",
                (self.form == AttributesForm::Object).then_some("object"),
            ),
        ];
        for (name, value) in filter {
            if let Some(value) = value {
                let _ = write!(link, "&{name}={}", percent_encoded(value));
            }
        }
        link.push_str(">; rel=\"next\"");
        link
    }
}

fn text(params: &Params, name: &'static str) -> Result<Option<SearchText>, Problem> {
    // A filter that is sent empty, as forms do, asks for nothing.
    let Some(value) = params.get(name).filter(|it| !it.is_empty()) else {
        return Ok(None);
    };
    SearchText::parse(value).map(Some).map_err(|error| {
        let code = match error {
            SearchTextError::TooShort => ErrorCode::SearchTooShort,
            SearchTextError::TooLong => ErrorCode::SearchTooLong,
        };
        Problem::parameter(name, code)
    })
}

fn percent_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~@".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a `String` cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}
