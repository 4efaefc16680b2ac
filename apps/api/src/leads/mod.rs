//! Submitting and reading leads.

mod batches;
mod body;
mod bulk;
mod coding;
mod cursor;
mod kept;
mod keyed;
mod list;
mod notes;
mod one;
mod read;
mod receipts;
mod rows;
mod single;
mod source;
mod submission;
mod together;
mod watermark;
mod writer;

use std::sync::Arc;

use backends::Ports;

use self::body::Budget;
use self::notes::Notes;
use self::watermark::Watermark;
use self::writer::Writer;
use crate::caller::Who;
use crate::routes::Endpoint;
use crate::settings::Settings;

/// What the handlers of leads share.
pub(crate) struct Leads {
    budget: Budget,
    notes: Notes,
    watermark: Watermark,
    writer: Writer,
}

impl Leads {
    /// Built once for each process.
    pub(crate) fn new(ports: &Ports, settings: &Settings) -> Self {
        Self {
            budget: Budget::new(),
            notes: Notes::new(Arc::clone(&ports.store), Arc::clone(&ports.clock)),
            watermark: Watermark::new(Arc::clone(&ports.monitor), settings.watermarks),
            writer: Writer::new(Arc::clone(&ports.store), Arc::clone(&ports.clock)),
        }
    }
}

/// How the paths begin that most requests have.
pub(crate) const PATHS: &str = "/api/v1/lead";

/// The routes of leads.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::post("/api/v1/lead/process", Who::Submitter, single::process)
            .query(&["dry_run"])
            .takes_body(),
        Endpoint::post(
            "/api/v1/lead/process-async",
            Who::Submitter,
            single::process_async,
        )
        .query(&["dry_run"])
        .takes_body(),
        Endpoint::post("/api/v1/leads/process-bulk", Who::Submitter, bulk::process)
            .query(&["batch_size", "on_error", "dry_run"])
            .takes_body(),
        Endpoint::get(
            "/api/v1/leads/process-bulk/status/{id}",
            Who::User,
            batches::show,
        ),
        Endpoint::get("/api/v1/batches/{id}", Who::User, batches::show),
        Endpoint::get("/api/v1/batches/{id}/results", Who::User, batches::results)
            .query(&["outcome", "cursor"]),
        Endpoint::get("/api/v1/receipts/{id}", Who::User, receipts::show),
        Endpoint::get("/api/v1/leads", Who::Admin, list::list).query(&[
            "page",
            "limit",
            "status",
            "email",
            "search",
            "cursor",
            "attributes",
        ]),
        Endpoint::get("/api/v1/leads/{id}", Who::Admin, read::show).query(&["attributes"]),
        Endpoint::get("/api/v1/stats", Who::Admin, read::stats),
    ]
}
