//! Idempotency keys.

use std::collections::HashMap;
use std::sync::Mutex;

use async_trait::async_trait;
use kernel::Timestamp;
use lead::ports::{CLAIM_LEASE, CLAIM_LIFE, Claims, ClaimsError};
use lead::{Claim, ClaimKey, Fingerprint, StoredAnswer};

use super::lock;

/// Keys and what is known of their requests.
#[derive(Debug, Default)]
pub struct MemoryClaims(Mutex<HashMap<ClaimKey, Held>>);

#[derive(Debug)]
struct Held {
    content: Fingerprint,
    accepted_at: Timestamp,
    /// Some attempt published something, or died so that nobody knows.
    published: bool,
    standing: Standing,
}

#[derive(Debug)]
enum Standing {
    Running { until: Timestamp },
    GivenBack,
    Answered(StoredAnswer),
}

#[async_trait]
impl Claims for MemoryClaims {
    async fn claim(
        &self,
        key: &ClaimKey,
        content: Fingerprint,
        now: Timestamp,
    ) -> Result<Claim, ClaimsError> {
        let mut all = lock(&self.0);
        let running = Standing::Running {
            until: now.plus(CLAIM_LEASE),
        };
        let known = all
            .get_mut(key)
            .filter(|it| now < it.accepted_at.plus(CLAIM_LIFE))
            .filter(|it| {
                let free = matches!(it.standing, Standing::GivenBack) && !it.published;
                it.content == content || !free
            });
        let Some(known) = known else {
            all.insert(
                key.clone(),
                Held {
                    content,
                    accepted_at: now,
                    published: false,
                    standing: running,
                },
            );
            return Ok(Claim::Held { accepted_at: now });
        };
        if known.content != content {
            return Ok(Claim::OtherContent);
        }
        Ok(match &known.standing {
            Standing::Answered(answer) => Claim::Answered(answer.clone()),
            Standing::Running { until } if now < *until => Claim::Running,
            standing => {
                known.published |= matches!(standing, Standing::Running { .. });
                known.standing = running;
                Claim::Held {
                    accepted_at: known.accepted_at,
                }
            }
        })
    }

    async fn finish(&self, key: &ClaimKey, answer: &StoredAnswer) -> Result<(), ClaimsError> {
        if let Some(held) = lock(&self.0).get_mut(key) {
            held.standing = Standing::Answered(answer.clone());
        }
        Ok(())
    }

    async fn release(&self, key: &ClaimKey, anything_published: bool) -> Result<(), ClaimsError> {
        if let Some(held) = lock(&self.0).get_mut(key)
            && !matches!(held.standing, Standing::Answered(_))
        {
            held.published |= anything_published;
            held.standing = Standing::GivenBack;
        }
        Ok(())
    }
}
