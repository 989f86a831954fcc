//! Which starts of nodes are alive, and so whose deliveries are whose; and which state of the configuration is the
//! latest.
//!
//! On SQLite one node has the database for itself. On PostgreSQL every node holds a lease on its own row, by the
//! database's clock alone, so that the clocks of nodes may differ. Whoever finds a lease expired takes the row away
//! and frees what it owned. A node that comes back finds its row missing, and begins again under a new number; what
//! it had in memory is no longer its own.

use std::{sync::atomic::Ordering, time::Duration};

use jiff::Timestamp;
use sea_orm::{ActiveValue::Set, ConnectionTrait, DbBackend, EntityTrait, Statement, TransactionTrait, Value};

use crate::{
    Store, StoreError,
    commit::immediate,
    counters::upsert,
    digest,
    entity::{meta, node},
};

/// Where the number of the configuration's state is kept.
const CONFIGURATION: &str = "configuration";

/// Now, by PostgreSQL's clock, in milliseconds since 1970. Not the time of the transaction: it may have waited.
const NOW: &str = "(EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::bigint";

impl Store {
    /// Whether other nodes may work on the same database.
    pub fn is_shared(&self) -> bool {
        self.backend() == DbBackend::Postgres
    }

    /// Which owner to write into deliveries that this node takes into memory.
    pub fn owner(&self) -> i64 {
        self.owner.load(Ordering::Acquire)
    }

    /// Begins under a new number. On SQLite, what an earlier start had in memory is free at once.
    pub async fn join(&self, now: Timestamp) -> Result<(), StoreError> {
        let tx = immediate(&self.writer).await?;
        if !self.is_shared() {
            node::Entity::delete_many().exec(&tx).await?;
            free_orphans(&tx).await?;
        }
        let now = now.as_millisecond();
        let row = node::ActiveModel { started_at: Set(now), seen_at: Set(now), ..Default::default() };
        let id = node::Entity::insert(row).exec(&tx).await?.last_insert_id;
        if self.is_shared() {
            renew(&tx, id).await?;
        }
        tx.commit().await?;
        self.owner.store(id, Ordering::Release);
        Ok(())
    }

    /// Finds out whether something can be written, by writing where this start of the node has been seen. On SQLite
    /// this is done where everything is written that is accepted.
    pub async fn prove(&self, now: Timestamp) -> Result<(), StoreError> {
        let Some(direct) = &self.direct else { return self.renew_lease().await.map(drop) };
        let row = [Value::from(now.as_millisecond()), Value::from(self.owner())];
        direct.transaction(|tx| {
            tx.each("UPDATE fanfare_nodes SET seen_at = ? WHERE id = ?", std::iter::once(row)).map(drop)
        })
    }

    /// Renews this node's lease. False: it has expired, and another node has taken over.
    pub async fn renew_lease(&self) -> Result<bool, StoreError> {
        renew(&self.writer, self.owner()).await
    }

    /// Frees what belonged to nodes whose lease has not been renewed for so long. Says how many deliveries that are.
    pub async fn take_over(&self, expiry: Duration) -> Result<u64, StoreError> {
        let tx = self.writer.begin().await?;
        let sql = format!("DELETE FROM fanfare_nodes WHERE id <> $1 AND seen_at < {NOW} - $2");
        let expiry = i64::try_from(expiry.as_millis()).unwrap_or(i64::MAX);
        let values = [Value::from(self.owner()), expiry.into()];
        tx.execute_raw(Statement::from_sql_and_values(DbBackend::Postgres, sql, values)).await?;
        let freed = free_orphans(&tx).await?;
        tx.execute_unprepared(&fold()).await?;
        tx.commit().await?;
        Ok(freed)
    }

    /// Ends this start: nothing is its own any more.
    pub async fn leave(&self) -> Result<(), StoreError> {
        node::Entity::delete_by_id(self.owner()).exec(&self.writer).await?;
        Ok(())
    }

    /// The number of the configuration's latest state. Every change raises it.
    pub async fn configuration(&self) -> Result<i64, StoreError> {
        let row = meta::Entity::find_by_id(CONFIGURATION).one(&self.writer).await?;
        Ok(row.and_then(|row| row.value.parse().ok()).unwrap_or(0))
    }

    /// Says that the configuration changes with this transaction, so that other nodes read it again.
    pub async fn touch(&self, tx: &impl ConnectionTrait) -> Result<(), StoreError> {
        let sql = "INSERT INTO fanfare_meta (name, value) VALUES ('configuration', '1') ON CONFLICT (name) \
                   DO UPDATE SET value = CAST(CAST(fanfare_meta.value AS BIGINT) + 1 AS TEXT)";
        tx.execute_unprepared(sql).await?;
        Ok(())
    }
}

async fn renew(db: &impl ConnectionTrait, id: i64) -> Result<bool, StoreError> {
    let sql = format!("UPDATE fanfare_nodes SET seen_at = {NOW} WHERE id = $1");
    let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, [Value::from(id)]);
    Ok(db.execute_raw(statement).await?.rows_affected() > 0)
}

/// Adds what nodes that are gone have counted to the slot that belongs to nobody.
fn fold() -> String {
    format!(
        "WITH gone AS (DELETE FROM fanfare_counters WHERE slot <> 0 AND slot NOT IN (SELECT id FROM fanfare_nodes) \
         RETURNING state, value), sums AS (SELECT state, SUM(value)::bigint AS value FROM gone GROUP BY state) {}",
        upsert("SELECT 0, state, value FROM sums ORDER BY state")
    )
}

/// Frees what belongs to no start that is known. It was in somebody's memory, so it may have been sent.
async fn free_orphans(tx: &impl ConnectionTrait) -> Result<u64, StoreError> {
    let sql = "UPDATE fanfare_deliveries SET owner = NULL, possibly_duplicate = TRUE \
               WHERE state = 0 AND owner > 0 AND owner NOT IN (SELECT id FROM fanfare_nodes)";
    let freed = tx.execute_unprepared(sql).await?.rows_affected();
    Ok(freed + digest::free_orphans(tx).await?)
}
