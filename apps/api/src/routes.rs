//! The table of routes. Nothing is served that is not in it, and nobody is let through whom it
//! does not name.

use std::collections::HashMap;
use std::sync::Arc;

use actix_web::http::{Method, Uri};
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
pub(crate) struct AccessTable {
    fixed: HashMap<&'static str, Vec<(Method, Access)>>,
    /// Paths with a variable part, of which no path fits two; those that most requests have first.
    variable: Vec<Variable>,
}

struct Variable {
    pattern: &'static str,
    /// What stands before and after its variable part.
    around: (&'static str, &'static str),
    form: Uri,
    methods: Vec<(Method, Access)>,
}

/// What the table has for a path.
pub(crate) struct Found<'a> {
    pub(crate) methods: Methods<'a>,
    /// Its variable part, and what is registered for its pattern.
    pub(crate) variable: Option<(&'a str, &'a Uri)>,
}

impl AccessTable {
    pub(crate) fn new() -> Self {
        let mut by_path: HashMap<_, Vec<_>> = HashMap::new();
        for it in endpoints() {
            by_path
                .entry(it.path)
                .or_default()
                .push((it.method, it.access));
        }
        let (variable, fixed): (Vec<_>, Vec<_>) =
            by_path.into_iter().partition(|(path, _)| is_variable(path));
        let mut variable: Vec<_> = variable
            .into_iter()
            .filter_map(|(pattern, methods)| {
                let form = form_of(pattern).parse().ok()?;
                Some(Variable {
                    pattern,
                    around: around_variable(pattern)?,
                    form,
                    methods,
                })
            })
            .collect();
        variable.sort_by_key(|it| (!it.pattern.starts_with(leads::PATHS), it.pattern.len()));
        Self {
            fixed: fixed.into_iter().collect(),
            variable,
        }
    }

    /// What there is for a path; none when there is no such path.
    pub(crate) fn path<'a>(&'a self, path: &'a str) -> Option<Found<'a>> {
        if let Some(methods) = self.fixed.get(path) {
            return Some(Found {
                methods: Methods(methods),
                variable: None,
            });
        }
        self.variable.iter().find_map(|it| {
            let part = variable_part(path, it.around)?;
            Some(Found {
                methods: Methods(&it.methods),
                variable: Some((part, &it.form)),
            })
        })
    }
}

fn is_variable(pattern: &str) -> bool {
    pattern.contains('{')
}

/// What the framework is told of a pattern, and then asked for: a fixed path, since those with
/// variable parts are looked for by expressions, which takes longer than all else of a request.
fn form_of(pattern: &str) -> String {
    pattern.replace(['{', '}'], ":")
}

/// What stands before and after the variable part of a pattern.
fn around_variable(pattern: &str) -> Option<(&str, &str)> {
    let (before, rest) = pattern.split_once('{')?;
    let (_, after) = rest.split_once('}')?;
    Some((before, after))
}

/// The part of a path that stands for the variable one of a pattern, which is not empty; none when
/// it is no path of that pattern.
fn variable_part<'a>(path: &'a str, (before, after): (&str, &str)) -> Option<&'a str> {
    let part = path.strip_prefix(before)?.strip_suffix(after)?;
    (!part.is_empty() && !part.contains('/')).then_some(part)
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
        // A path is looked for in this order.
        order.sort_by_key(|it| !it.starts_with(leads::PATHS));
        let mut scope = web::scope("").wrap(actix_web::middleware::from_fn(edge));
        for path in order {
            let mut resource =
                web::resource(form_of(path)).wrap(actix_web::middleware::from_fn(catch_panics));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_the_methods_of_its_pattern() {
        let table = AccessTable::new();
        for (path, allow) in [
            ("/api/v1/leads", Some("GET, HEAD, OPTIONS")),
            ("/api/v1/leads/", None),
            ("/api/v1/leads/1", Some("GET, HEAD, OPTIONS")),
            ("/api/v1/leads/1/", None),
            ("/api/v1/leads/1/2", None),
            ("/api/v1/leads/process-bulk", Some("POST, OPTIONS")),
            (
                "/api/v1/leads/process-bulk/status/1",
                Some("GET, HEAD, OPTIONS"),
            ),
            ("/api/v1/failed/1", Some("GET, DELETE, HEAD, OPTIONS")),
            ("/api/v1/failed/replay", Some("POST, OPTIONS")),
            ("/api/v1/batches/1/results", Some("GET, HEAD, OPTIONS")),
            ("/api/v1/batches//results", None),
            ("/api/v1/batches/results", Some("GET, HEAD, OPTIONS")),
            ("api/v1/leads", None),
            ("/", None),
            ("", None),
        ] {
            let found = table.path(path).map(|it| it.methods.allow());
            assert_eq!(found.as_deref(), allow, "{path}");
        }
    }

    #[test]
    fn a_variable_part_is_one_whole_part() {
        let around = ("/batches/", "/results");
        assert_eq!(around_variable("/batches/{id}/results"), Some(around));
        for (path, part) in [
            ("/batches/1/results", Some("1")),
            ("/batches/:id:/results", Some(":id:")),
            ("/batches//results", None),
            ("/batches/results", None),
            ("/batches/1/2/results", None),
            ("/batches/1/results/", None),
        ] {
            assert_eq!(variable_part(path, around), part, "{path}");
        }
    }

    #[test]
    fn each_pattern_is_of_one_variable_part_and_found_under_its_own_form() {
        let table = AccessTable::new();
        for it in &table.variable {
            assert_eq!(it.pattern.matches('{').count(), 1, "{}", it.pattern);
            let form = it.form.path();
            let fitting = table.variable.iter();
            let fitting = fitting.filter(|other| variable_part(form, other.around).is_some());
            assert_eq!(fitting.count(), 1, "{form}");
            assert!(!table.fixed.contains_key(form));
        }
        let all = endpoints().into_iter().map(|it| it.path);
        let variable: std::collections::HashSet<_> = all.filter(|it| is_variable(it)).collect();
        assert_eq!(table.variable.len(), variable.len());
    }
}
