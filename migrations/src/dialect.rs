//! One step in two dialects.

use sea_orm_migration::SchemaManager;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend, DbErr};

/// The statements of one step.
pub(crate) struct Step {
    pub(crate) sqlite: &'static [&'static str],
    pub(crate) mysql: &'static [&'static str],
}

impl Step {
    /// Runs the statements of the connected dialect in order.
    pub(crate) async fn run(&self, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
        let statements = match manager.get_database_backend() {
            DbBackend::Sqlite => self.sqlite,
            DbBackend::MySql => self.mysql,
            _ => {
                return Err(DbErr::Migration(
                    "the schema has no form for this database".to_owned(),
                ));
            }
        };
        for statement in statements {
            manager
                .get_connection()
                .execute_unprepared(statement)
                .await?;
        }
        Ok(())
    }
}

/// Declares the migration of the module it stands in: its name, and its statements as `STEP`.
macro_rules! migration {
    ($name:literal) => {
        pub(crate) struct Migration;

        impl sea_orm_migration::MigrationName for Migration {
            fn name(&self) -> &str {
                $name
            }
        }

        #[sea_orm_migration::async_trait::async_trait]
        impl sea_orm_migration::MigrationTrait for Migration {
            async fn up(
                &self,
                manager: &sea_orm_migration::SchemaManager,
            ) -> Result<(), sea_orm_migration::sea_orm::DbErr> {
                STEP.run(manager).await
            }
        }
    };
}
pub(crate) use migration;
