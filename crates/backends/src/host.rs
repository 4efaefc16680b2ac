//! What the host gives: the time and random bits.

use std::cell::RefCell;
use std::time::{SystemTime, UNIX_EPOCH};

use kernel::{Clock, Entropy, Timestamp};

/// The host's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::from_unix_ms(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
    }
}

/// The operating system's random bits, drawn for many calls at once.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

/// Words that a thread draws in one call of the operating system.
const DRAWN: usize = 64;

thread_local! {
    static WORDS: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

impl Entropy for OsEntropy {
    /// # Panics
    ///
    /// When the operating system has no random bits, since nothing that is made without them
    /// would be safe.
    fn random_u64(&self) -> u64 {
        WORDS.with_borrow_mut(|words| {
            loop {
                match words.pop() {
                    Some(word) => return word,
                    None => draw(words),
                }
            }
        })
    }
}

fn draw(words: &mut Vec<u64>) {
    let mut bytes = [0; DRAWN * size_of::<u64>()];
    if let Err(error) = getrandom::fill(&mut bytes) {
        panic!("the operating system gives no random bits: {error}");
    }
    let (drawn, _) = bytes.as_chunks();
    words.extend(drawn.iter().map(|it| u64::from_ne_bytes(*it)));
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_word_is_given_twice() {
        let words: HashSet<u64> = (0..3 * DRAWN).map(|_| OsEntropy.random_u64()).collect();

        assert_eq!(words.len(), 3 * DRAWN);
        assert!(!words.contains(&0));
    }
}
