//! Parked messages.

use sea_orm::entity::prelude::{
    ActiveModelBehavior, DeriveEntityModel, DerivePrimaryKey, DeriveRelation, EntityTrait,
    EnumIter, PrimaryKeyTrait,
};
use time::PrimitiveDateTime;
use uuid::Uuid;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "dead_letters")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub payload: Vec<u8>,
    pub is_readable: bool,
    pub code: String,
    pub reason: String,
    pub attempts: u16,
    pub replays: u16,
    pub thread_key: Option<String>,
    pub owner: Option<Uuid>,
    pub first_seen: PrimitiveDateTime,
    pub last_seen: PrimitiveDateTime,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
