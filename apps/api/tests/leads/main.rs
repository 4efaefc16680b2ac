//! Submitting leads, following them up, reading them: over a real server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a failed test may panic"
)]

mod bulk;
mod hostile;
mod keys;
mod reads;
mod single;
mod streams;
#[path = "../support/mod.rs"]
mod support;
mod world;
