//! How much is taken in. `GET /api/v1/limits` shows it.

use actix_web::HttpResponse;
use eav::{AttributeName, Attributes};
use lead::{LeadForm, Message};
use serde::Serialize;

use crate::answer;
use crate::problem::Problem;

/// The longest target of a request, in bytes.
pub const URI_BYTES_MAX: usize = 8 * 1_024;
/// The largest body of a request that carries no leads, in bytes.
pub const SMALL_BODY_BYTES_MAX: usize = 64 * 1_024;
/// The most leads of a JSON request.
pub const LEADS_PER_REQUEST_MAX: usize = 10_000;
/// The largest JSON body with leads, decoded, in bytes.
pub const JSON_BODY_BYTES_MAX: usize = 32 * 1_024 * 1_024;
/// The largest NDJSON or CSV body, decoded, in bytes.
pub const STREAM_BODY_BYTES_MAX: u64 = 4 * 1_024 * 1_024 * 1_024;
/// How many leads travel in one message unless the request says otherwise.
pub const BATCH_SIZE_DEFAULT: usize = 50;
/// The most leads of one message; more is taken as this.
pub const BATCH_SIZE_MAX: usize = Message::MAX_LEADS;

/// The limits as they are sent.
#[derive(Serialize)]
struct Limits {
    leads_per_request: usize,
    json_body_bytes: usize,
    stream_body_bytes: u64,
    lead_bytes: usize,
    attributes_per_lead: usize,
    attribute_name_characters: usize,
    nesting_depth: usize,
    batch_size_default: usize,
    batch_size_max: usize,
    message_bytes: usize,
    uri_bytes: usize,
    small_body_bytes: usize,
}

/// `GET /api/v1/limits`.
pub(crate) async fn show() -> Result<HttpResponse, Problem> {
    answer::data(&Limits {
        leads_per_request: LEADS_PER_REQUEST_MAX,
        json_body_bytes: JSON_BODY_BYTES_MAX,
        stream_body_bytes: STREAM_BODY_BYTES_MAX,
        lead_bytes: LeadForm::MAX_LEAD_BYTES,
        attributes_per_lead: Attributes::MAX_LEN,
        attribute_name_characters: AttributeName::MAX_CHARS,
        nesting_depth: LeadForm::MAX_DEPTH,
        batch_size_default: BATCH_SIZE_DEFAULT,
        batch_size_max: BATCH_SIZE_MAX,
        message_bytes: Message::MAX_BYTES,
        uri_bytes: URI_BYTES_MAX,
        small_body_bytes: SMALL_BODY_BYTES_MAX,
    })
}
