//! Limits on how often.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use auth::ports::Throttle;
use auth::{Allowance, Quota, ThrottleKey};

/// Parts that are locked apart, so that callers hardly ever meet.
const SHARDS: usize = 64;
/// Keys of one part; with all parts, 262,144.
const SHARD_MAX: usize = 4_096;

/// The generic cell rate algorithm: a key is known by the moment its quota is whole again, and
/// forgotten after it. Where too many keys are in use at once, those that are whole soonest go.
pub struct MemoryThrottle {
    began_at: Instant,
    hasher: RandomState,
    /// Microseconds after `began_at` at which the quota of a key is whole.
    shards: Vec<Mutex<HashMap<ThrottleKey, u64>>>,
}

impl MemoryThrottle {
    /// Nothing is counted yet.
    pub fn new() -> Self {
        Self {
            began_at: Instant::now(),
            hasher: RandomState::new(),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
        }
    }

    fn take_at(&self, now_us: u64, key: &ThrottleKey, quota: Quota) -> Allowance {
        let limit = u64::from(quota.limit.max(1));
        let step_us = (micros(quota.window) / limit).max(1);
        let whole_us = step_us.saturating_mul(limit);

        let hash = self.hasher.hash_one(key);
        // The remainder is below the number of parts, so it fits.
        let shard = usize::try_from(hash % SHARDS as u64).unwrap_or(0);
        let mut whole_at = self.shards[shard]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let debt_before_us = whole_at.get(key).map_or(0, |at| at.saturating_sub(now_us));
        let debt_with_us = debt_before_us.saturating_add(step_us);
        let allowed = debt_with_us <= whole_us;
        if allowed {
            if whole_at.len() >= SHARD_MAX && !whole_at.contains_key(key) {
                make_room(&mut whole_at, now_us);
            }
            let at = now_us.saturating_add(debt_with_us);
            match whole_at.get_mut(key) {
                Some(it) => *it = at,
                None => drop(whole_at.insert(key.clone(), at)),
            }
        }
        drop(whole_at);

        let debt_us = if allowed {
            debt_with_us
        } else {
            debt_before_us
        };
        let remaining = whole_us.saturating_sub(debt_us) / step_us;
        let next_in_us = debt_us.saturating_add(step_us).saturating_sub(whole_us);
        Allowance {
            allowed,
            remaining: u32::try_from(remaining).unwrap_or(u32::MAX),
            reset_after: Duration::from_micros(debt_us),
            retry_after: if allowed {
                Duration::ZERO
            } else {
                Duration::from_micros(next_in_us)
            },
        }
    }
}

impl Default for MemoryThrottle {
    fn default() -> Self {
        Self::new()
    }
}

/// Forgets idle keys, and where that is not enough the quarter that is whole soonest: many at a
/// time, so that a flood of new keys pays little for each.
fn make_room(whole_at: &mut HashMap<ThrottleKey, u64>, now_us: u64) {
    whole_at.retain(|_, at| *at > now_us);
    if whole_at.len() < SHARD_MAX {
        return;
    }
    let mut moments: Vec<u64> = whole_at.values().copied().collect();
    let (_, last_to_go, _) = moments.select_nth_unstable(SHARD_MAX / 4);
    let (last_to_go, mut going) = (*last_to_go, SHARD_MAX / 4);
    whole_at.retain(|_, at| {
        let goes = *at <= last_to_go && going > 0;
        going -= usize::from(goes);
        !goes
    });
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[async_trait]
impl Throttle for MemoryThrottle {
    async fn take(&self, key: &ThrottleKey, quota: Quota) -> Allowance {
        self.take_at(micros(self.began_at.elapsed()), key, quota)
    }
}

#[cfg(test)]
mod tests {
    use kernel::UserId;

    use super::*;

    fn key(number: u128) -> ThrottleKey {
        ThrottleKey::Caller(UserId(uuid::Uuid::from_u128(number)))
    }

    const TEN_A_MINUTE: Quota = Quota {
        limit: 10,
        window: Duration::from_mins(1),
    };

    #[test]
    fn after_ten_the_next_may_when_it_was_told_and_not_before() {
        let throttle = MemoryThrottle::new();
        for _ in 0..10 {
            assert!(throttle.take_at(0, &key(1), TEN_A_MINUTE).allowed);
        }

        let refused = throttle.take_at(0, &key(1), TEN_A_MINUTE);
        let may_at_us = micros(refused.retry_after);

        assert!(!refused.allowed);
        assert_eq!(refused.retry_after, Duration::from_secs(6));
        assert!(
            !throttle
                .take_at(may_at_us - 1, &key(1), TEN_A_MINUTE)
                .allowed
        );
        assert!(throttle.take_at(may_at_us, &key(1), TEN_A_MINUTE).allowed);
    }

    #[test]
    fn the_number_of_keys_is_bounded_and_idle_ones_go_first() {
        let throttle = MemoryThrottle::new();
        let many = SHARDS as u128 * SHARD_MAX as u128 * 2;
        for number in 0..many {
            assert!(throttle.take_at(0, &key(number), TEN_A_MINUTE).allowed);
        }
        let later_us = micros(Duration::from_mins(2));
        let debtor = key(u128::MAX);
        while throttle.take_at(later_us, &debtor, TEN_A_MINUTE).allowed {}
        for number in many..many + many / 4 {
            assert!(
                throttle
                    .take_at(later_us, &key(number), TEN_A_MINUTE)
                    .allowed
            );
        }

        let kept = throttle.shards.iter().map(|it| {
            let shard = it.lock().unwrap_or_else(PoisonError::into_inner);
            shard.len()
        });
        assert!(kept.max() <= Some(SHARD_MAX));
        assert!(!throttle.take_at(later_us, &debtor, TEN_A_MINUTE).allowed);
    }
}
