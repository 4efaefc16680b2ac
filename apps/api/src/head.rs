//! What the edge has found out about a request, for the handlers to take from it.

use std::net::IpAddr;

use actix_web::{HttpMessage, HttpRequest};
use auth::Principal;
use kernel::ThreadKey;
use uuid::Uuid;

use crate::params::Params;

/// A request that the edge lets through.
pub(crate) struct Head {
    /// The key of the request.
    pub(crate) thread: ThreadKey,
    /// Where it came from, as far as trusted proxies tell.
    pub(crate) address: IpAddr,
    /// Who sent it, where it has a good token and the route asks for one.
    pub(crate) caller: Option<Principal>,
    /// Its query; none once it was taken.
    pub(crate) params: Option<Params>,
    /// The id in its path.
    pub(crate) id: Option<Uuid>,
}

impl Head {
    /// A part of what is known of `request`; none where the edge has not seen it.
    pub(crate) fn of<T>(
        request: &HttpRequest,
        part: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<T> {
        request.extensions_mut().get_mut::<Self>().and_then(part)
    }
}
