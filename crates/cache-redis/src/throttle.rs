//! Limits on how often, counted by all nodes together.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use auth::ports::Throttle as _;
use auth::{Allowance, Quota, ThrottleKey};
use cache_memory::MemoryThrottle;
use sha2::{Digest as _, Sha256};
use tokio::time::{Instant, timeout_at};

use crate::flight::{Flights, Join};
use crate::leases::Leases;
use crate::link::{Fault, Link, Patience};
use crate::script::Script;

/// What a limit may take of Redis.
const TAKE_LIMIT: Duration = Duration::from_millis(20);
/// A block that a node takes at once is a quota divided by this.
const BLOCKS_IN_A_QUOTA: u64 = 100;

/// Counts in Redis, and in this process while Redis is away.
///
/// Of a large quota a node takes a block at once and hands it out without asking again; who asks
/// for one key at the same time waits for the same block. Small quotas are taken one by one.
pub(crate) struct Throttle {
    link: Arc<Link>,
    namespace: String,
    script: Script,
    leases: Leases,
    flights: Flights<ThrottleKey, Landed>,
    began_at: Instant,
    own: MemoryThrottle,
}

/// How asking for a block ended.
#[derive(Clone, Copy)]
enum Landed {
    /// There are tokens.
    Block,
    /// There is none, and so much is owed.
    Refused(u64),
    /// Redis gave no answer.
    Failed,
}

/// What is asked of Redis in one call.
#[derive(Clone, Copy)]
struct Rate {
    /// In which one is refilled.
    step_us: u64,
    /// In which all are refilled.
    whole_us: u64,
    /// How many a node takes at once.
    block: u64,
}

impl Throttle {
    pub(crate) fn new(link: Arc<Link>, namespace: &str) -> Self {
        Self {
            link,
            namespace: namespace.to_owned(),
            script: Script::new(include_str!("gcra.lua")),
            leases: Leases::new(),
            flights: Flights::new(),
            began_at: Instant::now(),
            own: MemoryThrottle::new(),
        }
    }

    pub(crate) async fn take(&self, key: &ThrottleKey, quota: Quota) -> Allowance {
        let rate = Rate::of(quota);
        let now_us = self.now_us();
        if rate.block > 1
            && let Some(owed_us) = self.leases.hand_out(now_us, key, rate.step_us)
        {
            return rate.allowance(true, owed_us);
        }
        let until = Instant::now() + TAKE_LIMIT;
        let taken = if rate.block > 1 && self.leases.reserve(now_us, key) {
            self.take_of_a_block(key, rate, until).await
        } else {
            self.take_one(key, rate, until).await
        };
        match taken {
            Ok((allowed, owed_us)) => rate.allowance(allowed, owed_us),
            Err(_) => self.own.take(key, quota).await,
        }
    }

    /// Of those who want a token of one key one asks, and all share what it gets. Who gets nothing of
    /// it asks for one alone, so that nobody waits for a second block.
    async fn take_of_a_block(
        &self,
        key: &ThrottleKey,
        rate: Rate,
        until: Instant,
    ) -> Result<(bool, u64), Fault> {
        let follower = match self.flights.join(key) {
            Join::Follow(follower) => follower,
            Join::Lead(leader) => {
                // A block may have come between the look and the lead.
                let handed_out = self.leases.hand_out(self.now_us(), key, rate.step_us);
                if let Some(owed_us) = handed_out {
                    leader.land(Landed::Block);
                    return Ok((true, owed_us));
                }
                let asked_at_us = self.now_us();
                let asked = self.ask(key, rate, rate.block, until).await;
                leader.land(match &asked {
                    Ok((0, owed_us)) => Landed::Refused(*owed_us),
                    Ok((taken, owed_us)) => {
                        self.leases.keep(asked_at_us, key, taken - 1, *owed_us);
                        Landed::Block
                    }
                    Err(_) => Landed::Failed,
                });
                let (taken, owed_us) = asked?;
                let rest_us = taken.saturating_sub(1) * rate.step_us;
                return Ok((taken > 0, owed_us.saturating_sub(rest_us)));
            }
        };
        let landed = timeout_at(until, follower.landed());
        match landed.await.map_err(|_| Fault::Slow)? {
            Some((Landed::Refused(owed_us), _)) => return Ok((false, owed_us)),
            Some((Landed::Failed, _)) => return Err(Fault::Away),
            Some((Landed::Block, _)) | None => {}
        }
        match self.leases.hand_out(self.now_us(), key, rate.step_us) {
            Some(owed_us) => Ok((true, owed_us)),
            None => self.take_one(key, rate, until).await,
        }
    }

    async fn take_one(
        &self,
        key: &ThrottleKey,
        rate: Rate,
        until: Instant,
    ) -> Result<(bool, u64), Fault> {
        let (taken, owed_us) = self.ask(key, rate, 1, until).await?;
        Ok((taken > 0, owed_us))
    }

    /// How many were taken, and how much is owed then.
    async fn ask(
        &self,
        key: &ThrottleKey,
        rate: Rate,
        wanted: u64,
        until: Instant,
    ) -> Result<(u64, u64), Fault> {
        let arguments = |command: &mut redis::Cmd| {
            command.arg(rate.step_us).arg(rate.whole_us).arg(wanted);
        };
        let name = self.name(key);
        self.script
            .run(
                &self.link,
                name.as_bytes(),
                arguments,
                Patience::None,
                until,
            )
            .await
    }

    fn now_us(&self) -> u64 {
        micros(self.began_at.elapsed())
    }

    fn name(&self, key: &ThrottleKey) -> String {
        let mut name = format!("{}:limit:", self.namespace);
        // Writing to a text does not fail.
        let _ = match key {
            ThrottleKey::Caller(user) => write!(name, "caller:{user}"),
            ThrottleKey::Address(address) => write!(name, "address:{address}"),
            // Names are whatever somebody typed, of any length.
            ThrottleKey::SignIn(user, address) => {
                write!(name, "sign-in:{:032x}:{address}", digest(user))
            }
        };
        name
    }
}

impl Rate {
    fn of(quota: Quota) -> Self {
        let limit = u64::from(quota.limit.max(1));
        let step_us = (micros(quota.window) / limit).max(1);
        Self {
            step_us,
            whole_us: step_us.saturating_mul(limit),
            block: (limit / BLOCKS_IN_A_QUOTA).max(1),
        }
    }

    fn allowance(self, allowed: bool, owed_us: u64) -> Allowance {
        let remaining = self.whole_us.saturating_sub(owed_us) / self.step_us;
        let next_in_us = owed_us
            .saturating_add(self.step_us)
            .saturating_sub(self.whole_us);
        Allowance {
            allowed,
            remaining: u32::try_from(remaining).unwrap_or(u32::MAX),
            reset_after: Duration::from_micros(owed_us),
            retry_after: if allowed {
                Duration::ZERO
            } else {
                Duration::from_micros(next_in_us)
            },
        }
    }
}

/// Half of a text's SHA-256.
fn digest(text: &str) -> u128 {
    let mut half = [0; 16];
    half.copy_from_slice(&Sha256::digest(text)[..16]);
    u128::from_be_bytes(half)
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
