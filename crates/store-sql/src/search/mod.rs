//! An index of the texts of leads, by windows of three bytes (grams), filled behind the writes.
//!
//! A transaction that stores leads puts them into one row of `search_backlog`. [`index`] moves rows
//! from there into segments that never change. A search takes candidates from both, newest first,
//! and has the database compare each candidate's row: what it answers is what reading the whole
//! table would answer.

mod backlog;
mod bits;
mod entries;
mod find;
mod grams;
mod index;
mod postings;
mod segment;
mod since;
mod sql;
mod verify;
mod walk;
mod write;

pub(crate) use self::backlog::{entries_of, put};
pub(crate) use self::find::Search;
pub(crate) use self::segment::SEGMENT_LEADS;
pub(crate) use self::since::count_since;
pub(crate) use self::verify::count_with_ids;
