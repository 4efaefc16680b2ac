//! Limits on how often, counted by all nodes together.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use auth::ports::Throttle as _;
use auth::{Allowance, Quota, ThrottleKey};
use cache_memory::MemoryThrottle;
use redis::{Pipeline, Script};
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use crate::link::{Fault, Link};

/// What a limit may take of Redis.
const TAKE_LIMIT: Duration = Duration::from_millis(20);

const GCRA: &str = include_str!("gcra.lua");

/// Counts in Redis, and in this process while Redis is away.
pub(crate) struct Throttle {
    link: Arc<Link>,
    namespace: String,
    script_hash: String,
    own: MemoryThrottle,
}

impl Throttle {
    pub(crate) fn new(link: Arc<Link>, namespace: &str) -> Self {
        Self {
            link,
            namespace: namespace.to_owned(),
            script_hash: Script::new(GCRA).get_hash().to_owned(),
            own: MemoryThrottle::new(),
        }
    }

    pub(crate) async fn take(&self, key: &ThrottleKey, quota: Quota) -> Allowance {
        let limit = u64::from(quota.limit.max(1));
        let step_us = (micros(quota.window) / limit).max(1);
        let whole_us = step_us.saturating_mul(limit);
        match self.ask(&self.name(key), step_us, whole_us).await {
            Ok((allowed, debt_us)) => allowance(allowed, debt_us, step_us, whole_us),
            Err(_) => self.own.take(key, quota).await,
        }
    }

    async fn ask(&self, name: &str, step_us: u64, whole_us: u64) -> Result<(bool, u64), Fault> {
        let until = Instant::now() + TAKE_LIMIT;
        let question = |command, script: &str| {
            let mut question = Pipeline::with_capacity(1);
            let keys = 1;
            question.cmd(command).arg(script).arg(keys).arg(name);
            question.arg(step_us).arg(whole_us);
            question
        };
        let by_hash = question("EVALSHA", &self.script_hash);
        let answer: Result<((bool, u64),), Fault> = self.link.ask(&by_hash, until).await;
        let (answer,) = match answer {
            Err(fault) if fault.is_unknown_script() => {
                self.link.ask(&question("EVAL", GCRA), until).await?
            }
            answer => answer?,
        };
        Ok(answer)
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

/// Half of a text's SHA-256.
fn digest(text: &str) -> u128 {
    let mut half = [0; 16];
    half.copy_from_slice(&Sha256::digest(text)[..16]);
    u128::from_be_bytes(half)
}

fn allowance(allowed: bool, debt_us: u64, step_us: u64, whole_us: u64) -> Allowance {
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

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
