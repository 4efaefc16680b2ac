//! Grams: all windows of three bytes of a text.

use std::collections::BTreeSet;

/// Rows that the grams of a segment are spread over.
pub(super) const BUCKETS: usize = 1 << BUCKET_BITS;
const BUCKET_BITS: u32 = 12;
/// The most grams of a search that are looked up. More would seldom rule out more leads.
pub(super) const LOOKED_UP_MAX: usize = 8;

/// The grams of a text, in order, as numbers below 2^24.
pub(super) fn grams(text: &[u8]) -> impl Iterator<Item = u32> {
    text.windows(3)
        .map(|it| u32::from(it[0]) << 16 | u32::from(it[1]) << 8 | u32::from(it[2]))
}

/// The bucket of a gram: the upper bits of its product with 2^32 divided by the golden ratio.
/// Stored segments rely on it.
pub(super) fn bucket(gram: u32) -> usize {
    (gram.wrapping_mul(0x9E37_79B1) >> (u32::BITS - BUCKET_BITS)) as usize
}

/// Up to [`LOOKED_UP_MAX`] different grams, evenly spread over the texts, that every text with all
/// of `parts` has; none when the parts are too short to have any.
pub(super) fn looked_up<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Vec<u32> {
    let mut met = BTreeSet::new();
    let all: Vec<u32> = parts
        .into_iter()
        .flat_map(grams)
        .filter(|it| met.insert(*it))
        .collect();
    let count = all.len().min(LOOKED_UP_MAX);
    (0..count)
        .map(|at| all[spread(at, count, all.len())])
        .collect()
}

/// The place of the one numbered `at` of `count` that are spread over `len` places, ends included.
fn spread(at: usize, count: usize, len: usize) -> usize {
    if count <= 1 {
        0
    } else {
        at * (len - 1) / (count - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looked_up_grams_differ_and_reach_from_end_to_end() {
        let text: Vec<u8> = (b'a'..=b'z').collect();
        let spread = looked_up([text.as_slice()]);
        assert_eq!(spread.len(), LOOKED_UP_MAX);
        assert_eq!(spread[0], 0x61_62_63);
        assert_eq!(spread[LOOKED_UP_MAX - 1], 0x78_79_7a);
        assert!(spread.is_sorted_by(|a, b| a < b));
        assert_eq!(looked_up([b"aaaaaaaa".as_slice(), b"aaaa"]).len(), 1);
        assert!(looked_up([b"ab".as_slice()]).is_empty());
    }

    #[test]
    fn a_gram_stays_in_its_bucket() {
        assert_eq!(bucket(0), 0);
        assert_eq!(bucket(1), 0x9E3);
        assert_eq!(bucket(0x65_78_61), bucket_by_division(0x65_78_61));
        assert!((0..1 << 24).step_by(97).all(|it| bucket(it) < BUCKETS));
    }

    fn bucket_by_division(gram: u64) -> usize {
        usize::try_from(gram * 0x9E37_79B1 % (1 << 32) / (1 << 20)).unwrap_or_default()
    }
}
