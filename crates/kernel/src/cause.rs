//! The reason behind a port's error, opaque to the domain.

use std::error::Error;
use std::fmt;

/// What an adapter knows of a failure.
///
/// It is for logs and never for an answer. Whoever makes one sees to it that it holds neither a
/// secret nor a value that came with a lead.
pub struct Cause(Box<dyn Error + Send + Sync>);

impl Cause {
    /// Wraps an adapter's own error.
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(error.into())
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

impl Error for Cause {}
