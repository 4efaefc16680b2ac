//! `GET /api/v1/leads/{id}` and `GET /api/v1/stats`.

use actix_web::{HttpRequest, HttpResponse, web};
use lead::ports::ReadKey;
use lead::{LeadId, Stats, Status};
use lead_wire::{AttributesForm, write_lead};

use super::kept::Kept;
use super::one::attributes_form;
use crate::caller::Admin;
use crate::params::Params;
use crate::path_id::PathId;
use crate::problem::{Problem, ProblemKind};
use crate::services::Services;

/// One lead.
pub(crate) async fn show(
    services: web::Data<Services>,
    request: HttpRequest,
    PathId(id): PathId,
    _: Admin,
    params: Params,
) -> Result<HttpResponse, Problem> {
    let id = LeadId(id);
    let form = attributes_form(&params)?;
    let key = ReadKey::Lead(id, form_name(form).to_owned());
    let load = async {
        let lead = services.ports.finder.find(id).await?;
        Ok(lead.map(|lead| {
            let mut bytes = b"{\"success\":true,\"data\":".to_vec();
            write_lead(&mut bytes, &lead, form);
            bytes.push(b'}');
            Kept::write("", &bytes)
        }))
    };
    let kept = services.ports.cache.read(&key, Box::pin(load)).await?;
    let kept = kept.ok_or(ProblemKind::NotFound)?;
    let kept = Kept::read(kept).ok_or(ProblemKind::Internal)?;
    Ok(kept.answer(&request))
}

/// The name of a form in the keys of the cache. What is kept under it begins with its tag, other
/// than what older programs kept under other names.
pub(crate) fn form_name(form: AttributesForm) -> &'static str {
    match form {
        AttributesForm::List => "tagged-list",
        AttributesForm::Object => "tagged-object",
    }
}

/// Totals by status, and today's.
pub(crate) async fn stats(
    services: web::Data<Services>,
    request: HttpRequest,
    _: Admin,
) -> Result<HttpResponse, Problem> {
    let day = services.ports.clock.now().day();
    let key = ReadKey::List(format!("tagged stats {day}"));
    let load = async {
        let stats = services.ports.finder.stats(day.start()).await?;
        Ok(Some(Kept::write("", &rendered(&stats))))
    };
    let kept = services.ports.cache.read(&key, Box::pin(load)).await?;
    let kept = kept.ok_or(ProblemKind::NotFound)?;
    let kept = Kept::read(kept).ok_or(ProblemKind::Internal)?;
    Ok(kept.answer(&request))
}

fn rendered(stats: &Stats) -> Vec<u8> {
    let by_status: serde_json::Map<_, _> = Status::ALL
        .iter()
        .zip(stats.by_status)
        .map(|(status, count)| (status.as_str().to_owned(), count.into()))
        .collect();
    let answer = serde_json::json!({
        "success": true,
        "data": {"total": stats.total(), "by_status": by_status, "today": stats.today},
    });
    answer.to_string().into_bytes()
}
