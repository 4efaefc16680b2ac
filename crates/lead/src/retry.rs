//! How often a lead is tried, and how long it waits in between.

use std::time::Duration;

/// The waits before the attempts after the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy(Vec<Duration>);

impl RetryPolicy {
    /// The most waits.
    pub const MAX_LEN: usize = 20;
    /// The longest wait.
    pub const MAX_DELAY: Duration = Duration::from_hours(24);

    /// These waits; none when there are more than [`RetryPolicy::MAX_LEN`] or one is longer than
    /// [`RetryPolicy::MAX_DELAY`].
    pub fn new(delays: Vec<Duration>) -> Option<Self> {
        let sound = delays.len() <= Self::MAX_LEN && delays.iter().all(|it| *it <= Self::MAX_DELAY);
        sound.then_some(Self(delays))
    }

    /// How long a message waits before attempt number `attempt` (from 0); none when there is no
    /// such attempt.
    pub fn delay_before(&self, attempt: u16) -> Option<Duration> {
        match attempt {
            0 => Some(Duration::ZERO),
            attempt => self.0.get(usize::from(attempt) - 1).copied(),
        }
    }

    /// The waits.
    pub fn delays(&self) -> &[Duration] {
        &self.0
    }
}

/// 1, 2, 4, 8 and 16 seconds.
impl Default for RetryPolicy {
    fn default() -> Self {
        Self([1, 2, 4, 8, 16].map(Duration::from_secs).to_vec())
    }
}
