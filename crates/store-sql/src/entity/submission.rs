//! Bulk submissions.

use sea_orm::entity::prelude::{
    ActiveModelBehavior, DeriveEntityModel, DerivePrimaryKey, DeriveRelation, EntityTrait,
    EnumIter, PrimaryKeyTrait,
};
use time::PrimitiveDateTime;
use uuid::Uuid;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "submissions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub owner: Uuid,
    pub accepted_at: PrimitiveDateTime,
    pub received: i64,
    pub rejected: i64,
    pub is_complete: bool,
    pub stored: i64,
    pub duplicate: i64,
    pub failed: i64,
    pub finished_at: Option<PrimitiveDateTime>,
    pub touched_at: PrimitiveDateTime,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
