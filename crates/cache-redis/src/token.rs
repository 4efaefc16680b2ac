//! What stands in front of everything that is kept.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::atomic::{AtomicU64, Ordering};

/// A text that nobody uses twice.
pub(crate) type Token = [u8; 24];

/// Makes tokens: 16 random bytes of this process, and a number.
pub(crate) struct Mint {
    process: [u8; 16],
    made: AtomicU64,
}

impl Mint {
    pub(crate) fn new() -> Self {
        // Every hasher of this kind starts with keys that the system drew by lot.
        let lot = RandomState::new();
        let high = u128::from(lot.hash_one(0)) << 64;
        Self {
            process: (high | u128::from(lot.hash_one(1))).to_be_bytes(),
            made: AtomicU64::new(0),
        }
    }

    pub(crate) fn next(&self) -> Token {
        let mut token = [0; 24];
        token[..16].copy_from_slice(&self.process);
        let made = self.made.fetch_add(1, Ordering::Relaxed);
        token[16..].copy_from_slice(&made.to_be_bytes());
        token
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_tokens_are_alike() {
        let (one, other) = (Mint::new(), Mint::new());
        let tokens: HashSet<Token> = (0..100).flat_map(|_| [one.next(), other.next()]).collect();
        assert_eq!(tokens.len(), 200);
    }
}
