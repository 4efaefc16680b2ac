//! `POST /api/v1/leads/process-bulk`.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use auth::Principal;
use kernel::ThreadKey;
use lead::{Acceptance, ClaimKey, StoredAnswer};
use lead_wire::{BatchSize, BulkDocument, DocumentError, OnError, Rules};
use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio::task::yield_now;

use super::body::{Body, Whole, media_type, unsupported_media_type};
use super::keyed::{Claimed, Content, Held, key_of, replay};
use super::one::{rules_at, trace_parent};
use super::rows::{Ids, RowReader, StreamForm, Taken};
use super::source::Source;
use super::submission::{Submission, Terms};
use crate::answer;
use crate::caller::Submitter;
use crate::edge::declared_bytes;
use crate::limits::{JSON_BODY_BYTES_MAX, STREAM_BODY_BYTES_MAX};
use crate::params::Params;
use crate::problem::{ErrorCode, ErrorItem, Problem, ProblemKind};
use crate::services::Services;
use crate::thread::Thread;

/// How long the answer waits for the note of the submission to be in the store, so that its sender
/// finds it: longer than a store that is busy takes, and a store that is away mostly says so at once.
/// The worker writes the note as well.
const NOTE_TIME: Duration = Duration::from_millis(500);

/// Leads of a document that are read while other requests of the thread wait: about 0.2 ms.
const ROWS_AT_ONCE: u64 = 32;
/// Bytes of the digest that stands before a kept answer.
const DIGEST_BYTES: usize = 32;

/// A request as handlers have it.
struct Call {
    services: web::Data<Services>,
    request: HttpRequest,
    principal: Principal,
    thread: ThreadKey,
    dry_run: bool,
}

/// Many leads: a JSON document, lines of JSON, or a table.
pub(crate) async fn process(
    services: web::Data<Services>,
    request: HttpRequest,
    payload: web::Payload,
    Submitter(principal): Submitter,
    Thread(thread): Thread,
    params: Params,
) -> Result<HttpResponse, Problem> {
    let form = match media_type(&request)?.as_str() {
        "application/json" => None,
        "application/x-ndjson" | "application/ndjson" => Some(StreamForm::Ndjson),
        "text/csv" => Some(StreamForm::Csv),
        _ => {
            return Err(unsupported_media_type(
                "leads are sent as application/json, application/x-ndjson or text/csv",
            ));
        }
    };
    let dry_run = params.flag("dry_run")?;
    let batch_size = params
        .get("batch_size")
        .map(|it| {
            BatchSize::parse(it)
                .ok_or_else(|| Problem::parameter("batch_size", ErrorCode::BatchSizeInvalid))
        })
        .transpose()?;
    let on_error = params
        .get("on_error")
        .map(|it| {
            OnError::from_name(it)
                .ok_or_else(|| Problem::parameter("on_error", ErrorCode::OnErrorInvalid))
        })
        .transpose()?;
    services.leads.watermark.admit_bulk().await?;
    let call = Call {
        services,
        request,
        principal,
        thread,
        dry_run,
    };
    // A task of its own goes on when the client goes away, so that what was confirmed comes to
    // its end.
    let work = actix_web::rt::spawn(async move {
        match form {
            None => document(&call, payload, batch_size, on_error).await,
            Some(form) => {
                let size = batch_size.unwrap_or_default();
                stream(&call, payload, form, size, on_error.unwrap_or_default()).await
            }
        }
    });
    work.await.unwrap_or_else(|error| {
        tracing::error!(%error, "a bulk submission ended early");
        Err(ProblemKind::Internal.into())
    })
}

/// A JSON document, held in memory.
async fn document(
    call: &Call,
    payload: web::Payload,
    batch_size: Option<BatchSize>,
    on_error: Option<OnError>,
) -> Result<HttpResponse, Problem> {
    for (name, given) in [
        ("batch_size", batch_size.is_some()),
        ("on_error", on_error.is_some()),
    ] {
        if given {
            return Err(Problem::parameter(name, ErrorCode::ParametersExclude)
                .detail("a JSON document says this itself"));
        }
    }
    let key = call.key()?;
    let limit = JSON_BODY_BYTES_MAX as u64;
    let body = call
        .body(payload, limit)?
        .whole(&call.services.leads.budget)
        .await?;
    let now = call.services.ports.clock.now();
    let held = match key {
        None => None,
        Some(key) => {
            let mut content = Content::of_head(&call.request);
            content.put(&body.bytes);
            let claims = Arc::clone(&call.services.ports.queue_claims);
            match Held::claim(claims, key, content.fingerprint(), now).await? {
                Claimed::Held(held) => Some(held),
                Claimed::Answered(kept) => {
                    let body = kept.body.get(DIGEST_BYTES..).unwrap_or_default().to_vec();
                    return Ok(replay(kept.status, None, body));
                }
            }
        }
    };
    let rules = rules_at(now);
    let (mut submission, ids) = call.submission(held.as_ref(), BatchSize::default());
    let sent = async {
        let document = BulkDocument::read(&body.bytes).map_err(document_problem)?;
        submission.terms.batch_size = document.batch_size;
        if document.on_error == OnError::Abort {
            let mut check = call.rehearsal(&submission);
            put_rows(&document, &rules, &ids, &mut check).await?;
            none_refused(&check)?;
        }
        put_rows(&document, &rules, &ids, &mut submission).await?;
        complete(&mut submission).await
    }
    .await;
    call.conclude(submission, held, sent, [0; DIGEST_BYTES])
        .await
}

/// Puts every lead of a document into a submission, and lets other requests of the thread go on in
/// between.
async fn put_rows(
    document: &BulkDocument<'_>,
    rules: &Rules,
    ids: &Ids,
    submission: &mut Submission,
) -> Result<(), Problem> {
    for row in document.rows(rules) {
        if row.index % ROWS_AT_ONCE == ROWS_AT_ONCE - 1 {
            yield_now().await;
        }
        submission.put(ids.take(row)).await?;
    }
    Ok(())
}

/// A stream, read in constant memory; with `abort` it is held in memory first.
///
/// The content of a stream is known at its end only. So its key is claimed for its head, the
/// digest of its body is kept with the answer, and a later request with the key is read to its end
/// before it is given that answer.
async fn stream(
    call: &Call,
    payload: web::Payload,
    form: StreamForm,
    batch_size: BatchSize,
    on_error: OnError,
) -> Result<HttpResponse, Problem> {
    let key = call.key()?;
    let mut source = match on_error {
        OnError::Continue => Source::Stream(Box::new(call.body(payload, STREAM_BODY_BYTES_MAX)?)),
        OnError::Abort => Source::Held {
            whole: call.small_body(payload).await?,
            at: 0,
        },
    };
    let now = call.services.ports.clock.now();
    let held = match key {
        None => None,
        Some(key) => {
            let mut content = Content::of_head(&call.request);
            let headers = call.request.headers();
            let size = declared_bytes(headers).map_or(u64::MAX, |it| it);
            content.put(&size.to_be_bytes());
            let claims = Arc::clone(&call.services.ports.queue_claims);
            match Held::claim(claims, key, content.fingerprint(), now).await? {
                Claimed::Held(held) => Some(held),
                Claimed::Answered(kept) => return replay_stream(&mut source, kept).await,
            }
        }
    };
    let rules = rules_at(now);
    let (mut submission, ids) = call.submission(held.as_ref(), batch_size);
    let mut digest = held.as_ref().map(|_| Sha256::new());
    let sent = async {
        if on_error == OnError::Abort {
            let mut check = call.rehearsal(&submission);
            let reader = RowReader::new(form, rules.clone());
            pump(&mut source, reader, &ids, &mut None, &mut check).await?;
            none_refused(&check)?;
            source.rewind();
        }
        let reader = RowReader::new(form, rules);
        pump(&mut source, reader, &ids, &mut digest, &mut submission).await?;
        complete(&mut submission).await
    }
    .await;
    let digest = digest.map_or([0; DIGEST_BYTES], |it| it.finalize().into());
    call.conclude(submission, held, sent, digest).await
}

/// Gives a kept answer again, once the body is found to be the same.
async fn replay_stream(source: &mut Source, kept: StoredAnswer) -> Result<HttpResponse, Problem> {
    let (mut digest, mut piece) = (Sha256::new(), Vec::new());
    while source.next(&mut piece).await? {
        digest.update(&piece);
    }
    let digest: [u8; DIGEST_BYTES] = digest.finalize().into();
    match kept.body.split_at_checked(DIGEST_BYTES) {
        Some((known, body)) if known == digest => Ok(replay(kept.status, None, body.to_vec())),
        _ => Err(ProblemKind::KeyReused.into()),
    }
}

/// Puts every row of `source` into a submission.
async fn pump(
    source: &mut Source,
    mut reader: RowReader,
    ids: &Ids,
    digest: &mut Option<Sha256>,
    submission: &mut Submission,
) -> Result<(), Problem> {
    let (mut piece, mut rows): (Vec<u8>, Vec<Taken>) = (Vec::new(), Vec::new());
    while source.next(&mut piece).await? {
        if let Some(digest) = digest {
            digest.update(&piece);
        }
        reader.feed(&piece, ids, &mut rows)?;
        for row in rows.drain(..) {
            submission.put(row).await?;
        }
    }
    reader.finish(ids, &mut rows)?;
    for row in rows {
        submission.put(row).await?;
    }
    Ok(())
}

/// Ends a submission whose rows are all read.
async fn complete(submission: &mut Submission) -> Result<(), Problem> {
    let tally = &submission.tally;
    if tally.received == 0 {
        let error = ErrorItem::at("/leads", ErrorCode::LeadsRequired);
        return Err(Problem::validation(vec![error]));
    }
    if tally.accepted() == 0 {
        return Err(Problem::new(ProblemKind::NothingQueued)
            .detail("no row is valid")
            .errors(tally.errors.clone()));
    }
    submission.finish().await
}

/// With `abort` one bad row refuses all.
fn none_refused(check: &Submission) -> Result<(), Problem> {
    if check.tally.rejected == 0 {
        return Ok(());
    }
    Err(Problem::new(ProblemKind::NothingQueued)
        .detail("not every row is valid")
        .errors(check.tally.errors.clone()))
}

#[derive(Serialize)]
struct Queued {
    status: &'static str,
    processing_id: Option<String>,
    details: Details,
    errors: Vec<ErrorItem>,
}

#[derive(Serialize)]
struct Details {
    total_leads: u64,
    accepted: u64,
    rejected: u64,
    total_chunks: u64,
    batch_ids: Vec<String>,
    message: String,
}

impl Call {
    /// A dry run does nothing that could be done twice.
    fn key(&self) -> Result<Option<ClaimKey>, Problem> {
        if self.dry_run {
            Ok(None)
        } else {
            key_of(&self.request, self.principal.user)
        }
    }

    fn body(&self, payload: web::Payload, limit: u64) -> Result<Body, Problem> {
        Body::open(&self.request, payload, limit, self.services.settings.times)
    }

    /// A body that `abort` can be taken for.
    async fn small_body(&self, payload: web::Payload) -> Result<Whole, Problem> {
        let read = async {
            let body = self.body(payload, JSON_BODY_BYTES_MAX as u64)?;
            body.whole(&self.services.leads.budget).await
        };
        read.await.map_err(|problem| match problem.kind() {
            ProblemKind::TooLarge => {
                let error = ErrorItem::parameter("on_error", ErrorCode::AbortNeedsSmallBody);
                Problem::new(ProblemKind::AbortNeedsSmallBody)
                    .errors(vec![error])
                    .closing()
            }
            _ => problem,
        })
    }

    /// A submission that is about to be read, and where its ids come from.
    fn submission(&self, held: Option<&Held>, batch_size: BatchSize) -> (Submission, Ids) {
        let ports = &self.services.ports;
        let (ids, accepted_at) = match held {
            None => (Ids::Fresh(Arc::clone(&ports.ids)), ports.clock.now()),
            Some(held) => (Ids::Seeded(Box::new(held.seed())), held.accepted_at),
        };
        let terms = Terms {
            batch: ids.batch(),
            acceptance: Acceptance {
                owner: self.principal.user,
                accepted_at,
            },
            thread: self.thread.clone(),
            trace_parent: trace_parent(&self.request),
            batch_size,
            dry_run: self.dry_run,
        };
        (Submission::new(Arc::clone(&ports.publisher), terms), ids)
    }

    /// The same submission without effect, to see whether every row is valid.
    fn rehearsal(&self, submission: &Submission) -> Submission {
        let terms = Terms {
            dry_run: true,
            ..submission.terms.clone()
        };
        Submission::new(Arc::clone(&self.services.ports.publisher), terms)
    }

    /// The answer to a submission that was sent, or that broke.
    async fn conclude(
        &self,
        mut submission: Submission,
        held: Option<Held>,
        sent: Result<(), Problem>,
        digest: [u8; DIGEST_BYTES],
    ) -> Result<HttpResponse, Problem> {
        if let Err(problem) = sent {
            submission.give_up().await;
            let anything_sent = submission.anything_sent();
            if let Some(held) = held {
                held.release(anything_sent).await;
            }
            return Err(if anything_sent {
                problem
                    .member("processing_id", submission.terms.batch.to_string())
                    .member("confirmed_through", submission.confirmed_through())
            } else {
                problem
            });
        }
        if self.dry_run {
            let body = self.answer_bytes(&submission, "Dry run: nothing was queued")?;
            return Ok(answer::json(StatusCode::OK, body));
        }
        self.note(&submission).await;
        let body = self.answer_bytes(&submission, "Bulk leads queued for processing")?;
        if let Some(held) = held {
            let status = StatusCode::ACCEPTED.as_u16();
            let kept = [&digest[..], &body].concat();
            held.finish(StoredAnswer {
                status,
                location: None,
                body: kept,
            })
            .await;
        }
        Ok(answer::json(StatusCode::ACCEPTED, body))
    }

    /// Makes the submission visible, if the store is quick.
    async fn note(&self, submission: &Submission) {
        let noted = self.services.leads.notes.write(submission.header());
        if !matches!(tokio::time::timeout(NOTE_TIME, noted).await, Ok(true)) {
            tracing::debug!("the worker writes the note of a submission");
        }
    }

    fn answer_bytes(&self, submission: &Submission, message: &str) -> Result<Vec<u8>, Problem> {
        let tally = &submission.tally;
        let (accepted, rejected) = (tally.accepted(), tally.rejected);
        let (status, said) = if self.dry_run {
            ("validated", "would be queued")
        } else {
            ("queued", "queued")
        };
        let queued = Queued {
            status,
            processing_id: (!self.dry_run).then(|| submission.terms.batch.to_string()),
            details: Details {
                total_leads: tally.received,
                accepted,
                rejected,
                total_chunks: tally.chunks,
                batch_ids: if self.dry_run {
                    Vec::new()
                } else {
                    submission.chunk_names()
                },
                message: format!("{accepted} leads {said}, {rejected} rejected"),
            },
            errors: tally.errors.clone(),
        };
        answer::done_bytes(message, &queued, &self.thread)
    }
}

/// A document that is no bulk of leads.
fn document_problem(error: DocumentError) -> Problem {
    let item = |pointer: &str, code| Problem::validation(vec![ErrorItem::at(pointer, code)]);
    match error {
        DocumentError::Malformed => ProblemKind::MalformedJson.into(),
        DocumentError::NotAnObject => item("", ErrorCode::NotAnObject),
        DocumentError::LeadsMissing => item("/leads", ErrorCode::LeadsRequired),
        DocumentError::LeadsNotAList => item("/leads", ErrorCode::WrongType),
        DocumentError::TooManyLeads => {
            Problem::too_large(BulkDocument::MAX_LEADS as u64, None, "leads")
        }
        DocumentError::BatchSize => item("/batch_size", ErrorCode::BatchSizeInvalid),
        DocumentError::OnError => item("/on_error", ErrorCode::OnErrorInvalid),
        DocumentError::KeyTwice { pointer } => item(&pointer, ErrorCode::GivenTwice),
        DocumentError::UnknownKey { pointer } => item(&pointer, ErrorCode::UnknownField),
    }
}
