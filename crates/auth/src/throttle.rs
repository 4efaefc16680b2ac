//! Limits on how often.

use std::net::IpAddr;
use std::time::Duration;

use kernel::UserId;

/// What is counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ThrottleKey {
    /// Requests of a signed-in caller.
    Caller(UserId),
    /// Requests of an address without a good token.
    Address(IpAddr),
    /// Sign-ins to an account (by the lower-case name) from an address.
    SignIn(String, IpAddr),
}

/// So many in any window of that length, evenly refilled, all at once at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// How many; at least one.
    pub limit: u32,
    /// In how long.
    pub window: Duration,
}

/// What a throttle says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// The request may go on.
    pub allowed: bool,
    /// How many more may now.
    pub remaining: u32,
    /// When the quota is whole again.
    pub reset_after: Duration,
    /// When the next one may; zero when this one may.
    pub retry_after: Duration,
}
