//! Idempotency keys of requests that write the queue.

use std::sync::Arc;
use std::time::Duration;

use kernel::{Cause, Timestamp};
use lead::ports::{CLAIM_LEASE, CLAIM_LIFE, ClaimsError};
use lead::{Claim, ClaimKey, Fingerprint, StoredAnswer};
use redis::Cmd;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use crate::link::{Fault, Link, Patience};
use crate::script::Script;

/// What recording a key may take of Redis: more than other calls, since nobody can go on without it.
const CLAIM_LIMIT: Duration = Duration::from_secs(1);

/// Keys that requests hold, and the answers they got.
pub(crate) struct Claims {
    link: Arc<Link>,
    prefix: String,
    claim: Script,
    finish: Script,
    release: Script,
}

/// Redis holds what is no claim, or an answer has no place in one.
#[derive(Debug, thiserror::Error)]
enum Malformed {
    #[error("what is kept under an idempotency key cannot be read")]
    Kept,
    #[error("the answer is too large to be kept")]
    Answer,
}

impl Claims {
    pub(crate) fn new(link: Arc<Link>, namespace: &str) -> Self {
        Self {
            link,
            prefix: format!("{namespace}:claim:"),
            claim: Script::new(include_str!("claims/claim.lua")),
            finish: Script::new(include_str!("claims/finish.lua")),
            release: Script::new(include_str!("claims/release.lua")),
        }
    }

    pub(crate) async fn claim(
        &self,
        key: &ClaimKey,
        content: Fingerprint,
        now: Timestamp,
    ) -> Result<Claim, ClaimsError> {
        let arguments = |command: &mut Cmd| {
            command.arg(&content.0[..]).arg(now.unix_ms());
            command.arg(millis(CLAIM_LEASE)).arg(millis(CLAIM_LIFE));
        };
        let (found, rest): (u8, Vec<u8>) = self.run(&self.claim, key, arguments).await?;
        let claim = match found {
            0 => time_of(&rest).map(|accepted_at| Claim::Held { accepted_at }),
            1 => Some(Claim::Running),
            2 => Some(Claim::OtherContent),
            3 => decode(&rest).map(Claim::Answered),
            _ => None,
        };
        claim.ok_or_else(|| ClaimsError(Cause::new(Malformed::Kept)))
    }

    pub(crate) async fn finish(
        &self,
        key: &ClaimKey,
        answer: &StoredAnswer,
    ) -> Result<(), ClaimsError> {
        let answer = encode(answer).ok_or_else(|| ClaimsError(Cause::new(Malformed::Answer)))?;
        let arguments = |command: &mut Cmd| {
            command.arg(&answer[..]);
        };
        self.run(&self.finish, key, arguments).await
    }

    pub(crate) async fn release(
        &self,
        key: &ClaimKey,
        anything_published: bool,
    ) -> Result<(), ClaimsError> {
        let arguments = |command: &mut Cmd| {
            command.arg(u8::from(anything_published));
        };
        self.run(&self.release, key, arguments).await
    }

    async fn run<T: redis::FromRedisValue>(
        &self,
        script: &Script,
        key: &ClaimKey,
        arguments: impl Fn(&mut Cmd),
    ) -> Result<T, ClaimsError> {
        let until = Instant::now() + CLAIM_LIMIT;
        let (name, patience) = (self.name(key), Patience::WhileInDoubt);
        let answer = script.run(&self.link, &name, arguments, patience, until);
        answer
            .await
            .map_err(|fault: Fault| ClaimsError(Cause::new(fault)))
    }

    /// Keys are whatever somebody thought of, so their digest stands for them.
    fn name(&self, key: &ClaimKey) -> Vec<u8> {
        let mut digest = Sha256::new();
        digest.update(key.owner.0.as_bytes());
        digest.update((key.path.len() as u64).to_be_bytes());
        digest.update(&key.path);
        digest.update(key.key.as_str());
        [self.prefix.as_bytes(), digest.finalize().as_slice()].concat()
    }
}

/// Status, length of the location and one, or zero where there is none, the location, and the body.
fn encode(answer: &StoredAnswer) -> Option<Vec<u8>> {
    let location = answer.location.as_deref();
    let is_bounded = answer.body.len() <= StoredAnswer::MAX_BODY_BYTES;
    let length = match location {
        Some(location) => u16::try_from(location.len()).ok()?.checked_add(1)?,
        None => 0,
    };
    is_bounded.then(|| {
        [
            &answer.status.to_be_bytes()[..],
            &length.to_be_bytes(),
            location.unwrap_or_default().as_bytes(),
            &answer.body,
        ]
        .concat()
    })
}

fn decode(bytes: &[u8]) -> Option<StoredAnswer> {
    let (status, rest) = bytes.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let (location, body) = match u16::from_be_bytes(*length).checked_sub(1) {
        Some(length) => {
            let (location, body) = rest.split_at_checked(length.into())?;
            (Some(String::from_utf8(location.to_vec()).ok()?), body)
        }
        None => (None, rest),
    };
    Some(StoredAnswer {
        status: u16::from_be_bytes(*status),
        location,
        body: body.to_vec(),
    })
}

fn time_of(digits: &[u8]) -> Option<Timestamp> {
    let digits = str::from_utf8(digits).ok()?;
    digits.parse().ok().map(Timestamp::from_unix_ms)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
