//! Sets of the leads of a segment, by their numbers.

/// A bit for each lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    /// None of so many leads.
    pub(super) fn none(leads: usize) -> Self {
        Self(vec![0; leads.div_ceil(64)])
    }

    pub(super) fn set(&mut self, lead: usize) {
        self.0[lead / 64] |= 1 << (lead % 64);
    }

    /// Takes the bits in whole bytes, the lowest first; missing ones are not set.
    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        let word = |chunk: &[u8]| {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            u64::from_le_bytes(word)
        };
        Self(bytes.chunks(8).map(word).collect())
    }

    pub(super) fn keep_common(&mut self, other: &Self) {
        for (word, other) in self.0.iter_mut().zip(&other.0) {
            *word &= other;
        }
    }

    pub(super) fn count(&self) -> usize {
        self.count_in(0, self.0.len() * 64)
    }

    /// How many are set from one number on to before another; both are multiples of 64.
    pub(super) fn count_in(&self, from: usize, to: usize) -> usize {
        let words = &self.0[(from / 64).min(self.0.len())..(to / 64).min(self.0.len())];
        words.iter().map(|it| it.count_ones() as usize).sum()
    }

    pub(super) fn has(&self, lead: usize) -> bool {
        self.0
            .get(lead / 64)
            .is_some_and(|it| it >> (lead % 64) & 1 == 1)
    }

    /// The highest number that is set.
    pub(super) fn last(&self) -> Option<usize> {
        let at = self.0.iter().rposition(|it| *it != 0)?;
        Some(at * 64 + 63 - self.0[at].leading_zeros() as usize)
    }
}
