//! How programs do over the servers of the production family.

mod commands;
mod faults;
mod keys;
mod starting;
