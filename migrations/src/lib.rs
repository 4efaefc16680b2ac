//! The schema of the store, step by step, in the SQL of `SQLite` and of `MySQL` (and `MariaDB`).
//!
//! `README.md` says how a step is added while older processes still run.

mod dialect;
mod m0001_leads;
mod m0002_submissions;
mod m0003_dead_letters;
mod m0004_accounts;
mod m0005_claims;
mod m0006_search;
mod state;

use sea_orm_migration::{MigrationTrait, MigratorTrait, async_trait};

pub use self::state::{SchemaState, apply, schema_state};

/// Every step, oldest first.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_leads::Migration),
            Box::new(m0002_submissions::Migration),
            Box::new(m0003_dead_letters::Migration),
            Box::new(m0004_accounts::Migration),
            Box::new(m0005_claims::Migration),
            Box::new(m0006_search::Migration),
        ]
    }
}
