//! Deliveries.

use sea_orm::entity::prelude::*;

use crate::DeliveryState;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "fanfare_deliveries")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub event_id: Uuid,
    pub event_type: String,
    pub job_id: Option<Uuid>,
    pub channel_id: Uuid,
    pub channel_name: String,
    pub kind: String,
    pub target: String,
    pub recipients: Option<String>,
    pub reason: String,
    pub title: String,
    pub test: bool,
    pub state: DeliveryState,
    pub attempts: i32,
    pub due_at: Option<i64>,
    pub owner: Option<i64>,
    pub expires_at: i64,
    pub held_at: Option<i64>,
    pub possibly_duplicate: bool,
    pub created_at: i64,
    pub delivered_at: Option<i64>,
    pub last_attempt_at: Option<i64>,
    pub last_duration_ms: Option<i64>,
    pub last_status: Option<i32>,
    pub last_outcome: Option<String>,
    pub last_detail: Option<String>,
    pub digest_id: Option<Uuid>,
    pub digest_count: Option<i32>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
