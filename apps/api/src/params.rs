//! The query of a request.

use std::future::{Ready, ready};
use std::str::FromStr;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};

use crate::head::Head;
use crate::problem::{ErrorCode, ErrorItem, Problem, ProblemKind};

/// Query parameters, each given once at most. The edge refuses those the route does not list.
#[derive(Clone, Debug, Default)]
pub struct Params(Vec<(String, String)>);

impl Params {
    /// Reads a query string.
    ///
    /// # Errors
    ///
    /// 400 when it cannot be read or a parameter is given twice.
    pub fn parse(query: &str) -> Result<Self, Problem> {
        if query.is_empty() {
            return Ok(Self::default());
        }
        let pairs = web::Query::<Vec<(String, String)>>::from_query(query)
            .map_err(|_| ProblemKind::InvalidParameter)?
            .into_inner();
        for (at, (name, _)) in pairs.iter().enumerate() {
            if pairs[..at].iter().any(|(it, _)| it == name) {
                return Err(Problem::new(ProblemKind::InvalidParameter)
                    .errors(vec![item(name, ErrorCode::GivenTwice)]));
            }
        }
        Ok(Self(pairs))
    }

    /// Refuses parameters that are not in `known`.
    ///
    /// # Errors
    ///
    /// 400, naming them.
    pub fn only(&self, known: &[&str]) -> Result<(), Problem> {
        let unknown: Vec<ErrorItem> = self
            .0
            .iter()
            .filter(|(name, _)| !known.contains(&name.as_str()))
            .map(|(name, _)| item(name, ErrorCode::UnknownParameter))
            .collect();
        if unknown.is_empty() {
            return Ok(());
        }
        Err(Problem::new(ProblemKind::UnknownParameter)
            .detail("the query has a parameter that this path does not know")
            .errors(unknown))
    }

    /// The value of a parameter; none when it is absent.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(it, _)| it == name)
            .map(|(_, value)| value.as_str())
    }

    /// The value of a parameter, read as a `T`.
    ///
    /// # Errors
    ///
    /// 400 with `code` when it is there and no `T`.
    pub fn read<T: FromStr>(
        &self,
        name: &'static str,
        code: ErrorCode,
    ) -> Result<Option<T>, Problem> {
        self.get(name)
            .map(|value| value.parse().map_err(|_| Problem::parameter(name, code)))
            .transpose()
    }

    /// A flag: `true`, `1` or nothing mean yes, `false` and `0` no, absence no.
    ///
    /// # Errors
    ///
    /// 400 for any other value.
    pub fn flag(&self, name: &'static str) -> Result<bool, Problem> {
        match self.get(name) {
            None | Some("false" | "0") => Ok(false),
            Some("true" | "1" | "") => Ok(true),
            Some(_) => Err(Problem::parameter(name, ErrorCode::InvalidValue)),
        }
    }
}

/// An unknown parameter's name goes back to its sender, cut to a bearable length.
fn item(name: &str, code: ErrorCode) -> ErrorItem {
    let name: String = name.chars().take(100).collect();
    ErrorItem::parameter(name, code)
}

impl FromRequest for Params {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        // The edge has read them.
        let read = Head::of(request, |it| it.params.take());
        ready(read.map_or_else(|| Self::parse(request.query_string()), Ok))
    }
}
