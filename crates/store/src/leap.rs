//! Moving everything that is to happen at some time, after the clock was set.

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, Statement, Value};

use crate::{Store, StoreError, commit::immediate};

/// How far PostgreSQL's clock may be from a node's for both to tell the same time, in milliseconds.
const NEAR: i64 = 5 * 60 * 1_000;

/// The time until which a clock was set last, on PostgreSQL: other nodes on that machine find that it is done.
const LEAPT: &str = "leapt";

/// What is moved: every time that somebody waits for, or from which a wait is counted.
const MOVED: &[&str] = &[
    "UPDATE fanfare_deliveries SET due_at = due_at + {by}, expires_at = expires_at + {by} WHERE state = 0",
    "UPDATE fanfare_deliveries SET held_at = held_at + {by}, expires_at = expires_at + {by} WHERE state = 1",
    // A notice that has arrived counts from then; the ledger goes on telling when that was by the clock of that time.
    "UPDATE fanfare_told SET seen_at = seen_at + {by}, \
     told_at = COALESCE((SELECT d.delivered_at FROM fanfare_deliveries AS d \
     WHERE d.id = fanfare_told.delivery_id AND d.state = 2), told_at) + {by}, \
     delivery_id = CASE WHEN EXISTS (SELECT 1 FROM fanfare_deliveries AS d \
     WHERE d.id = fanfare_told.delivery_id AND d.state = 2) THEN NULL ELSE delivery_id END",
    "UPDATE fanfare_digests SET due_at = due_at + {by}, expires_at = expires_at + {by}, since = since + {by}",
    "UPDATE fanfare_idempotency SET created_at = created_at + {by}",
    "UPDATE fanfare_lanes SET paused_until = paused_until + {by}",
];

impl Store {
    /// Moves what waits by so many milliseconds, after which it is `now`. False where that is not to be done: on
    /// PostgreSQL, whose clock all nodes share, where that one says that this node's clock is wrong now.
    pub async fn shift_times(&self, by: i64, now: i64) -> Result<bool, StoreError> {
        let tx = immediate(&self.writer).await?;
        if self.is_shared() {
            if (database_time(&tx).await? - now).abs() > NEAR {
                return Ok(false);
            }
            if !self.is_first_to_leap(&tx, now).await? {
                return Ok(true);
            }
        }
        for sql in MOVED {
            tx.execute_unprepared(&sql.replace("{by}", &format!("({by})"))).await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Whether no other node has moved everything to this time already; remembers that this one does.
    async fn is_first_to_leap(&self, tx: &DatabaseTransaction, now: i64) -> Result<bool, StoreError> {
        let sql = format!(
            "INSERT INTO fanfare_meta (name, value) VALUES ('{LEAPT}', $1::bigint::text) ON CONFLICT (name) DO UPDATE \
             SET value = excluded.value WHERE abs(fanfare_meta.value::bigint - $1::bigint) > {NEAR}"
        );
        let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, [Value::from(now)]);
        Ok(tx.execute_raw(statement).await?.rows_affected() > 0)
    }
}

/// What time it is by PostgreSQL's clock, in milliseconds since 1970.
async fn database_time(tx: &DatabaseTransaction) -> Result<i64, StoreError> {
    let sql = "SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::bigint AS now";
    let row = tx.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await?;
    row.map(|row| row.try_get("", "now")).transpose()?.ok_or_else(|| StoreError::corrupt("time", "there is none"))
}
