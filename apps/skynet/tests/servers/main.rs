//! The programs on `MySQL`, `RabbitMQ` and Redis.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test stops where something is not as it should be, and tells what it found"
)]

mod place;
mod production;
