//! The promises of the queue's ports.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test may stop at the first surprise"
)]

mod place;

testkit::lead_queue_contract!(async { place::Place::new() });
