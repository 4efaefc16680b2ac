//! Cursors of the list of leads: opaque, and good for the filter they were given out for.

use lead::{Filter, LeadId};
use sha2::{Digest, Sha256};
use uuid::Uuid;

const CHECK_BYTES: usize = 8;
const ID_DIGITS: usize = 32;

/// The cursor that goes on after `last` in a list by `filter`.
pub(crate) fn write(last: LeadId, filter: &Filter) -> String {
    let mut text = last.0.simple().to_string();
    for byte in check(last, filter) {
        text.push(char::from(b"0123456789abcdef"[usize::from(byte >> 4)]));
        text.push(char::from(b"0123456789abcdef"[usize::from(byte & 15)]));
    }
    text
}

/// Where a cursor goes on; none when it was not given out for this filter.
pub(crate) fn read(text: &str, filter: &Filter) -> Option<LeadId> {
    let last = LeadId(Uuid::try_parse(text.get(..ID_DIGITS)?).ok()?);
    (write(last, filter) == text).then_some(last)
}

fn check(last: LeadId, filter: &Filter) -> [u8; CHECK_BYTES] {
    let mut hasher = Sha256::new();
    hasher.update(b"leads cursor");
    hasher.update(last.0.as_bytes());
    let parts = [
        filter.status.map(lead::Status::as_str),
        filter.email.as_ref().map(lead::SearchText::as_str),
        filter.search.as_ref().map(lead::SearchText::as_str),
    ];
    for part in parts {
        hasher.update((part.map_or(0, |it| it.len() + 1) as u64).to_be_bytes());
        hasher.update(part.unwrap_or_default());
    }
    let digest = hasher.finalize();
    let mut check = [0; CHECK_BYTES];
    check.copy_from_slice(&digest[..CHECK_BYTES]);
    check
}
