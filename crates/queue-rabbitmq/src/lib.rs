//! The production queue.
