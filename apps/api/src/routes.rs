//! The table of routes. Nothing is served that is not in it, and nobody is let through whom it
//! does not name.

use std::collections::HashMap;
use std::sync::Arc;

use actix_web::http::Method;
use actix_web::{FromRequest, Handler, Responder, Route, guard, web};

use crate::caller::Who;
use crate::edge::{catch_panics, edge};
use crate::problem::{Problem, ProblemKind};
use crate::services::Services;
use crate::{accounts, health, leads, limits, operating, paging, session};

/// A path, a method, who may use it, and what answers.
pub(crate) struct Endpoint {
    path: &'static str,
    method: Method,
    access: Access,
    route: Route,
}

/// What the edge checks before a handler runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Access {
    pub(crate) who: Who,
    /// The parameters the query may have.
    pub(crate) query: &'static [&'static str],
    /// The handler reads the body and bounds it itself.
    pub(crate) takes_body: bool,
}

impl Endpoint {
    pub(crate) fn get<F, Args>(path: &'static str, who: Who, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        Self::new(Method::GET, path, who, handler)
    }

    pub(crate) fn post<F, Args>(path: &'static str, who: Who, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        Self::new(Method::POST, path, who, handler)
    }

    pub(crate) fn patch<F, Args>(path: &'static str, who: Who, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        Self::new(Method::PATCH, path, who, handler)
    }

    pub(crate) fn delete<F, Args>(path: &'static str, who: Who, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        Self::new(Method::DELETE, path, who, handler)
    }

    /// The parameters the query may have; none unless said.
    pub(crate) fn query(mut self, names: &'static [&'static str]) -> Self {
        self.access.query = names;
        self
    }

    /// The handler reads the body and bounds it itself; other bodies are bounded and not looked at.
    pub(crate) fn takes_body(mut self) -> Self {
        self.access.takes_body = true;
        self
    }

    fn new<F, Args>(method: Method, path: &'static str, who: Who, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        let route = if method == Method::GET {
            Route::new().guard(guard::Any(guard::Get()).or(guard::Head()))
        } else {
            web::method(method.clone())
        };
        Self {
            path,
            method,
            access: Access {
                who,
                query: &[],
                takes_body: false,
            },
            route: route.to(handler),
        }
    }
}

/// Every route there is.
fn endpoints() -> Vec<Endpoint> {
    let mut all = vec![
        Endpoint::get("/api/v1/health", Who::Anyone, health::live),
        Endpoint::get("/api/v1/health/live", Who::Anyone, health::live),
        Endpoint::get("/api/v1/health/ready", Who::Anyone, health::ready),
        Endpoint::get("/api/v1/limits", Who::Anyone, limits::show),
        Endpoint::get("/.well-known/jwks.json", Who::Anyone, session::public_keys),
        Endpoint::post("/api/v1/login", Who::Anyone, session::sign_in).takes_body(),
        Endpoint::post("/api/v1/logout", Who::User, session::sign_out),
        Endpoint::get("/api/v1/user/profile", Who::User, session::profile),
        Endpoint::post("/api/v1/user/profile", Who::User, session::profile),
        Endpoint::get("/api/v1/users", Who::Admin, accounts::list).query(paging::PARAMETERS),
        Endpoint::post("/api/v1/users", Who::Admin, accounts::add).takes_body(),
        Endpoint::get("/api/v1/users/{id}", Who::Admin, accounts::show),
        Endpoint::patch("/api/v1/users/{id}", Who::Admin, accounts::change).takes_body(),
        Endpoint::get("/api/v1/queue", Who::Admin, operating::queue),
        Endpoint::get("/api/v1/failed", Who::Admin, operating::failed).query(paging::PARAMETERS),
        Endpoint::post("/api/v1/failed/replay", Who::Admin, operating::replay)
            .query(&["dry_run"])
            .takes_body(),
        Endpoint::get("/api/v1/failed/{id}", Who::Admin, operating::show_failed),
        Endpoint::delete("/api/v1/failed/{id}", Who::Admin, operating::discard),
        Endpoint::post("/api/v1/cache/clear", Who::Admin, operating::clear_cache),
    ];
    all.extend(leads::endpoints());
    all
}

/// A line of the table, for documents and tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteLine {
    /// The path, with `{names}` for its variable parts.
    pub path: &'static str,
    /// The method; HEAD goes with GET, OPTIONS with all.
    pub method: Method,
    /// Who may use it.
    pub who: Who,
}

/// The table of routes.
pub fn table() -> Vec<RouteLine> {
    endpoints()
        .into_iter()
        .map(|it| RouteLine {
            path: it.path,
            method: it.method,
            who: it.access.who,
        })
        .collect()
}

/// The table by path, as the edge looks into it.
pub(crate) struct AccessTable(HashMap<&'static str, Vec<(Method, Access)>>);

impl AccessTable {
    pub(crate) fn new() -> Self {
        let mut by_path: HashMap<_, Vec<_>> = HashMap::new();
        for it in endpoints() {
            by_path
                .entry(it.path)
                .or_default()
                .push((it.method, it.access));
        }
        Self(by_path)
    }

    /// The methods of a path; none when there is no such path.
    pub(crate) fn path(&self, pattern: &str) -> Option<Methods<'_>> {
        self.0.get(pattern).map(|it| Methods(it))
    }
}

/// The methods of a path.
#[derive(Clone, Copy)]
pub(crate) struct Methods<'a>(&'a [(Method, Access)]);

impl Methods<'_> {
    /// What is checked for a method; HEAD is served as GET.
    pub(crate) fn access(&self, method: &Method) -> Option<Access> {
        let method = if method == Method::HEAD {
            &Method::GET
        } else {
            method
        };
        self.0
            .iter()
            .find(|(it, _)| it == method)
            .map(|(_, access)| *access)
    }

    /// The value of `Allow`.
    pub(crate) fn allow(&self) -> String {
        let mut names: Vec<&str> = self.0.iter().map(|(method, _)| method.as_str()).collect();
        if names.contains(&"GET") {
            names.push("HEAD");
        }
        names.push("OPTIONS");
        names.join(", ")
    }
}

/// Registers every route of the table, and the edge around them.
pub fn routes(services: Arc<Services>) -> impl FnOnce(&mut web::ServiceConfig) {
    move |app| {
        let mut order = Vec::new();
        let mut by_path: HashMap<&'static str, Vec<Route>> = HashMap::new();
        for it in endpoints() {
            let routes = by_path.entry(it.path).or_default();
            if routes.is_empty() {
                order.push(it.path);
            }
            routes.push(it.route);
        }
        let mut scope = web::scope("").wrap(actix_web::middleware::from_fn(edge));
        for path in order {
            let mut resource =
                web::resource(path).wrap(actix_web::middleware::from_fn(catch_panics));
            for route in by_path.remove(path).unwrap_or_default() {
                resource = resource.route(route);
            }
            scope = scope.service(resource);
        }
        scope = scope.default_service(web::to(|| async {
            Err::<String, Problem>(ProblemKind::NotFound.into())
        }));
        app.app_data(web::Data::from(services)).service(scope);
    }
}
