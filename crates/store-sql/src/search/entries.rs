//! The leads of a row of the backlog: for each its id, the length of its text, and the text.

use uuid::Uuid;

use crate::failure::Unreadable;

const UNREADABLE: Unreadable = Unreadable("search_backlog.entries");

/// A lead, and the text that is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    pub(crate) id: Uuid,
    pub(crate) text: &'a [u8],
}

pub(super) fn encode<'a>(entries: impl IntoIterator<Item = Entry<'a>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in entries {
        bytes.extend_from_slice(entry.id.as_bytes());
        put_varint(&mut bytes, entry.text.len());
        bytes.extend_from_slice(entry.text);
    }
    bytes
}

pub(super) fn decode(mut bytes: &[u8]) -> impl Iterator<Item = Result<Entry<'_>, Unreadable>> {
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let entry = take_entry(&mut bytes);
        if entry.is_none() {
            bytes = &[];
        }
        Some(entry.ok_or(UNREADABLE))
    })
}

fn take_entry<'a>(bytes: &mut &'a [u8]) -> Option<Entry<'a>> {
    let id = Uuid::from_slice(bytes.split_off(..16)?).ok()?;
    let length = take_varint(bytes)?;
    let text = bytes.split_off(..length)?;
    Some(Entry { id, text })
}

/// Seven bits a byte, the lowest first; the highest bit says that more follow.
pub(super) fn put_varint(bytes: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
}

/// A number of at most 28 bits.
pub(super) fn take_varint(bytes: &mut &[u8]) -> Option<usize> {
    let mut number = 0;
    for shift in [0, 7, 14, 21] {
        let byte = *bytes.split_off_first()?;
        number |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{any, proptest};

    use super::*;

    proptest! {
        #[test]
        fn what_went_in_comes_out(leads in vec((any::<u128>(), vec(any::<u8>(), 0..300)), 0..20)) {
            let entries: Vec<Entry<'_>> = leads
                .iter()
                .map(|(id, text)| Entry { id: Uuid::from_u128(*id), text })
                .collect();
            let bytes = encode(entries.iter().copied());
            let read: Result<Vec<_>, _> = decode(&bytes).collect();
            assert_eq!(read.unwrap(), entries);
        }

        #[test]
        fn bytes_that_are_no_entries_are_unreadable(bytes in vec(any::<u8>(), 1..17)) {
            assert_eq!(decode(&bytes[..bytes.len().min(16)]).last(), Some(Err(UNREADABLE)));
        }

        #[test]
        fn any_bytes_are_read_to_an_end(bytes in vec(any::<u8>(), 0..400)) {
            let _ = decode(&bytes).count();
        }

        #[test]
        fn numbers_come_back(number in 0_usize..1 << 28) {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, number);
            assert_eq!(take_varint(&mut bytes.as_slice()), Some(number));
        }
    }
}
