//! Which leads of a segment have which grams of one bucket.
//!
//! For each gram, ascending: its three bytes; twice the number of leads, plus one where they are a
//! bit set; then the bit set of the segment's leads, or the leads' numbers ascending, each as its
//! distance from the one before. The shorter of the two forms is taken, so that a gram that every
//! lead has is one bit a lead.

use super::bits::Bits;
use super::entries::{put_varint, take_varint};
use crate::failure::Unreadable;

const UNREADABLE: Unreadable = Unreadable("search_grams.postings");

/// A gram and the number of a lead that has it, so that their order is that of grams, then leads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pair(u64);

impl Pair {
    pub(super) fn new(gram: u32, lead: u32) -> Self {
        Self(u64::from(gram) << 32 | u64::from(lead))
    }

    fn gram(self) -> u32 {
        (self.0 >> 32) as u32
    }

    fn lead(self) -> u32 {
        let [.., a, b, c, d] = self.0.to_be_bytes();
        u32::from_be_bytes([a, b, c, d])
    }
}

/// The postings of the pairs of a bucket, which come in the order of their leads; sorts them.
pub(super) fn encode(pairs: &mut [Pair], leads: usize) -> Vec<u8> {
    // Stable, and by grams alone: of these a bucket has few.
    pairs.sort_by_key(|it| it.gram());
    let mut bytes = Vec::with_capacity(pairs.len() + 16);
    let mut distances = Vec::new();
    for same in pairs.chunk_by(|a, b| a.gram() == b.gram()) {
        distances.clear();
        let (mut before, mut count) = (0, 0);
        for of_lead in same.chunk_by(|a, b| a == b) {
            let lead = of_lead[0].lead();
            put_varint(&mut distances, (lead - before) as usize);
            before = lead;
            count += 1;
        }
        bytes.extend_from_slice(&same[0].gram().to_be_bytes()[1..]);
        let is_dense = leads.div_ceil(8) < distances.len();
        put_varint(&mut bytes, count * 2 + usize::from(is_dense));
        if is_dense {
            let begin = bytes.len();
            bytes.resize(begin + leads.div_ceil(8), 0);
            for pair in same {
                let lead = pair.lead() as usize;
                bytes[begin + lead / 8] |= 1 << (lead % 8);
            }
        } else {
            bytes.extend_from_slice(&distances);
        }
    }
    bytes
}

/// Those of a segment's leads that have a gram.
pub(super) fn having(mut bytes: &[u8], gram: u32, leads: usize) -> Result<Bits, Unreadable> {
    while !bytes.is_empty() {
        let (found, having) = take(&mut bytes, gram, leads).ok_or(UNREADABLE)?;
        if found >= gram {
            return Ok(having.unwrap_or_else(|| Bits::none(leads)));
        }
    }
    Ok(Bits::none(leads))
}

/// The next gram, and who has it if it is the wanted one.
fn take(bytes: &mut &[u8], wanted: u32, leads: usize) -> Option<(u32, Option<Bits>)> {
    let gram = bytes.split_off(..3)?;
    let gram = u32::from_be_bytes([0, gram[0], gram[1], gram[2]]);
    let head = take_varint(bytes)?;
    let (count, is_dense) = (head / 2, head % 2 == 1);
    if count > leads {
        return None;
    }
    if is_dense {
        let set = bytes.split_off(..leads.div_ceil(8))?;
        if gram != wanted {
            return Some((gram, None));
        }
        let set = Bits::from_bytes(set);
        let is_sound = set.count() == count && set.last().is_none_or(|it| it < leads);
        return is_sound.then_some((gram, Some(set)));
    }
    if gram != wanted {
        for _ in 0..count {
            take_varint(bytes)?;
        }
        return Some((gram, None));
    }
    let mut set = Bits::none(leads);
    let mut lead = 0;
    for at in 0..count {
        let distance = take_varint(bytes)?;
        lead += distance;
        if lead >= leads || (at > 0 && distance == 0) {
            return None;
        }
        set.set(lead);
    }
    Some((gram, Some(set)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::collection::vec;
    use proptest::prelude::{any, proptest};

    use super::*;

    fn pairs_of(texts: &[(u32, u32)]) -> Vec<Pair> {
        let pairs = texts.iter().map(|(gram, lead)| Pair::new(*gram, *lead));
        let mut pairs: Vec<Pair> = pairs.collect();
        pairs.sort_by_key(|it| it.lead());
        pairs
    }

    proptest! {
        #[test]
        fn what_went_in_comes_out(
            sparse in vec((0_u32..1 << 24, 0_u32..500), 0..60),
            dense in vec((0_u32..3, 0_u32..500), 0..600),
        ) {
            let all = [sparse, dense].concat();
            let mut expected: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
            for (gram, lead) in &all {
                expected.entry(*gram).or_default().insert(*lead);
            }
            let bytes = encode(&mut pairs_of(&all), 500);
            for gram in (0..4).chain(expected.keys().copied()) {
                let set = having(&bytes, gram, 500).unwrap();
                let leads: BTreeSet<u32> = (0..500).filter(|it| set.has(*it as usize)).collect();
                assert_eq!(leads, expected.get(&gram).cloned().unwrap_or_default());
            }
        }

        #[test]
        fn a_broken_row_is_unreadable_or_read_without_a_lead_too_many(
            pairs in vec((0_u32..40, 0_u32..100), 1..200),
            at in any::<usize>(),
            byte in any::<u8>(),
            kept in any::<usize>(),
        ) {
            let mut bytes = encode(&mut pairs_of(&pairs), 100);
            let at = at % bytes.len();
            bytes[at] = byte;
            bytes.truncate(bytes.len() - kept % 2);
            for gram in 0..40 {
                if let Ok(set) = having(&bytes, gram, 100) {
                    assert!(set.last().is_none_or(|it| it < 100));
                }
            }
        }
    }

    #[test]
    fn a_row_that_ends_too_early_is_unreadable() {
        let bytes = encode(&mut pairs_of(&[(7, 3), (7, 90), (9, 1)]), 100);
        for end in 1..6 {
            assert_eq!(having(&bytes[..end], 7, 100), Err(UNREADABLE), "{end}");
        }
        assert_eq!(having(&bytes, 7, 80), Err(UNREADABLE));
    }
}
