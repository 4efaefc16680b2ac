//! Asking a dependency whether it answers.

use async_trait::async_trait;

use crate::Cause;

/// A dependency that can be asked whether it works.
#[async_trait]
pub trait Probe: Send + Sync + 'static {
    /// One cheap round trip that proves the dependency can do its job now.
    ///
    /// # Errors
    ///
    /// The [`Cause`], for logs, when it cannot.
    async fn probe(&self) -> Result<(), Cause>;
}
