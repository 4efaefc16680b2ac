//! Making a segment of leads.

use uuid::Uuid;

use super::entries::Entry;
use super::grams::{BUCKETS, bucket, grams};
use super::postings::{self, Pair};

/// Leads in a segment. Larger segments make a search cheaper, and the backlog, which every search
/// reads, longer.
pub(crate) const SEGMENT_LEADS: usize = 16_384;
/// The most bytes of entries in a segment, but for one row alone: what making it takes in memory
/// is about ten times as much, and the largest row of it stays below what a server takes at once.
pub(super) const SEGMENT_BYTES: usize = 3 * 1_024 * 1_024;
/// Ids in a block.
pub(super) const BLOCK_IDS: usize = 256;
/// Bytes of an id.
pub(super) const ID_BYTES: usize = 16;

/// A segment, ready to be written.
pub(super) struct Segment {
    pub(super) leads: usize,
    pub(super) first: Uuid,
    pub(super) last: Uuid,
    /// Blocks of ids, ascending.
    pub(super) ids: Vec<Vec<u8>>,
    /// Buckets that have any grams, with their postings.
    pub(super) postings: Vec<(usize, Vec<u8>)>,
}

/// The segment of these leads; none where there are none. A lead that comes twice is in it twice.
pub(super) fn build(entries: &mut [Entry<'_>]) -> Option<Segment> {
    entries.sort_unstable_by_key(|it| it.id);
    let (first, last) = (entries.first()?.id, entries.last()?.id);
    let block = |block: &[Entry<'_>]| block.iter().flat_map(|it| *it.id.as_bytes()).collect();
    Some(Segment {
        leads: entries.len(),
        first,
        last,
        ids: entries.chunks(BLOCK_IDS).map(block).collect(),
        postings: all_postings(entries),
    })
}

fn all_postings(entries: &[Entry<'_>]) -> Vec<(usize, Vec<u8>)> {
    let mut lengths = vec![0_usize; BUCKETS];
    for gram in entries.iter().flat_map(|it| grams(it.text)) {
        lengths[bucket(gram)] += 1;
    }
    // Where the next pair of each bucket goes; afterwards, where each bucket ends.
    let mut next: Vec<usize> = lengths
        .iter()
        .scan(0, |sum, it| Some(std::mem::replace(sum, *sum + it)))
        .collect();
    let mut pairs = vec![Pair::default(); lengths.iter().sum()];
    for (lead, entry) in (0_u32..).zip(entries) {
        for gram in grams(entry.text) {
            let next = &mut next[bucket(gram)];
            pairs[*next] = Pair::new(gram, lead);
            *next += 1;
        }
    }
    let mut all = Vec::with_capacity(BUCKETS);
    for ((bucket, end), length) in next.into_iter().enumerate().zip(lengths) {
        if length > 0 {
            let of_bucket = &mut pairs[end - length..end];
            all.push((bucket, postings::encode(of_bucket, entries.len())));
        }
    }
    all
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{any, proptest};

    use super::*;

    proptest! {
        #[test]
        fn a_segment_knows_of_every_gram_who_has_it(
            leads in vec((any::<u128>(), "[ab@\u{e4}]{0,12}"), 1..40)
        ) {
            let mut entries: Vec<Entry<'_>> = leads
                .iter()
                .map(|(id, text)| Entry { id: Uuid::from_u128(*id), text: text.as_bytes() })
                .collect();
            let segment = build(&mut entries).unwrap();

            let ids: Vec<u8> = entries.iter().flat_map(|it| *it.id.as_bytes()).collect();
            assert_eq!(segment.ids.concat(), ids);
            assert!(segment.postings.is_sorted_by_key(|(bucket, _)| *bucket));
            for gram in entries.iter().flat_map(|it| grams(it.text)) {
                let row = segment.postings.iter().find(|(it, _)| *it == bucket(gram)).unwrap();
                let set = postings::having(&row.1, gram, entries.len()).unwrap();
                for (lead, entry) in entries.iter().enumerate() {
                    let has = grams(entry.text).any(|it| it == gram);
                    assert_eq!(set.has(lead), has);
                }
            }
        }
    }
}
