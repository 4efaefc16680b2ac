//! Who calls, as handlers ask for it.
//!
//! The edge lets nobody through whom the table of routes does not allow; these extractors give a
//! handler the caller, and refuse again should the table say less than the handler needs.

use std::future::{Ready, ready};
use std::net::IpAddr;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use auth::{Principal, Role, Verified};

use crate::failure::unavailable;
use crate::head::Head;
use crate::problem::{Problem, ProblemKind};

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Who {
    /// Anyone, without a token.
    Anyone,
    /// Who may sign in; while the store is away a good token is enough.
    Submitter,
    /// Who may sign in.
    User,
    /// Admins.
    Admin,
}

impl Who {
    /// Lets `principal` through, or says why not.
    ///
    /// # Errors
    ///
    /// 401, 403, or 503 where the account must be looked at and the store is away.
    pub fn admit(self, principal: Option<&Principal>) -> Result<(), Problem> {
        let needed = match self {
            Self::Anyone => return Ok(()),
            Self::Submitter | Self::User => Role::User,
            Self::Admin => Role::Admin,
        };
        let principal = principal.ok_or(ProblemKind::Unauthenticated)?;
        if !principal.roles.allow(needed) {
            return Err(ProblemKind::Forbidden.into());
        }
        if self != Self::Submitter && principal.verified == Verified::TokenOnly {
            return Err(unavailable(ProblemKind::StoreUnavailable));
        }
        Ok(())
    }
}

/// A caller of at least `ROLE_USER` on a route that submits leads; perhaps known by its token only.
#[derive(Clone, Debug)]
pub struct Submitter(pub Principal);

/// A caller of at least `ROLE_USER` whose account was looked at.
#[derive(Clone, Debug)]
pub struct Caller(pub Principal);

/// A caller of `ROLE_ADMIN` whose account was looked at.
#[derive(Clone, Debug)]
pub struct Admin(pub Principal);

fn admitted(request: &HttpRequest, who: Who) -> Result<Principal, Problem> {
    let principal = Head::of(request, |it| it.caller);
    who.admit(principal.as_ref())?;
    principal.ok_or_else(|| ProblemKind::Unauthenticated.into())
}

impl FromRequest for Submitter {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(admitted(request, Who::Submitter).map(Self))
    }
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(admitted(request, Who::User).map(Self))
    }
}

impl FromRequest for Admin {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(admitted(request, Who::Admin).map(Self))
    }
}

/// The address a request came from, as far as trusted proxies tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

impl FromRequest for ClientAddress {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let address = Head::of(request, |it| Some(Self(it.address)));
        ready(address.ok_or_else(|| ProblemKind::Internal.into()))
    }
}
