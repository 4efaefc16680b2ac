//! What the verbs of the domain do over the reference adapters.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is not as it should be"
)]

mod authentication;
mod replay;
mod simulator;
mod store_leads;
mod worker;
