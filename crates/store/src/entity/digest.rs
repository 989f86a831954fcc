//! Digests.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "fanfare_digests")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub channel_id: Uuid,
    pub event_type: String,
    pub event_id: Uuid,
    pub recipients: Option<String>,
    pub notification: String,
    pub members: i32,
    pub is_own: bool,
    pub attempts: i32,
    pub due_at: Option<i64>,
    pub owner: Option<i64>,
    pub expires_at: i64,
    pub since: i64,
    pub created_at: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
