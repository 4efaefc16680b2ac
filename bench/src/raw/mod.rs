//! Limits: what the servers give with nothing around them.

pub(crate) mod handler;
pub(crate) mod mysql;
pub(crate) mod publish;
pub(crate) mod sqlite;
