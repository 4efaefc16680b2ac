//! Quotas, and what answers say of them (draft-ietf-httpapi-ratelimit-headers).

use std::time::Duration;

use actix_web::http::header::{HeaderName, HeaderValue};
use auth::ports::Throttle;
use auth::{Allowance, Quota, ThrottleKey};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// The quotas there are.
pub(crate) struct Rates {
    /// Of each caller, or of each address where nobody is known.
    pub(crate) default: Rate,
    /// Of each name that somebody signs in with, and their address.
    pub(crate) sign_in: Rate,
}

/// A quota a minute, and its name.
pub(crate) struct Rate {
    name: &'static str,
    quota: Quota,
    /// The value of `RateLimit-Policy`.
    policy: Option<HeaderValue>,
}

impl Rate {
    pub(crate) fn new(name: &'static str, per_minute: u32) -> Self {
        let quota = Quota {
            limit: per_minute,
            window: Duration::from_mins(1),
        };
        let (limit, window) = (quota.limit, quota.window.as_secs());
        let policy = format!("\"{name}\";q={limit};w={window}");
        Self {
            name,
            quota,
            policy: HeaderValue::try_from(policy).ok(),
        }
    }

    /// Takes one from the quota of `key`.
    pub(crate) async fn take(&self, throttle: &dyn Throttle, key: &ThrottleKey) -> Taken<'_> {
        Taken {
            rate: self,
            allowance: throttle.take(key, self.quota).await,
        }
    }
}

/// What a quota says.
pub(crate) struct Taken<'a> {
    rate: &'a Rate,
    pub(crate) allowance: Allowance,
}

impl Taken<'_> {
    /// The headers of an answer.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let reset_after = self.allowance.reset_after;
        let reset_s = reset_after.as_secs() + u64::from(reset_after.subsec_millis() > 0);
        let (mut remaining, mut reset) = (itoa::Buffer::new(), itoa::Buffer::new());
        let state = [
            "\"",
            self.rate.name,
            "\";r=",
            remaining.format(self.allowance.remaining),
            ";t=",
            reset.format(reset_s),
        ];
        let state = HeaderValue::try_from(state.concat()).ok();
        let values = [
            (RATE_LIMIT_POLICY, self.rate.policy.clone()),
            (RATE_LIMIT, state),
        ];
        let headers = values.into_iter();
        headers.filter_map(|(name, value)| Some((name, value?)))
    }
}
