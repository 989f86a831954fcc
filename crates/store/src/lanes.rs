//! What lanes must know after the next start: their health, whether the breaker is open, and until when they pause.

use sea_orm::{EntityTrait, IntoActiveModel, sea_query::OnConflict};

use crate::{LaneRow, Store, StoreError, entity::lane, tables::clean};

impl Store {
    /// What is known of all lanes.
    pub async fn lanes(&self) -> Result<Vec<LaneRow>, StoreError> {
        Ok(lane::Entity::find().all(&self.writer).await?)
    }

    /// Keeps what is known of a lane.
    pub async fn put_lane(&self, row: &LaneRow) -> Result<(), StoreError> {
        use lane::Column::{IsOpen, LastError, PausedUntil, Since, State, Told};
        let row = LaneRow { last_error: row.last_error.clone().map(clean), ..row.clone() };
        let replace = OnConflict::column(lane::Column::ChannelId)
            .update_columns([State, Since, LastError, Told, IsOpen, PausedUntil])
            .to_owned();
        lane::Entity::insert(row.into_active_model()).on_conflict(replace).exec_without_returning(&self.writer).await?;
        Ok(())
    }
}
