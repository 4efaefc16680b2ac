//! What surrounds the leads: who may do what, the form of refusals, accounts, health.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a failed test may panic"
)]

mod accounts;
mod authz;
mod cors;
mod documents;
mod health;
mod http;
mod operating;
mod sign_in;
#[path = "../support/mod.rs"]
mod support;
