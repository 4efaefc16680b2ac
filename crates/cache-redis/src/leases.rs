//! What this node may give of quotas that all nodes share, without asking again.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use auth::ThrottleKey;

/// Parts that are locked apart, so that callers hardly ever meet.
const SHARDS: usize = 64;
/// Keys of one part; with all parts, 65,536 in about 8 MiB.
const SHARD_MAX: usize = 1_024;
/// How often a full part is searched for what has run out, at most.
const SWEEP_EVERY_US: u64 = 100_000;

/// Blocks that were taken from Redis, by key.
///
/// A block is counted as used from the beginning. A token of it is good only for as long as the
/// shared count still owes it: when the quota would have refilled it, it is gone. So together the
/// nodes never hold more than is owed, and the quota and all blocks never come to more than the
/// quota; and for one node it is as if each token were taken when it is used.
pub(crate) struct Leases {
    hasher: RandomState,
    shards: Vec<Mutex<Shard>>,
}

#[derive(Default)]
struct Shard {
    leases: HashMap<ThrottleKey, Lease>,
    swept_at_us: u64,
}

/// Times are this node's, in microseconds.
#[derive(Default)]
struct Lease {
    /// Tokens that were not handed out.
    left: u64,
    /// When the shared quota is whole again, if no other node takes of it: never later than it is.
    whole_at_us: u64,
}

impl Leases {
    pub(crate) fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
        }
    }

    /// Hands out a token, where there is one; says what is owed then, without the rest of the block.
    pub(crate) fn hand_out(&self, now_us: u64, key: &ThrottleKey, step_us: u64) -> Option<u64> {
        let mut shard = self.shard(key);
        let lease = shard.leases.get_mut(key)?;
        let owed_us = lease.whole_at_us.saturating_sub(now_us);
        let good = lease.left.min(owed_us / step_us);
        lease.left = good.saturating_sub(1);
        (good > 0).then(|| owed_us - lease.left * step_us)
    }

    /// Makes room for a block; says whether there is any.
    pub(crate) fn reserve(&self, now_us: u64, key: &ThrottleKey) -> bool {
        let mut shard = self.shard(key);
        if shard.leases.contains_key(key) {
            return true;
        }
        if shard.leases.len() >= SHARD_MAX {
            if now_us < shard.swept_at_us.saturating_add(SWEEP_EVERY_US) {
                return false;
            }
            shard.swept_at_us = now_us;
            shard
                .leases
                .retain(|_, it| it.left > 0 && it.whole_at_us > now_us);
            if shard.leases.len() >= SHARD_MAX {
                return false;
            }
        }
        shard.leases.insert(key.clone(), Lease::default());
        true
    }

    /// Keeps what is left of a block that was asked for at `asked_at_us`, when so much was owed.
    pub(crate) fn keep(&self, asked_at_us: u64, key: &ThrottleKey, left: u64, owed_us: u64) {
        // Room that was swept away meanwhile costs the block.
        if let Some(lease) = self.shard(key).leases.get_mut(key) {
            *lease = Lease {
                left,
                whole_at_us: asked_at_us.saturating_add(owed_us),
            };
        }
    }

    fn shard(&self, key: &ThrottleKey) -> MutexGuard<'_, Shard> {
        // The remainder is below the number of parts, so it fits.
        let shard = usize::try_from(self.hasher.hash_one(key) % SHARDS as u64).unwrap_or(0);
        self.shards[shard]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use kernel::UserId;
    use uuid::Uuid;

    use super::*;

    const STEP_US: u64 = 1_000;

    fn key(number: u128) -> ThrottleKey {
        ThrottleKey::Caller(UserId(Uuid::from_u128(number)))
    }

    fn handed_out(leases: &Leases, now_us: u64) -> u32 {
        let mut count = 0;
        while leases.hand_out(now_us, &key(1), STEP_US).is_some() {
            count += 1;
        }
        count
    }

    #[test]
    fn a_block_is_handed_out_once_and_says_what_is_owed_without_its_rest() {
        let leases = Leases::new();
        assert!(leases.reserve(0, &key(1)));
        leases.keep(0, &key(1), 3, 10 * STEP_US);

        let owed = [0; 4].map(|_| leases.hand_out(0, &key(1), STEP_US));

        let steps = |count: u64| Some(count * STEP_US);
        assert_eq!(owed, [steps(8), steps(9), steps(10), None]);
    }

    #[test]
    fn a_token_is_gone_when_the_quota_has_refilled_it() {
        for (owed_before, after_us, good) in [
            (0, 0, 10),
            (0, STEP_US, 9),
            (0, 9 * STEP_US, 1),
            (0, 10 * STEP_US, 0),
            (5, 5 * STEP_US, 10),
            (5, 15 * STEP_US, 0),
        ] {
            let leases = Leases::new();
            assert!(leases.reserve(0, &key(1)));
            leases.keep(0, &key(1), 10, (owed_before + 10) * STEP_US);

            assert_eq!(
                handed_out(&leases, after_us),
                good,
                "{owed_before} {after_us}"
            );
        }
    }

    #[test]
    fn blocks_of_two_nodes_and_the_quota_never_come_to_more_than_the_quota() {
        const LIMIT: u64 = 100;
        // Each node took ten, the second one at another moment, and gave none.
        for between_us in (0..30).map(|it| it * STEP_US / 2) {
            let nodes = [Leases::new(), Leases::new()];
            for node in &nodes {
                assert!(node.reserve(0, &key(1)));
            }
            let mut owed_us = 10 * STEP_US;
            nodes[0].keep(0, &key(1), 10, owed_us);
            owed_us = owed_us.saturating_sub(between_us) + 10 * STEP_US;
            nodes[1].keep(between_us, &key(1), 10, owed_us);
            for later_us in (0..40).map(|it| it * STEP_US / 2) {
                let free = (LIMIT * STEP_US - owed_us.saturating_sub(later_us)) / STEP_US;
                let held = nodes.each_ref().map(|node| {
                    let shard = node.shard(&key(1));
                    let lease = &shard.leases[&key(1)];
                    let owed_us = lease.whole_at_us.saturating_sub(between_us + later_us);
                    lease.left.min(owed_us / STEP_US)
                });
                let all = free + held.iter().sum::<u64>();
                assert!(all <= LIMIT, "{all} at {between_us} and {later_us}");
            }
        }
    }

    #[test]
    fn the_number_of_keys_is_bounded_and_those_that_ran_out_make_room() {
        let leases = Leases::new();
        let many = SHARDS as u128 * SHARD_MAX as u128 * 2;
        let mut kept = 0;
        for number in 0..many {
            if leases.reserve(0, &key(number)) {
                leases.keep(0, &key(number), 9, 10 * STEP_US);
                kept += 1;
            }
        }
        assert_eq!(kept, SHARDS * SHARD_MAX);
        let no_room = (0..many).find(|it| leases.hand_out(0, &key(*it), STEP_US).is_none());
        let no_room = key(no_room.unwrap_or_default());
        assert!(!leases.reserve(SWEEP_EVERY_US / 2, &no_room));

        assert!(leases.reserve(SWEEP_EVERY_US, &no_room));
    }
}
