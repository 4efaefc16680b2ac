//! The workbench of tests; no product code depends on it.
//!
//! - [`memory`]: a reference adapter for every port. What the ports promise, these do in the
//!   plainest way; they are the specification that other adapters are compared with.
//! - [`contract`]: a suite for every port, one function for each promise, and a macro for each
//!   suite, so that an adapter's test file is one line.
//! - [`fixtures`]: leads, messages and accounts that are unique for ever, so that tests share a
//!   server without cleaning up.
//! - [`flood`]: many leads for programs that measure.
//! - [`mocks`]: ports that fail on purpose.
//! - [`servers`]: where the servers are that some tests need.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a test stops where something is not as it should be"
)]

pub mod contract;
pub mod fixtures;
pub mod flood;
pub mod memory;
pub mod mocks;
pub mod servers;
