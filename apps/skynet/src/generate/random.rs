//! `SplitMix64` (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).

/// A stream of numbers that look random; never for secrets.
pub(super) struct Random(u64);

impl Random {
    /// The stream of a row: rows are made independently of each other.
    pub(super) fn of_row(seed: u64, index: u64) -> Self {
        let mut start = Self(seed);
        let base = start.next();
        Self(Self(base ^ index).next())
    }

    /// A number from 0 to `bound` - 1. For the small bounds of this crate the share of any number
    /// is off by less than one in 2^30.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(self.next()) * u128::from(bound);
        // The high half of a product is below its factor.
        u64::try_from(wide >> 64).unwrap_or_default()
    }

    /// One of a list that is not empty.
    pub(super) fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        let at = self.below(list.len() as u64);
        list[usize::try_from(at).unwrap_or_default()]
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_the_published_one() {
        let mut random = Random(1_234_567);

        let first: Vec<u64> = (0..3).map(|_| random.next()).collect();

        assert_eq!(
            first,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }
}
