//! The production cache.
