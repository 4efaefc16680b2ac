//! The rules of everything that is said about a lead.

#![allow(
    clippy::unwrap_used,
    reason = "a test stops where something is not as it should be"
)]

mod email;
mod fields;
mod form;
mod ids;
mod lookup;
