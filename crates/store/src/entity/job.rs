//! Jobs.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "fanfare_jobs")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub name: String,
    pub notifications: String,
    pub expect_every_s: Option<i64>,
    pub grace_s: Option<i64>,
    pub wording: Option<String>,
    pub ping_key: Vec<u8>,
    pub last_run: Option<String>,
    pub expected_at: Option<i64>,
    pub alarm_at: Option<i64>,
    pub missed_since: Option<i64>,
    pub started_at: Option<i64>,
    pub created_at: i64,
    pub updated_at: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
