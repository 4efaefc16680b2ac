//! `POST /api/v1/lead/process` and `POST /api/v1/lead/process-async`.

use std::sync::Arc;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use auth::Principal;
use kernel::{Batch, ThreadKey};
use lead::ports::{Appended, Arrival, Claims};
use lead::{
    Acceptance, LeadDetails, LeadForm, LeadId, Message, NewLead, Part, QueuedLead, StoredAnswer,
};
use lead_wire::read_lead;
use serde::Serialize;

use super::body::{Body, media_type, unsupported_media_type};
use super::keyed::{Claimed, Content, Held, key_of, replay};
use super::one::{Fresh, is_admin, refused_lead, rules_at, trace_parent};
use crate::answer;
use crate::caller::Submitter;
use crate::params::Params;
use crate::problem::{Problem, ProblemKind};
use crate::services::Services;
use crate::thread::Thread;

/// A lead that was read and accepted, and the claim it is worked on under.
struct Accepted {
    lead: NewLead,
    acceptance: Acceptance,
    held: Option<Held>,
}

/// What reading a request with one lead comes to.
enum Read {
    Accepted(Accepted),
    DryRun(LeadDetails),
    Answered(StoredAnswer),
}

/// Reads and accepts the lead of a request.
async fn read(
    services: &Services,
    request: &HttpRequest,
    payload: web::Payload,
    principal: &Principal,
    params: &Params,
    claims: &Arc<dyn Claims>,
) -> Result<Read, Problem> {
    let ports = &services.ports;
    let dry_run = params.flag("dry_run")?;
    if media_type(request)? != "application/json" {
        return Err(unsupported_media_type("a lead is sent as application/json"));
    }
    let key = if dry_run {
        None
    } else {
        key_of(request, principal.user)?
    };
    let limit = LeadForm::MAX_LEAD_BYTES as u64;
    let body = Body::open(request, payload, limit, services.settings.times)?;
    let body = body.whole(&services.leads.budget).await?;

    let now = ports.clock.now();
    let details = read_lead(&body.bytes, &rules_at(now));
    if dry_run {
        return details
            .map(Read::DryRun)
            .map_err(|errors| refused_lead(&errors));
    }
    let Some(key) = key else {
        let details = details.map_err(|errors| refused_lead(&errors))?;
        let acceptance = Acceptance {
            owner: principal.user,
            accepted_at: now,
        };
        let lead = acceptance.accept(LeadId(ports.ids.next()), details);
        return Ok(Read::Accepted(Accepted {
            lead,
            acceptance,
            held: None,
        }));
    };
    let mut content = Content::of_head(request);
    content.put(&body.bytes);
    let claimed = Held::claim(Arc::clone(claims), key, content.fingerprint(), now).await?;
    let held = match claimed {
        Claimed::Answered(answer) => return Ok(Read::Answered(answer)),
        Claimed::Held(held) => held,
    };
    let details = match details {
        Ok(details) => details,
        Err(errors) => {
            held.release(false).await;
            return Err(refused_lead(&errors));
        }
    };
    let acceptance = Acceptance {
        owner: principal.user,
        accepted_at: held.accepted_at,
    };
    let id = held.seed().id_of(0, &body.bytes);
    let lead = acceptance.accept(id, details);
    Ok(Read::Accepted(Accepted {
        lead,
        acceptance,
        held: Some(held),
    }))
}

/// `POST /api/v1/lead/process`: stored before the answer.
pub(crate) async fn process(
    services: web::Data<Services>,
    request: HttpRequest,
    payload: web::Payload,
    Submitter(principal): Submitter,
    Thread(thread): Thread,
    params: Params,
) -> Result<HttpResponse, Problem> {
    let ports = &services.ports;
    let claims = &ports.store_claims;
    let accepted = match read(&services, &request, payload, &principal, &params, claims).await? {
        Read::Accepted(accepted) => accepted,
        Read::Answered(kept) => {
            return Ok(replay(kept.status, kept.location.as_deref(), kept.body));
        }
        Read::DryRun(details) => {
            if let Some(of) = ports.finder.holder(details.email.key()).await? {
                return Err(duplicate(of, &principal));
            }
            let created = answer::with_data(Fresh::new(None, &details));
            return answer::done(
                StatusCode::OK,
                "Dry run: nothing was stored",
                &created,
                &thread,
            );
        }
    };
    let Accepted { lead, held, .. } = accepted;
    let lead = Arc::new(lead);
    let arrival = Arrival {
        lead: Arc::clone(&lead),
        row: None,
        attempts: 1,
    };
    let outcome = match services.leads.writer.append(arrival).await {
        Ok(Appended::Stored) => Ok(()),
        Ok(Appended::Duplicate { of }) => Err(duplicate(of, &principal)),
        Ok(Appended::IdClash) => {
            tracing::error!(lead = %lead.id, "the id of a new lead is held by another one");
            Err(ProblemKind::Internal.into())
        }
        Err(problem) => Err(problem),
    };
    match outcome {
        Ok(()) => {
            ports.cache.bump().await;
            let created = answer::with_data(Fresh::new(Some(lead.id), &lead.details));
            let body = answer::done_bytes("Lead processed successfully", &created, &thread)?;
            let location = format!("/api/v1/leads/{}", lead.id);
            if let Some(held) = held {
                let answer = StoredAnswer {
                    status: StatusCode::CREATED.as_u16(),
                    location: Some(location.clone()),
                    body: body.clone(),
                };
                held.finish(answer).await;
            }
            let mut response = answer::json(StatusCode::CREATED, body);
            if let Ok(location) = location.try_into() {
                response.headers_mut().insert(header::LOCATION, location);
            }
            Ok(response)
        }
        Err(problem) => {
            match held {
                Some(held) if problem.kind() == ProblemKind::DuplicateLead => {
                    let answer = StoredAnswer {
                        status: StatusCode::CONFLICT.as_u16(),
                        location: None,
                        body: problem.body(request.path(), &thread),
                    };
                    held.finish(answer).await;
                }
                // Without an answer of the store the lead may be there.
                Some(held) => held.release(true).await,
                None => {}
            }
            Err(problem)
        }
    }
}

fn duplicate(of: LeadId, principal: &Principal) -> Problem {
    let problem = Problem::new(ProblemKind::DuplicateLead);
    if is_admin(principal) {
        problem.member("duplicate_of", of.to_string())
    } else {
        problem
    }
}

#[derive(Serialize)]
struct Queued {
    status: &'static str,
    lead_id: Option<String>,
    receipt: Option<String>,
}

/// `POST /api/v1/lead/process-async`: durable in the queue before the answer.
pub(crate) async fn process_async(
    services: web::Data<Services>,
    request: HttpRequest,
    payload: web::Payload,
    Submitter(principal): Submitter,
    Thread(thread): Thread,
    params: Params,
) -> Result<HttpResponse, Problem> {
    let ports = &services.ports;
    services.leads.watermark.admit_single().await?;
    let claims = &ports.queue_claims;
    let accepted = match read(&services, &request, payload, &principal, &params, claims).await? {
        Read::Accepted(accepted) => accepted,
        Read::Answered(kept) => {
            return Ok(replay(kept.status, kept.location.as_deref(), kept.body));
        }
        Read::DryRun(_) => {
            let queued = Queued {
                status: "validated",
                lead_id: None,
                receipt: None,
            };
            return answer::done(
                StatusCode::OK,
                "Dry run: nothing was queued",
                &queued,
                &thread,
            );
        }
    };
    let Accepted {
        lead,
        acceptance,
        held,
    } = accepted;
    let id = lead.id;
    let message = message_of(lead, acceptance, &request, &thread);
    let (message, ids) = (Batch::one(message), Batch::one(id));
    // Nobody knows the id yet, so that it does no harm when the lead does not wait after all.
    let (published, ()) = tokio::join!(
        ports.publisher.publish(&message),
        ports
            .waiting
            .hold(&ids, acceptance.owner, acceptance.accepted_at),
    );
    if let Err(error) = published {
        if let Some(held) = held {
            held.release(true).await;
        }
        return Err(error.into());
    }
    let queued = Queued {
        status: "queued",
        lead_id: Some(id.to_string()),
        receipt: Some(format!("/api/v1/receipts/{id}")),
    };
    let body = answer::done_bytes("Lead queued for processing", &queued, &thread)?;
    if let Some(held) = held {
        let status = StatusCode::ACCEPTED.as_u16();
        held.finish(StoredAnswer {
            status,
            location: None,
            body: body.clone(),
        })
        .await;
    }
    Ok(answer::json(StatusCode::ACCEPTED, body))
}

fn message_of(
    lead: NewLead,
    acceptance: Acceptance,
    request: &HttpRequest,
    thread: &ThreadKey,
) -> Message {
    Message::first(vec![Part {
        thread_key: thread.clone(),
        trace_parent: trace_parent(request),
        owner: acceptance.owner,
        accepted_at: acceptance.accepted_at,
        note: None,
        leads: vec![QueuedLead {
            index: 0,
            lead: Arc::new(lead),
        }],
    }])
}
