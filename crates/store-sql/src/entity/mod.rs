//! The tables, a file each.

#![allow(
    unreachable_pub,
    missing_docs,
    reason = "the derives make public items, which stay within this crate"
)]

pub(crate) mod attribute;
pub(crate) mod claim;
pub(crate) mod dead_letter;
pub(crate) mod lead;
pub(crate) mod lead_counter;
pub(crate) mod outcome;
pub(crate) mod rejected_row;
pub(crate) mod revoked_token;
pub(crate) mod submission;
pub(crate) mod user;
