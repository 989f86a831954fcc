//! Events.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "fanfare_events")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub event_type: String,
    pub job_id: Option<Uuid>,
    pub test: bool,
    pub occurred_at: i64,
    pub created_at: i64,
    pub event: String,
    pub notification: String,
    pub user_notification: Option<String>,
    pub plan: String,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
