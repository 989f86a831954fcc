//! What time ends: deliveries that were held for too long, and idempotency keys that count no more. Both are taken
//! in slices, so that nobody waits long for the one that writes.

use sea_orm::{ConnectionTrait, Statement, Value};

use crate::{DeliveryState, Store, StoreError, commit::immediate, counters::Counts};

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
}
