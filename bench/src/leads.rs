//! Requests full of leads, made before a clock starts.

use bytes::Bytes;
use skynet::generate::{self, Format, Recipe};

use crate::{Failure, http};

/// Takes many leads, and queues them.
pub(crate) const BULK: &str = "/api/v1/leads/process-bulk";
/// Takes one lead, and queues it.
pub(crate) const ASYNC: &str = "/api/v1/lead/process-async";
/// Takes one lead, and stores it.
pub(crate) const SYNC: &str = "/api/v1/lead/process";

/// Leads as one JSON object a line, the same ones for the same seed.
pub(crate) fn lines(leads: u64, seed: u64) -> Result<Vec<u8>, Failure> {
    let recipe = Recipe {
        leads,
        seed,
        format: Format::Ndjson,
        attributes: Recipe::DEFAULT_ATTRIBUTES,
    };
    let mut lines = Vec::new();
    generate::write(&recipe, &mut lines)?;
    Ok(lines)
}

/// Bodies of bulk requests of so many leads each.
pub(crate) fn bulk_bodies(leads: u64, bulk: usize, seed: u64) -> Result<Vec<Bytes>, Failure> {
    let lines = lines(leads, seed)?;
    let lines: Vec<&[u8]> = split(&lines).collect();
    let body = |bulk: &[&[u8]]| {
        let leads = bulk.join(&b","[..]);
        [b"{\"leads\":[", leads.as_slice(), b"],\"batch_size\":1000}"].concat()
    };
    Ok(lines.chunks(bulk).map(|it| body(it).into()).collect())
}

/// Whole bulk requests.
pub(crate) fn bulk_requests(
    leads: u64,
    bulk: usize,
    seed: u64,
    token: &str,
) -> Result<Vec<Bytes>, Failure> {
    let bodies = bulk_bodies(leads, bulk, seed)?;
    let request = |body: &Bytes| http::post(BULK, token, body).into();
    Ok(bodies.iter().map(request).collect())
}

/// Bodies of a lead each.
pub(crate) fn bodies(leads: u64, seed: u64) -> Result<Vec<Bytes>, Failure> {
    let lines = lines(leads, seed)?;
    Ok(split(&lines).map(Bytes::copy_from_slice).collect())
}

/// Whole requests of a lead each.
pub(crate) fn single_requests(
    path: &str,
    leads: u64,
    seed: u64,
    token: &str,
) -> Result<Vec<Bytes>, Failure> {
    let bodies = bodies(leads, seed)?;
    let request = |body: &Bytes| http::post(path, token, body).into();
    Ok(bodies.iter().map(request).collect())
}

fn split(lines: &[u8]) -> impl Iterator<Item = &[u8]> {
    lines.split(|it| *it == b'\n').filter(|it| !it.is_empty())
}

/// The address of the last lead of a request.
pub(crate) fn last_email(request: &[u8]) -> Option<String> {
    let text = str::from_utf8(request).ok()?;
    let (_, rest) = text.rsplit_once("\"email\":\"")?;
    Some(rest.split_once('"')?.0.to_owned())
}
