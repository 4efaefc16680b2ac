//! `GET /api/v1/batches/{id}` and `GET /api/v1/batches/{id}/results`.

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap};
use actix_web::{HttpRequest, HttpResponse, web};
use auth::Principal;
use kernel::Batch;
use lead::ports::{ResultKind, ResultsQuery};
use lead::{BatchId, BatchState, BatchView, ResultRow, RowOutcome};
use serde::Serialize;
use uuid::Uuid;

use super::one::is_admin;
use crate::answer;
use crate::caller::Caller;
use crate::params::Params;
use crate::path_id::PathId;
use crate::problem::{ErrorCode, ErrorItem, Problem, ProblemKind};
use crate::services::Services;

const NDJSON: &str = "application/x-ndjson";

/// Rows of one answer.
const PAGE_ROWS: u16 = 1_000;
const _: () = assert!(PAGE_ROWS as usize <= Batch::<ResultRow>::MAX_LEN);

#[derive(Serialize)]
struct Shown {
    id: String,
    state: &'static str,
    counts: Counts,
    created_at: String,
    finished_at: Option<String>,
}

#[derive(Serialize)]
struct Counts {
    received: u64,
    rejected: u64,
    stored: u64,
    duplicate: u64,
    failed: u64,
    pending: u64,
}

/// How far a submission is.
pub(crate) async fn show(
    services: web::Data<Services>,
    PathId(id): PathId,
    Caller(principal): Caller,
) -> Result<HttpResponse, Problem> {
    let view = visible(&services, id, &principal).await?;
    let counts = view.counts;
    answer::data(&Shown {
        id: view.id.to_string(),
        state: view.state().as_str(),
        counts: Counts {
            received: counts.received,
            rejected: counts.rejected,
            stored: counts.stored,
            duplicate: counts.duplicate,
            failed: counts.failed,
            pending: counts.pending(),
        },
        created_at: view.created_at.to_string(),
        finished_at: view
            .finished_at
            .filter(|_| view.state() == BatchState::Finished)
            .map(|it| it.to_string()),
    })
}

/// The submission, when the caller may see it.
async fn visible(
    services: &Services,
    id: Uuid,
    principal: &Principal,
) -> Result<BatchView, Problem> {
    let view = services.ports.finder.batch(BatchId(id)).await?;
    view.filter(|it| it.owner == principal.user || is_admin(principal))
        .ok_or_else(|| ProblemKind::NotFound.into())
}

#[derive(Serialize)]
struct ShownRow {
    index: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    lead_id: Option<String>,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<Vec<ErrorItem>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duplicate_of: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

impl ShownRow {
    fn new(row: ResultRow, sees_all: bool) -> Self {
        let mut shown = Self {
            index: row.index,
            lead_id: row.lead.map(|it| it.to_string()),
            outcome: "",
            errors: None,
            duplicate_of: None,
            reason: None,
        };
        match row.outcome {
            RowOutcome::Rejected(errors) => {
                shown.outcome = "rejected";
                let items = errors.iter().map(|it| ErrorItem::of_row(row.index, it));
                shown.errors = Some(items.collect());
            }
            RowOutcome::Duplicate { of } => {
                shown.outcome = "duplicate";
                shown.duplicate_of = sees_all.then(|| of.to_string());
            }
            RowOutcome::Failed(code) => {
                shown.outcome = "failed";
                shown.reason = Some(code.as_str());
            }
        }
        shown
    }
}

#[derive(Serialize)]
struct Page {
    data: Vec<ShownRow>,
    pagination: Pagination,
}

#[derive(Serialize)]
struct Pagination {
    limit: u16,
    next_cursor: Option<String>,
}

/// Rows of a submission that were not stored, in input order.
pub(crate) async fn results(
    services: web::Data<Services>,
    request: HttpRequest,
    PathId(id): PathId,
    Caller(principal): Caller,
    params: Params,
) -> Result<HttpResponse, Problem> {
    let form = Form::accepted(request.headers()).ok_or(ProblemKind::NotAcceptable)?;
    let kind = match params.get("outcome") {
        None => None,
        Some("rejected") => Some(ResultKind::Rejected),
        Some("duplicate") => Some(ResultKind::Duplicate),
        Some("failed") => Some(ResultKind::Failed),
        Some(_) => return Err(Problem::parameter("outcome", ErrorCode::InvalidValue)),
    };
    let after = params.read("cursor", ErrorCode::CursorInvalid)?;
    let view = visible(&services, id, &principal).await?;
    let query = ResultsQuery {
        batch: view.id,
        kind,
        after,
        limit: PAGE_ROWS,
    };
    let rows = services.ports.finder.results(&query).await?;
    let full = rows.len() >= usize::from(PAGE_ROWS);
    let next = rows.last().filter(|_| full).map(|it| it.index.to_string());
    let sees_all = is_admin(&principal);
    let data: Vec<ShownRow> = rows
        .into_iter()
        .map(|it| ShownRow::new(it, sees_all))
        .collect();

    let link = next.as_ref().map(|next| {
        let outcome = params
            .get("outcome")
            .map(|it| format!("&outcome={it}"))
            .unwrap_or_default();
        format!("<{}?cursor={next}{outcome}>; rel=\"next\"", request.path())
    });
    let mut response = match form {
        Form::Json => {
            let pagination = Pagination {
                limit: PAGE_ROWS,
                next_cursor: next,
            };
            let bytes = answer::content_bytes(&Page { data, pagination })?;
            answer::json(StatusCode::OK, bytes)
        }
        Form::Ndjson => {
            let mut bytes = Vec::new();
            for row in &data {
                // A structure of texts and numbers always serialises.
                let _ = serde_json::to_writer(&mut bytes, row);
                bytes.push(b'\n');
            }
            HttpResponse::Ok().content_type(NDJSON).body(bytes)
        }
    };
    if let Some(link) = link.and_then(|it| it.try_into().ok()) {
        response.headers_mut().insert(header::LINK, link);
    }
    response
        .headers_mut()
        .insert(header::VARY, header::HeaderValue::from_static("Accept"));
    Ok(response)
}

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Json,
    Ndjson,
}

impl Form {
    /// The form that `Accept` likes best; JSON where it likes both the same.
    fn accepted(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(header::ACCEPT).peekable();
        if values.peek().is_none() {
            return Some(Self::Json);
        }
        // For each form how exactly it is named, and its weight.
        let (mut json, mut ndjson) = ((0, 0.0), (0, 0.0));
        for range in values
            .filter_map(|it| it.to_str().ok())
            .flat_map(|it| it.split(','))
        {
            let mut parts = range.split(';');
            let name = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
            let weight = parts
                .find_map(|it| {
                    it.trim()
                        .strip_prefix("q=")
                        .map(|it| it.parse().unwrap_or(0.0))
                })
                .unwrap_or(1.0_f32);
            let set = |form: &mut (u8, f32), exactness| {
                if exactness >= form.0 {
                    *form = (exactness, weight);
                }
            };
            match name.as_str() {
                "application/json" => set(&mut json, 3),
                NDJSON | "application/ndjson" => set(&mut ndjson, 3),
                "application/*" => [&mut json, &mut ndjson]
                    .into_iter()
                    .for_each(|it| set(it, 2)),
                "*/*" => [&mut json, &mut ndjson]
                    .into_iter()
                    .for_each(|it| set(it, 1)),
                _ => {}
            }
        }
        if json.1 <= 0.0 && ndjson.1 <= 0.0 {
            return None;
        }
        let prefers_ndjson = (ndjson.1, ndjson.0) > (json.1, json.0);
        Some(if prefers_ndjson {
            Self::Ndjson
        } else {
            Self::Json
        })
    }
}
