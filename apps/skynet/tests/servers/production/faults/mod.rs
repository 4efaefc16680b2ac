//! The whole product under faults of its servers, its processes, and its leads.
//!
//! Each test has servers of its own, two APIs and two workers that reach them through doors, and
//! clients that send leads of every kind and write down what they are promised. It hurts
//! something, heals it, takes the time until a lead is stored from end to end again, and compares
//! what was promised with what is there; the result is a row of a table (see `table`).

mod balancer;
mod broker;
mod cache;
mod cut_off;
mod database;
mod doors;
mod lost;
mod poison;
mod processes;
mod reads;
mod scene;
mod stops;
mod table;
mod watermark;
