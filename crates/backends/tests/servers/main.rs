//! What needs servers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test may fail loudly"
)]

mod production;
