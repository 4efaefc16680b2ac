//! Where a request came from.

use std::net::{IpAddr, SocketAddr};

use actix_web::http::header::{self, HeaderMap, HeaderName};
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The most hops that are looked at.
const HOPS_MAX: usize = 32;

/// The address of the client: the peer, or, while that is a trusted proxy, the hop before it as
/// `Forwarded` (RFC 7239), else `X-Forwarded-For`, names it. What is not an address ends the walk.
pub(crate) fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let mut client = peer.to_canonical();
    if !is_trusted(client, trusted) {
        return client;
    }
    let hops = if headers.contains_key(header::FORWARDED) {
        hops(headers, &header::FORWARDED, forwarded_for)
    } else {
        hops(headers, &X_FORWARDED_FOR, |it| node(it.trim()))
    };
    for hop in hops.into_iter().rev().take(HOPS_MAX) {
        let Some(hop) = hop else { break };
        client = hop;
        if !is_trusted(client, trusted) {
            break;
        }
    }
    client
}

fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|net| net.contains(&address))
}

fn hops(
    headers: &HeaderMap,
    name: &HeaderName,
    read: impl Fn(&str) -> Option<IpAddr>,
) -> Vec<Option<IpAddr>> {
    headers
        .get_all(name)
        .flat_map(|value| value.to_str().unwrap_or("").split(','))
        .map(read)
        .collect()
}

fn forwarded_for(element: &str) -> Option<IpAddr> {
    element.split(';').find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        name.eq_ignore_ascii_case("for")
            .then(|| node(value.trim_matches('"')))
            .flatten()
    })
}

/// An address, perhaps with a port, perhaps in brackets.
fn node(text: &str) -> Option<IpAddr> {
    let address = text
        .parse::<IpAddr>()
        .or_else(|_| text.parse::<SocketAddr>().map(|it| it.ip()))
        .or_else(|_| text.trim_start_matches('[').trim_end_matches(']').parse())
        .ok()?;
    Some(address.to_canonical())
}
