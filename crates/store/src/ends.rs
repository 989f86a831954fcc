//! What time ends: deliveries that were held for too long, idempotency keys that count no more, and what the ledger has
//! told for long enough. All is taken in slices, so that nobody waits long for the one that writes.

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QuerySelect, QueryTrait, Statement, Value,
    sea_query::{Expr, ExprTrait},
};
use uuid::Uuid;

use crate::{
    DeliveryState, Store, StoreError,
    commit::immediate,
    counters::Counts,
    entity::{attempt, delivery, digest, event},
    listen::tell_of_many,
};

/// Something that is old enough to be forgotten.
#[derive(FromQueryResult)]
struct Old {
    id: Uuid,
}

impl Store {
    /// Gives up what has been held since before `since` (milliseconds since 1970), `limit` of it at the most, for the
    /// reason `detail`. Says how many that were.
    pub async fn give_up_held(&self, since: i64, limit: u64, detail: &str) -> Result<u64, StoreError> {
        // The state stands in both conditions: another node may have moved a row meanwhile.
        let sql = format!(
            "UPDATE fanfare_deliveries SET state = {}, held_at = NULL, last_detail = {} WHERE state = 1 AND id IN \
             (SELECT id FROM fanfare_deliveries WHERE state = 1 AND held_at < {} ORDER BY held_at LIMIT {limit})",
            DeliveryState::Dead.number(),
            self.mark(1),
            self.mark(2),
        );
        let values = [Value::from(detail), Value::from(since)];
        let tx = immediate(&self.writer).await?;
        let update = Statement::from_sql_and_values(self.backend(), sql, values);
        let ended = tx.execute_raw(update).await?.rows_affected();
        if ended > 0 {
            let counts = Counts::moved(DeliveryState::Held, DeliveryState::Dead, ended);
            tx.execute_raw(counts.add(self.backend(), self.owner())).await?;
            tell_of_many(&tx).await?;
        }
        tx.commit().await?;
        Ok(ended)
    }

    /// Forgets idempotency keys from before `since` (milliseconds since 1970), `limit` of them at the most. Says how
    /// many that were.
    pub async fn forget_keys(&self, since: i64, limit: u64) -> Result<u64, StoreError> {
        let sql = format!(
            "DELETE FROM fanfare_idempotency WHERE (scope, key) IN \
             (SELECT scope, key FROM fanfare_idempotency WHERE created_at < {} ORDER BY created_at LIMIT {limit})",
            self.mark(1),
        );
        let delete = Statement::from_sql_and_values(self.backend(), sql, [Value::from(since)]);
        Ok(self.writer.execute_raw(delete).await?.rows_affected())
    }

    /// Forgets events that were accepted before `since` (milliseconds since 1970) and of which nothing waits, with their
    /// deliveries and attempts; `limit` events at the most, the oldest first. Counters stay as they are. Says how many
    /// events that were.
    pub async fn prune(&self, since: i64, limit: u64) -> Result<u64, StoreError> {
        let sql = format!(
            "SELECT id FROM fanfare_events WHERE id < {} AND NOT EXISTS (SELECT 1 FROM fanfare_deliveries \
             WHERE event_id = fanfare_events.id AND state IN (0, 1)) ORDER BY id LIMIT {limit}",
            self.mark(1),
        );
        let old = self.older(sql, since).await?;
        if old.is_empty() {
            return Ok(0);
        }
        let tx = immediate(&self.writer).await?;
        // One that is tried again meanwhile, perhaps at another node, waits: it stays, and so does its event.
        let ended = || delivery::Column::EventId.is_in(old.clone()).and(Expr::cust("state IN (2, 3, 4)"));
        let deliveries = delivery::Entity::find().select_only().column(delivery::Column::Id).filter(ended());
        let attempts = attempt::Column::DeliveryId.in_subquery(deliveries.into_query());
        attempt::Entity::delete_many().filter(attempts).exec(&tx).await?;
        delivery::Entity::delete_many().filter(ended()).exec(&tx).await?;
        let told = Expr::cust("NOT EXISTS (SELECT 1 FROM fanfare_deliveries WHERE event_id = fanfare_events.id)");
        let forgotten =
            event::Entity::delete_many().filter(event::Column::Id.is_in(old)).filter(told).exec(&tx).await?;
        tx.commit().await?;
        Ok(forgotten.rows_affected)
    }

    /// The ids that this finds below the first one of this time.
    async fn older(&self, sql: String, since: i64) -> Result<Vec<Uuid>, StoreError> {
        let find = Statement::from_sql_and_values(self.backend(), sql, [Value::from(first_id_of(since))]);
        Ok(Old::find_by_statement(find).all(&self.reader).await?.into_iter().map(|old| old.id).collect())
    }

    /// Forgets digests that were made before `since` (milliseconds since 1970) and of which no delivery is left, with
    /// their attempts; `limit` at the most, the oldest first. Says how many that were.
    pub async fn prune_digests(&self, since: i64, limit: u64) -> Result<u64, StoreError> {
        let sql = format!(
            "SELECT id FROM fanfare_digests WHERE id < {} AND NOT EXISTS (SELECT 1 FROM fanfare_deliveries \
             WHERE digest_id = fanfare_digests.id) ORDER BY id LIMIT {limit}",
            self.mark(1),
        );
        let old = self.older(sql, since).await?;
        if old.is_empty() {
            return Ok(0);
        }
        let tx = immediate(&self.writer).await?;
        attempt::Entity::delete_many().filter(attempt::Column::DeliveryId.is_in(old.clone())).exec(&tx).await?;
        let forgotten = digest::Entity::delete_many().filter(digest::Column::Id.is_in(old)).exec(&tx).await?;
        tx.commit().await?;
        Ok(forgotten.rows_affected)
    }
}

/// The smallest id that an event of this moment can have: ids are UUIDs of version 7, which begin with the time.
pub(crate) fn first_id_of(at: i64) -> Uuid {
    Uuid::from_u128(u128::try_from(at).unwrap_or(0) << 80)
}
