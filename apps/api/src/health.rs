//! Whether the process works, and whether it can do its job.

use std::sync::atomic::Ordering;
use std::time::Instant;

use actix_web::{HttpResponse, web};
use kernel::Probe;
use serde::Serialize;
use tokio::sync::Mutex;

use crate::answer;
use crate::failure::unavailable;
use crate::problem::{Problem, ProblemKind};
use crate::services::Services;

#[derive(Serialize)]
struct Health {
    status: &'static str,
    timestamp: String,
    message: &'static str,
}

/// `GET /api/v1/health` and `/health/live`: the process answers.
pub(crate) async fn live(services: web::Data<Services>) -> Result<HttpResponse, Problem> {
    answer::plain(&Health {
        status: "OK",
        timestamp: services.ports.clock.now().to_string(),
        message: "SkynetAPI is running",
    })
}

/// How each dependency is, by its role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Dependencies {
    store: State,
    queue: State,
    cache: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Up,
    Down,
}

/// The last look at the dependencies, and when it was taken.
pub(crate) type LastLook = Mutex<Option<(Instant, Dependencies)>>;

/// `GET /api/v1/health/ready`: 200 while the store and the queue answer and the process is not
/// about to stop. Reads go on without a cache, so it is told and not needed.
pub(crate) async fn ready(services: web::Data<Services>) -> Result<HttpResponse, Problem> {
    let dependencies = look(&services).await;
    let draining = services.draining.load(Ordering::Relaxed);
    if dependencies.store == State::Up && dependencies.queue == State::Up && !draining {
        return answer::data(&dependencies);
    }
    let detail = if draining {
        "the process is about to stop"
    } else {
        "a dependency that is needed does not answer"
    };
    let data = serde_json::to_value(dependencies).unwrap_or_default();
    Err(unavailable(ProblemKind::NotReady)
        .detail(detail)
        .member("data", data))
}

/// Looks at most once each probe age; those who ask meanwhile share the answer.
async fn look(services: &Services) -> Dependencies {
    let mut last = services.last_look.lock().await;
    if let Some((at, dependencies)) = *last
        && at.elapsed() < services.settings.times.probe_age
    {
        return dependencies;
    }
    let ports = &services.ports;
    let before = last.map(|(_, dependencies)| dependencies);
    let was = |role: fn(Dependencies) -> State| before.map(role);
    let (store, queue, cache) = tokio::join!(
        state(services, "store", &*ports.store_probe, was(|it| it.store)),
        state(services, "queue", &*ports.queue_probe, was(|it| it.queue)),
        state(services, "cache", &*ports.cache_probe, was(|it| it.cache)),
    );
    let dependencies = Dependencies {
        store,
        queue,
        cache,
    };
    *last = Some((Instant::now(), dependencies));
    dependencies
}

/// Looks at one, and logs when it is no more, or again, what it was. What it is at first is said by
/// whoever opened it.
async fn state(
    services: &Services,
    role: &'static str,
    probe: &dyn Probe,
    was: Option<State>,
) -> State {
    let probed = tokio::time::timeout(services.settings.times.probe, probe.probe()).await;
    let state = match probed {
        Ok(Ok(())) => State::Up,
        _ => State::Down,
    };
    match (was, probed) {
        (Some(State::Up), Ok(Err(cause))) => {
            tracing::warn!(role, %cause, "a dependency does not work");
        }
        (Some(State::Up), Err(_)) => tracing::warn!(role, "a dependency does not answer"),
        (Some(State::Down), Ok(Ok(()))) => tracing::info!(role, "a dependency works"),
        _ => {}
    }
    state
}
