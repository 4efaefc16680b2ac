//! Answers that this node has itself.
//!
//! Redis is asked for an answer's token alone, which is a few bytes where the answer may be many.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lead::ports::ReadKey;
use tokio::time::Instant;

use crate::token::Token;

/// What all answers may take together, in bytes.
const NEAR_MAX_BYTES: usize = 4 * 1024 * 1024;
/// Larger answers are left to Redis, in bytes.
const ANSWER_MAX_BYTES: usize = NEAR_MAX_BYTES / 16;
/// What an answer takes besides its key and its bytes.
const ENTRY_BYTES: usize = 256;

/// An answer, good while its token is the token, and no longer than its time.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) token: Token,
    pub(crate) bytes: Arc<[u8]>,
    pub(crate) until: Instant,
}

/// Answers that were read lately.
#[derive(Default)]
pub(crate) struct Near(Mutex<Answers>);

#[derive(Default)]
struct Answers {
    by_key: HashMap<ReadKey, Answer>,
    bytes: usize,
}

impl Near {
    /// What is there under a key, unless its time is over.
    pub(crate) fn get(&self, key: &ReadKey) -> Option<Answer> {
        let answer = self.lock().by_key.get(key).cloned()?;
        (Instant::now() < answer.until).then_some(answer)
    }

    /// Keeps an answer in place of an older one. Where there is no room, those go whose time is
    /// over, and all when that is not enough.
    pub(crate) fn put(&self, key: &ReadKey, answer: Answer) {
        let size = size_of(key, &answer);
        if size > ANSWER_MAX_BYTES {
            return;
        }
        let mut all = self.lock();
        all.remove(key);
        if all.bytes + size > NEAR_MAX_BYTES {
            all.retain_until(Instant::now());
        }
        if all.bytes + size > NEAR_MAX_BYTES {
            *all = Answers::default();
        }
        all.bytes += size;
        all.by_key.insert(key.clone(), answer);
    }

    fn lock(&self) -> MutexGuard<'_, Answers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Answers {
    fn remove(&mut self, key: &ReadKey) {
        if let Some(answer) = self.by_key.remove(key) {
            self.bytes -= size_of(key, &answer);
        }
    }

    fn retain_until(&mut self, now: Instant) {
        self.by_key.retain(|_, answer| now < answer.until);
        self.bytes = self.by_key.iter().map(|(key, it)| size_of(key, it)).sum();
    }
}

fn size_of(key: &ReadKey, answer: &Answer) -> usize {
    let (ReadKey::Lead(_, text) | ReadKey::List(text)) = key;
    ENTRY_BYTES + text.len() + answer.bytes.len()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const LIFE: Duration = Duration::from_mins(1);

    fn key(number: usize) -> ReadKey {
        ReadKey::List(number.to_string())
    }

    fn answer(bytes: usize, life: Duration) -> Answer {
        Answer {
            token: [0; 24],
            bytes: vec![0; bytes].into(),
            until: Instant::now() + life,
        }
    }

    fn held(near: &Near) -> usize {
        let all = near.lock();
        let held = all.by_key.iter().map(|(key, it)| size_of(key, it)).sum();
        assert_eq!(all.bytes, held);
        held
    }

    #[test]
    fn an_answer_is_there_until_its_time_is_over() {
        let near = Near::default();
        near.put(&key(1), answer(10, LIFE));
        near.put(&key(2), answer(10, Duration::ZERO));

        assert!(near.get(&key(1)).is_some());
        assert!(near.get(&key(2)).is_none());
        assert!(near.get(&key(3)).is_none());
    }

    #[test]
    fn a_later_answer_takes_the_place_of_an_earlier_one() {
        let near = Near::default();
        for bytes in [10, 20, 5] {
            near.put(&key(1), answer(bytes, LIFE));
            held(&near);
        }

        assert_eq!(near.get(&key(1)).map(|it| it.bytes.len()), Some(5));
    }

    #[test]
    fn what_is_held_is_bounded_and_what_is_over_makes_room_first() {
        let near = Near::default();
        near.put(&key(0), answer(ANSWER_MAX_BYTES, LIFE));
        assert_eq!(held(&near), 0);

        near.put(&key(0), answer(10, LIFE));
        let large = ANSWER_MAX_BYTES / 2;
        let many = 2 * NEAR_MAX_BYTES / large;
        for number in 1..many {
            near.put(&key(number), answer(large, Duration::ZERO));
            assert!(held(&near) <= NEAR_MAX_BYTES);
        }
        assert!(near.get(&key(0)).is_some());

        for number in 1..many {
            near.put(&key(number), answer(large, LIFE));
            assert!(held(&near) <= NEAR_MAX_BYTES);
        }
    }
}
