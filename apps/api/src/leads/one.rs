//! What the routes of leads have in common.

use actix_web::HttpRequest;
use auth::{Principal, Role};
use kernel::Timestamp;
use lead::{FieldCode, FieldError, LeadDetails, LeadId, TraceParent};
use lead_wire::{AttributesForm, Rules};
use serde::Serialize;

use crate::params::Params;
use crate::problem::{ErrorCode, ErrorItem, Problem, ProblemKind};

pub(crate) fn is_admin(principal: &Principal) -> bool {
    principal.roles.allow(Role::Admin)
}

/// The trace a request belongs to.
pub(crate) fn trace_parent(request: &HttpRequest) -> Option<TraceParent> {
    let value = request.headers().get("traceparent")?.to_str().ok()?;
    TraceParent::parse(value).ok()
}

/// How leads that come in at `now` are read.
pub(crate) fn rules_at(now: Timestamp) -> Rules {
    Rules::new(now.day())
}

/// A single lead that is refused.
pub(crate) fn refused_lead(errors: &[FieldError]) -> Problem {
    if let [error] = errors
        && error.code == FieldCode::MalformedJson
        && error.pointer.is_empty()
    {
        return ProblemKind::MalformedJson.into();
    }
    Problem::validation(errors.iter().map(ErrorItem::of_lead).collect())
}

/// `attributes=object` asks for typed values under their names.
///
/// # Errors
///
/// 400 for any other form.
pub(crate) fn attributes_form(params: &Params) -> Result<AttributesForm, Problem> {
    match params.get("attributes") {
        None => Ok(AttributesForm::List),
        Some("object") => Ok(AttributesForm::Object),
        Some(_) => Err(Problem::parameter("attributes", ErrorCode::InvalidValue)),
    }
}

/// A lead as the answer to its submission has it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Fresh<'a> {
    id: Option<String>,
    first_name: &'a str,
    last_name: &'a str,
    email: &'a str,
    phone: Option<&'a str>,
    status: &'a str,
    created_at: Option<String>,
}

impl<'a> Fresh<'a> {
    /// A dry run gives no id.
    pub(crate) fn new(id: Option<LeadId>, details: &'a LeadDetails) -> Self {
        Self {
            id: id.map(|it| it.to_string()),
            first_name: details.first_name.as_str(),
            last_name: details.last_name.as_str(),
            email: details.email.as_str(),
            phone: details.phone.as_ref().map(lead::Phone::as_str),
            status: details.status.as_str(),
            created_at: id.map(|it| it.created_at().to_string()),
        }
    }
}
