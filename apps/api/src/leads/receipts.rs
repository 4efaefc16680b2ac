//! `GET /api/v1/receipts/{id}`.

use actix_web::{HttpResponse, web};
use lead::{LeadId, ReceiptState};
use serde::Serialize;

use super::one::is_admin;
use crate::answer;
use crate::caller::Caller;
use crate::path_id::PathId;
use crate::problem::{Problem, ProblemKind};
use crate::services::Services;

#[derive(Serialize)]
struct Shown {
    lead_id: String,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    duplicate_of: Option<String>,
    attempts: u16,
    updated_at: String,
}

/// What became of a lead; somebody else's is as unknown as one that never was.
pub(crate) async fn show(
    services: web::Data<Services>,
    PathId(id): PathId,
    Caller(principal): Caller,
) -> Result<HttpResponse, Problem> {
    let ports = &services.ports;
    let id = LeadId(id);
    let sees_all = is_admin(&principal);
    let may_see = |owner| sees_all || owner == principal.user;
    if let Some(receipt) = ports.finder.receipt(id).await? {
        if !may_see(receipt.owner) {
            return Err(ProblemKind::NotFound.into());
        }
        let duplicate_of = match receipt.state {
            ReceiptState::Duplicate { of } if sees_all => Some(of.to_string()),
            _ => None,
        };
        return answer::data(&Shown {
            lead_id: id.to_string(),
            state: receipt.state.as_str(),
            duplicate_of,
            attempts: receipt.attempts,
            updated_at: receipt.updated_at.to_string(),
        });
    }
    match ports.waiting.owner(id).await {
        Some((owner, since)) if may_see(owner) => answer::data(&Shown {
            lead_id: id.to_string(),
            state: ReceiptState::Queued.as_str(),
            duplicate_of: None,
            attempts: 0,
            updated_at: since.to_string(),
        }),
        _ => Err(ProblemKind::NotFound.into()),
    }
}
