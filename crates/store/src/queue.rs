//! The pending deliveries that no node has in memory, and what moves them.

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, FromQueryResult, QueryFilter, Statement, Value,
    sea_query::{Condition, Expr, ExprTrait},
};
use uuid::Uuid;

use crate::{
    CHANNEL_DELETED, DeliveryRow, DeliveryState, EventRow, Store, StoreError,
    commit::immediate,
    counters::Counts,
    digest::{self, FROZEN},
    entity::{delivery, event},
    follow::FREE,
    listen::{tell, tell_of_many},
};

/// A delivery that this node has taken, with the event it tells of.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The delivery.
    pub delivery: DeliveryRow,
    /// Its event; none where the ledger has lost it.
    pub event: Option<EventRow>,
}

/// A place among the deliveries that may be tried again.
#[derive(Clone, Copy, Debug, FromQueryResult)]
pub struct Stalled {
    /// When it is due, for a pending one.
    pub due_at: i64,
    /// The delivery.
    pub id: Uuid,
}

/// How many deliveries are tried again at once.
const SLICE: usize = 500;

/// What waits for one channel in the database.
#[derive(Clone, Copy, Debug, FromQueryResult)]
pub struct Waiting {
    /// The channel.
    pub channel_id: Uuid,
    /// When the first of it is due, in milliseconds since 1970.
    pub due_at: i64,
}

impl Store {
    /// What waits in the database, by channel.
    pub async fn waiting(&self) -> Result<Vec<Waiting>, StoreError> {
        // One step into the index for each channel, however much waits.
        let due = due_of("fanfare_channels.id");
        let sql = format!(
            "SELECT * FROM (SELECT id AS channel_id, ({due}) AS due_at FROM fanfare_channels) AS waiting \
             WHERE due_at IS NOT NULL"
        );
        let statement = Statement::from_string(self.backend(), sql);
        Ok(Waiting::find_by_statement(statement).all(&self.writer).await?)
    }

    /// When the first delivery that waits for this channel is due.
    pub async fn next_due(&self, channel_id: Uuid) -> Result<Option<i64>, StoreError> {
        #[derive(FromQueryResult)]
        struct Due {
            due_at: Option<i64>,
        }
        let (sql, values) = match self.backend() {
            DbBackend::Postgres => (due_of("$1"), vec![Value::from(channel_id)]),
            _ => (due_of("?"), vec![Value::from(channel_id); 2]),
        };
        let statement = Statement::from_sql_and_values(self.backend(), sql, values);
        Ok(Due::find_by_statement(statement).one(&self.writer).await?.and_then(|row| row.due_at))
    }

    /// Takes up to `limit` due deliveries of a channel for this node, oldest first, but for those that wait for others.
    pub async fn claim(&self, channel_id: Uuid, limit: u64, now: i64) -> Result<Vec<Claimed>, StoreError> {
        let sql = self.claim_sql(limit);
        let values = [Value::from(channel_id), Value::from(now)];
        let statement = Statement::from_sql_and_values(self.backend(), sql, values);
        // In one transaction: what is taken and then cannot be read must not stay taken.
        let tx = immediate(&self.writer).await?;
        let mut deliveries = DeliveryRow::find_by_statement(statement).all(&tx).await?;
        deliveries.sort_by_key(|row| (row.due_at, row.id));
        let ids: std::collections::BTreeSet<Uuid> = deliveries.iter().map(|row| row.event_id).collect();
        let events = event::Entity::find().filter(event::Column::Id.is_in(ids)).all(&tx).await?;
        tx.commit().await?;
        let events: std::collections::HashMap<_, _> = events.into_iter().map(|row| (row.id, row)).collect();
        let with_event = |delivery: DeliveryRow| Claimed { event: events.get(&delivery.event_id).cloned(), delivery };
        Ok(deliveries.into_iter().map(with_event).collect())
    }

    /// The statement that takes what is due for a channel: its channel and the time are to be bound.
    fn claim_sql(&self, limit: u64) -> String {
        let lock = if self.backend() == DbBackend::Postgres { " FOR UPDATE SKIP LOCKED" } else { "" };
        format!(
            "UPDATE fanfare_deliveries SET owner = {} WHERE id IN (SELECT id FROM fanfare_deliveries \
             WHERE state = 0 AND owner IS NULL AND channel_id = {} AND due_at <= {} AND {FREE} \
             ORDER BY due_at, id LIMIT {limit}{lock}) RETURNING *",
            self.owner(),
            self.mark(1),
            self.mark(2),
        )
    }

    /// The deliveries and digests that belong to this node by the database's word.
    pub async fn owned(&self) -> Result<Vec<Uuid>, StoreError> {
        let owner = self.owner();
        let sql = format!(
            "SELECT id FROM fanfare_deliveries WHERE state = 0 AND owner = {owner} \
             UNION ALL SELECT id FROM fanfare_digests WHERE owner = {owner}"
        );
        let rows = self.writer.query_all_raw(Statement::from_string(self.backend(), sql)).await?;
        rows.into_iter().map(|row| Ok(row.try_get("", "id")?)).collect()
    }

    /// Gives deliveries and digests that this node has in memory back to the database, due at once.
    pub async fn release(&self, ids: Vec<Uuid>) -> Result<(), StoreError> {
        for ids in crate::rows::pieces(ids) {
            self.release_digests(ids.clone()).await?;
            delivery::Entity::update_many()
                .col_expr(delivery::Column::Owner, Expr::value(Option::<i64>::None))
                .filter(Expr::cust("state = 0"))
                .filter(delivery::Column::Owner.eq(self.owner()))
                .filter(delivery::Column::Id.is_in(ids))
                .exec(&self.writer)
                .await?;
        }
        Ok(())
    }

    /// Holds what is pending for a channel that is being disabled, but for what is in flight, and for what other
    /// nodes have in memory: they do the same.
    pub async fn hold(&self, channel_id: Uuid, in_flight: Vec<Uuid>, now: i64) -> Result<u64, StoreError> {
        let mine = self.mine();
        let to = DeliveryState::Held;
        self.shift(DeliveryState::Pending, to, channel_id, in_flight, |update| {
            update
                .filter(mine)
                // What is in a digest stays in it.
                .col_expr(delivery::Column::Owner, Expr::cust(format!("CASE WHEN owner = {FROZEN} THEN {FROZEN} END")))
                .col_expr(delivery::Column::DueAt, Expr::value(Option::<i64>::None))
                .col_expr(delivery::Column::HeldAt, Expr::value(now))
        })
        .await
    }

    /// Suppresses what waits for a channel that another node has deleted, but for what is in flight: free, or in this
    /// node's memory.
    pub async fn suppress(&self, channel_id: Uuid, in_flight: Vec<Uuid>) -> Result<u64, StoreError> {
        let mine = self.mine();
        let pending = DeliveryState::Pending;
        let suppress = |update| suppressed(update).filter(mine);
        self.shift(pending, DeliveryState::Suppressed, channel_id, in_flight, suppress).await
    }

    /// Makes what was held for a channel pending again, due at once. Its life goes on where it stopped.
    pub async fn unhold(&self, channel_id: Uuid, now: i64) -> Result<u64, StoreError> {
        let tx = immediate(&self.writer).await?;
        let (from, to) = (DeliveryState::Held, DeliveryState::Pending);
        let moved = shift(&tx, self.owner(), from, to, channel_id, &[], |update| {
            update
                .col_expr(delivery::Column::DueAt, Expr::value(now))
                .col_expr(delivery::Column::ExpiresAt, Expr::cust(format!("expires_at + {now} - held_at")))
                .col_expr(delivery::Column::HeldAt, Expr::value(Option::<i64>::None))
        })
        .await?;
        digest::wake(&tx, channel_id, now).await?;
        tx.commit().await?;
        Ok(moved)
    }

    /// A slice of the dead, or of the pending that are due later, of one channel: what comes after `after`, in an order
    /// that an index has. What was attempted at `now` or later is left out, so that going through all slices ends.
    pub async fn stalled(
        &self,
        state: DeliveryState,
        channel_id: Uuid,
        event_type: Option<&str>,
        after: Option<Stalled>,
        now: i64,
    ) -> Result<Vec<Stalled>, StoreError> {
        let is_pending = state == DeliveryState::Pending;
        let first = if is_pending { Uuid::max() } else { Uuid::nil() };
        let after = after.unwrap_or(Stalled { due_at: now, id: first });
        let mut values = vec![Value::from(channel_id), Value::from(after.id)];
        let mut mark = |value: Value| {
            values.push(value);
            self.mark(values.len())
        };
        let of_type = event_type.map(|name| format!(" AND event_type = {}", mark(name.into()))).unwrap_or_default();
        let (due, place, order) = if is_pending {
            let due = after.due_at;
            let place = format!("owner IS NULL AND due_at >= {due} AND (due_at > {due} OR id > {})", self.mark(2));
            ("due_at", place, "due_at, id")
        } else {
            ("CAST(0 AS BIGINT)", format!("id > {}", self.mark(2)), "id")
        };
        let sql = format!(
            "SELECT {due} AS due_at, id FROM fanfare_deliveries WHERE state = {} AND channel_id = {} AND {place} \
             AND test = FALSE AND (last_attempt_at IS NULL OR last_attempt_at < {now}){of_type} \
             ORDER BY {order} LIMIT {SLICE}",
            state.number(),
            self.mark(1),
        );
        let statement = Statement::from_sql_and_values(self.backend(), sql, values);
        Ok(Stalled::find_by_statement(statement).all(&self.reader).await?)
    }

    /// Makes these dead or pending deliveries due at once, with a new life until `expires_at`; where their channel is
    /// disabled, holds them. Says how many: those that stand in another state, or in a lane's memory, stay as they are.
    ///
    /// Of a digest that waits for its next attempt all members are: it can only be sent as it is frozen. Of one that has
    /// been given up, those that are named go by themselves from now on.
    pub async fn revive(&self, ids: Vec<Uuid>, hold: bool, now: i64, expires_at: i64) -> Result<u64, StoreError> {
        let to = if hold { DeliveryState::Held } else { DeliveryState::Pending };
        let (due_at, held_at) = if hold { (None, Some(now)) } else { (Some(now), None) };
        let tx = immediate(&self.writer).await?;
        let mut revived = 0;
        // In this order nothing is met twice.
        for from in [DeliveryState::Pending, DeliveryState::Dead] {
            let update = delivery::Entity::update_many()
                .col_expr(delivery::Column::State, Expr::value(to.number()))
                .col_expr(delivery::Column::DueAt, Expr::value(due_at))
                .col_expr(delivery::Column::HeldAt, Expr::value(held_at))
                .col_expr(delivery::Column::ExpiresAt, Expr::value(expires_at))
                .col_expr(delivery::Column::Owner, Expr::value(Option::<i64>::None))
                .col_expr(delivery::Column::DigestCount, Expr::value(Option::<i32>::None))
                .filter(delivery::Column::Id.is_in(ids.iter().copied()))
                .filter(delivery::Column::Test.eq(false))
                .filter(Expr::cust(format!("state = {}", from.number())));
            // What is dead is nobody's, also where it was given up as part of a digest.
            let update = match from {
                DeliveryState::Dead => update,
                _ => update.filter(delivery::Column::Owner.is_null()),
            };
            let count = update.exec(&tx).await?.rows_affected;
            if count > 0 && from != to {
                tx.execute_raw(Counts::moved(from, to, count).add(self.backend(), self.owner())).await?;
            }
            revived += count;
        }
        let together = if hold { 0 } else { digest::revive(&tx, &ids, now, expires_at).await? };
        if self.is_shared() {
            tx.execute_raw(tell(if together == 0 { &ids } else { &[] })).await?;
        }
        tx.commit().await?;
        Ok(revived + together)
    }

    /// Moves what waits for a channel at this node elsewhere.
    async fn shift(
        &self,
        from: DeliveryState,
        to: DeliveryState,
        channel_id: Uuid,
        except: Vec<Uuid>,
        set: impl FnOnce(sea_orm::UpdateMany<delivery::Entity>) -> sea_orm::UpdateMany<delivery::Entity>,
    ) -> Result<u64, StoreError> {
        let tx = immediate(&self.writer).await?;
        let moved = shift(&tx, self.owner(), from, to, channel_id, &except, set).await?;
        digest::rest(&tx, channel_id, &except, Some(self.owner())).await?;
        tx.commit().await?;
        Ok(moved)
    }

    pub(crate) fn backend(&self) -> DbBackend {
        self.writer.get_database_backend()
    }

    /// What this node may move: what is free, and what it has in memory itself, alone or in a digest.
    fn mine(&self) -> Condition {
        let in_digest = format!(
            "owner = {FROZEN} AND digest_id IN (SELECT id FROM fanfare_digests WHERE owner IS NULL OR owner = {})",
            self.owner()
        );
        Condition::any()
            .add(delivery::Column::Owner.is_null())
            .add(delivery::Column::Owner.eq(self.owner()))
            .add(Expr::cust(in_digest))
    }

    pub(crate) fn mark(&self, number: usize) -> String {
        if self.backend() == DbBackend::Postgres { format!("${number}") } else { "?".into() }
    }
}

/// What is written into a delivery whose channel was deleted.
fn suppressed(update: sea_orm::UpdateMany<delivery::Entity>) -> sea_orm::UpdateMany<delivery::Entity> {
    update
        .col_expr(delivery::Column::Owner, Expr::value(Option::<i64>::None))
        .col_expr(delivery::Column::LastDetail, CHANNEL_DELETED.into())
}

/// Suppresses all that waits for a channel that is being deleted, but for what is in flight here.
pub(crate) async fn suppress_all(
    tx: &impl ConnectionTrait,
    owner: i64,
    channel_id: Uuid,
    in_flight: &[Uuid],
) -> Result<(), StoreError> {
    for state in [DeliveryState::Pending, DeliveryState::Held] {
        shift(tx, owner, state, DeliveryState::Suppressed, channel_id, in_flight, suppressed).await?;
    }
    digest::rest(tx, channel_id, in_flight, None).await
}

/// When the first is due of what waits in the database for a channel.
fn due_of(channel: &str) -> String {
    format!(
        "SELECT MIN(due_at) AS due_at FROM (SELECT MIN(due_at) AS due_at FROM fanfare_deliveries \
         WHERE state = 0 AND owner IS NULL AND channel_id = {channel} UNION ALL SELECT MIN(due_at) FROM fanfare_digests \
         WHERE due_at IS NOT NULL AND owner IS NULL AND channel_id = {channel}) AS waiting"
    )
}

/// Moves a channel's deliveries from one state to another, with the counters.
async fn shift(
    tx: &impl ConnectionTrait,
    owner: i64,
    from: DeliveryState,
    to: DeliveryState,
    channel_id: Uuid,
    except: &[Uuid],
    set: impl FnOnce(sea_orm::UpdateMany<delivery::Entity>) -> sea_orm::UpdateMany<delivery::Entity>,
) -> Result<u64, StoreError> {
    // The state stands in the text, because a partial index serves no bound value.
    let update = delivery::Entity::update_many()
        .col_expr(delivery::Column::State, Expr::value(to.number()))
        .filter(Expr::cust(format!("state = {}", from.number())))
        .filter(delivery::Column::ChannelId.eq(channel_id))
        .filter(delivery::Column::Id.is_not_in(except.iter().copied()))
        .filter(delivery::Column::DigestId.is_null().or(delivery::Column::DigestId.is_not_in(except.iter().copied())));
    let moved = set(update).exec(tx).await?.rows_affected;
    if moved > 0 {
        tx.execute_raw(Counts::moved(from, to, moved).add(tx.get_database_backend(), owner)).await?;
        tell_of_many(tx).await?;
    }
    Ok(moved)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::{Keyring, StoreOptions};

    /// However much waits, a claim is one walk along the index.
    #[tokio::test]
    async fn a_claim_uses_its_index() {
        let dir = tempfile::tempdir().unwrap();
        let keyring = Keyring::parse(&Keyring::generate()).unwrap();
        let options = StoreOptions::sqlite(dir.path().join("x.db"), keyring);
        let store = Store::open(&options, Timestamp::UNIX_EPOCH).await.unwrap();
        let sql = format!("EXPLAIN QUERY PLAN {}", store.claim_sql(512));
        let values = [Value::from(Uuid::nil()), Value::from(0_i64)];
        let rows = store.writer.query_all_raw(Statement::from_sql_and_values(store.backend(), sql, values));
        let steps: Vec<String> = rows.await.unwrap().iter().map(|row| row.try_get("", "detail").unwrap()).collect();
        let found =
            |step: &&String| step.contains("INDEX fanfare_deliveries_due (owner=? AND channel_id=? AND due_at<?)");
        assert!(steps.iter().find(found).is_some(), "{steps:?}");
        assert!(steps.iter().all(|step| !step.starts_with("SCAN") && !step.contains("TEMP B-TREE")), "{steps:?}");
    }
}
