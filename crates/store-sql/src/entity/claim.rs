//! Idempotency keys.

use sea_orm::entity::prelude::{
    ActiveModelBehavior, DeriveEntityModel, DerivePrimaryKey, DeriveRelation, EntityTrait,
    EnumIter, PrimaryKeyTrait,
};
use time::PrimitiveDateTime;
use uuid::Uuid;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "claims")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub owner: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub path: Vec<u8>,
    #[sea_orm(primary_key, auto_increment = false)]
    pub key_text: Vec<u8>,
    pub fingerprint: Vec<u8>,
    pub accepted_at: PrimitiveDateTime,
    pub state: String,
    pub may_be_published: bool,
    pub taken_at: PrimitiveDateTime,
    pub status: Option<u16>,
    pub location: Option<String>,
    pub body: Option<Vec<u8>>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
