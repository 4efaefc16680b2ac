//! The commands of an operator.

pub mod generate;
