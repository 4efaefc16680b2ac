//! The queue, what is parked, and the cache, for admins.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lead::{DeadLetter, DeadLetterId, DeadPayload, Lead, ReplayScope};
use lead_wire::{AttributesForm, write_lead};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::answer;
use crate::body::Fields;
use crate::caller::Admin;
use crate::paging::{Page, Pagination};
use crate::params::Params;
use crate::path_id::{PathId, parse_id};
use crate::problem::{ErrorCode, Problem, ProblemKind};
use crate::services::Services;
use crate::thread::Thread;

/// The most ids of one replay.
const REPLAY_IDS_MAX: usize = 1_000;

/// `GET /api/v1/queue`.
pub(crate) async fn queue(
    services: web::Data<Services>,
    _: Admin,
) -> Result<HttpResponse, Problem> {
    #[derive(Serialize)]
    struct Queues {
        queues: Vec<Queue>,
        parked: u64,
    }
    #[derive(Serialize)]
    struct Queue {
        name: String,
        ready: u64,
        in_flight: Option<u64>,
        consumers: u64,
        parked: u64,
    }
    let depths = services.ports.monitor.depths().await?;
    let parked = services.ports.dead_letters.count().await?;
    let queues = depths.into_iter().enumerate().map(|(at, depth)| Queue {
        name: depth.name,
        ready: depth.ready,
        in_flight: depth.in_flight,
        consumers: depth.consumers,
        // What is parked came through the first queue, whatever queue it went through later.
        parked: if at == 0 { parked } else { 0 },
    });
    answer::data(&Queues {
        queues: queues.collect(),
        parked,
    })
}

/// A parked message as it is sent.
#[derive(Serialize)]
struct DeadView {
    id: String,
    code: &'static str,
    reason: &'static str,
    attempts: u16,
    replays: u16,
    thread_key: Option<String>,
    submitted_by: Option<String>,
    first_seen: String,
    last_seen: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<PayloadView>,
}

/// What a parked message carries.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum PayloadView {
    Lead(Box<RawValue>),
    BytesBase64(String),
}

impl DeadView {
    fn of(letter: &DeadLetter) -> Self {
        Self {
            id: letter.id.to_string(),
            code: letter.code.as_str(),
            reason: letter.code.reason(),
            attempts: letter.attempts,
            replays: letter.replays,
            thread_key: letter.thread_key.as_ref().map(ToString::to_string),
            submitted_by: letter.owner.map(|it| it.to_string()),
            first_seen: letter.first_seen.to_string(),
            last_seen: letter.last_seen.to_string(),
            payload: None,
        }
    }

    fn with_payload(letter: &DeadLetter) -> Self {
        let payload = match &letter.payload {
            DeadPayload::Bytes(bytes) => Some(PayloadView::BytesBase64(STANDARD.encode(bytes))),
            DeadPayload::Lead(message) => message
                .parts
                .iter()
                .flat_map(|part| &part.leads)
                .next()
                .and_then(|queued| {
                    let lead = Lead {
                        id: queued.lead.id,
                        submitted_by: queued.lead.submitted_by,
                        details: queued.lead.details.clone(),
                        updated_at: letter.last_seen,
                    };
                    let mut bytes = Vec::new();
                    write_lead(&mut bytes, &lead, AttributesForm::List);
                    let text = String::from_utf8(bytes).ok()?;
                    RawValue::from_string(text).ok().map(PayloadView::Lead)
                }),
        };
        Self {
            payload,
            ..Self::of(letter)
        }
    }
}

/// `GET /api/v1/failed`: parked messages in the order of their ids.
pub(crate) async fn failed(
    services: web::Data<Services>,
    _: Admin,
    params: Params,
) -> Result<HttpResponse, Problem> {
    #[derive(Serialize)]
    struct Letters {
        data: Vec<DeadView>,
        pagination: Pagination,
    }
    let page = Page::read(&params)?;
    let dead = &services.ports.dead_letters;
    let mut letters = dead
        .list(page.after.map(DeadLetterId), page.limit + 1)
        .await?;
    let total = dead.count().await?;
    let next = page.cut(&mut letters, |it| it.id.0);
    let content = Letters {
        data: letters.iter().map(DeadView::of).collect(),
        pagination: page.pagination(next, Some(total)),
    };
    let bytes = answer::content_bytes(&content)?;
    Ok(page.answer("/api/v1/failed", next, bytes))
}

/// `GET /api/v1/failed/{id}`: with what it carries.
pub(crate) async fn show_failed(
    services: web::Data<Services>,
    _: Admin,
    PathId(id): PathId,
) -> Result<HttpResponse, Problem> {
    let letter = services.ports.dead_letters.show(DeadLetterId(id)).await?;
    let letter = letter.ok_or(ProblemKind::NotFound)?;
    answer::data(&DeadView::with_payload(&letter))
}

/// `POST /api/v1/failed/replay`: sends parked leads again, or says how many would go.
pub(crate) async fn replay(
    services: web::Data<Services>,
    Thread(thread): Thread,
    _: Admin,
    params: Params,
    mut fields: Fields,
) -> Result<HttpResponse, Problem> {
    #[derive(Serialize)]
    struct Done {
        dry_run: bool,
        replayed: u64,
        unreadable: u64,
        unknown: u64,
    }
    let dry_run = fields.flag("dry_run").unwrap_or(false) || params.flag("dry_run")?;
    let all = fields.flag("all").unwrap_or(false);
    let ids = fields.texts("ids");
    let ids = ids.map(|texts| read_ids(&mut fields, &texts));
    if all == ids.is_some() {
        fields.refuse("ids", ErrorCode::IdsOrAll);
    }
    fields.finish()?;
    let scope = match ids {
        Some(ids) => ReplayScope::Ids(ids),
        None => ReplayScope::All {
            until: services.ports.clock.now(),
        },
    };
    let done = services.replay.run(&scope, dry_run).await?;
    let message = if dry_run {
        "Nothing was replayed: this was a dry run"
    } else {
        "Failed leads were queued again"
    };
    let content = answer::with_data(Done {
        dry_run,
        replayed: done.replayed,
        unreadable: done.unreadable,
        unknown: done.unknown,
    });
    answer::done(StatusCode::OK, message, &content, &thread)
}

fn read_ids(fields: &mut Fields, texts: &[String]) -> Vec<DeadLetterId> {
    if texts.is_empty() {
        fields.refuse("ids", ErrorCode::Required);
    }
    if texts.len() > REPLAY_IDS_MAX {
        fields.refuse("ids", ErrorCode::TooManyItems);
        return Vec::new();
    }
    let mut ids: Vec<DeadLetterId> = Vec::with_capacity(texts.len());
    for (at, text) in texts.iter().enumerate() {
        match parse_id(text).map(DeadLetterId) {
            Some(id) if ids.contains(&id) => {}
            Some(id) => ids.push(id),
            None => fields.refuse(&format!("ids/{at}"), ErrorCode::IdInvalid),
        }
    }
    ids
}

/// `DELETE /api/v1/failed/{id}`: discards a parked message on purpose.
pub(crate) async fn discard(
    services: web::Data<Services>,
    Thread(thread): Thread,
    Admin(admin): Admin,
    PathId(id): PathId,
) -> Result<HttpResponse, Problem> {
    if !services
        .ports
        .dead_letters
        .discard(DeadLetterId(id))
        .await?
    {
        return Err(ProblemKind::NotFound.into());
    }
    tracing::info!(%id, by = %admin.user, "a parked message was discarded");
    let message = "The failed message was discarded";
    answer::done(StatusCode::OK, message, &answer::Nothing {}, &thread)
}

/// `POST /api/v1/cache/clear`.
pub(crate) async fn clear_cache(
    services: web::Data<Services>,
    Thread(thread): Thread,
    _: Admin,
) -> Result<HttpResponse, Problem> {
    services.ports.cache.clear().await;
    answer::done(
        StatusCode::OK,
        "Cache was cleared",
        &answer::Nothing {},
        &thread,
    )
}
