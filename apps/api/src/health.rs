//! Whether the process works.

use actix_web::{HttpResponse, web};
use serde::Serialize;

use crate::answer;
use crate::problem::Problem;
use crate::services::Services;

#[derive(Serialize)]
struct Health {
    status: &'static str,
    timestamp: String,
    message: &'static str,
}

/// `GET /api/v1/health`: the process answers.
pub(crate) async fn health(services: web::Data<Services>) -> Result<HttpResponse, Problem> {
    answer::plain(&Health {
        status: "OK",
        timestamp: services.ports.clock.now().to_string(),
        message: "SkynetAPI is running",
    })
}
