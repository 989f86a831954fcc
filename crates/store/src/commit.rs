//! The one transaction that carries everything that waits: accepted events and the outcomes of attempts.

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbBackend, EntityTrait, IntoActiveModel, QueryFilter,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait, Value,
    sea_query::{Condition, ExprTrait, OnConflict},
};
use uuid::Uuid;

use crate::{
    AttemptRow, DeliveryRow, DeliveryState, EventRow, LastRun, Store, StoreError,
    entity::{attempt, idempotency, job},
    rows::{DELIVERY, EVENT, MOST_ROWS, delivery_values, event_values, insert, marks, pieces},
};

/// An accepted event with all that is written for it.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// The event.
    pub event: EventRow,
    /// One delivery per target.
    pub deliveries: Vec<DeliveryRow>,
    /// What recognises a repeat of the request.
    pub key: Option<KnownKey>,
    /// For a run of a job: what the job shows as its last one.
    pub last_run: Option<LastRun>,
}

/// An idempotency key with the answer that was given first.
#[derive(Clone, Debug)]
pub struct KnownKey {
    /// The token and endpoint within which the key counts.
    pub scope: String,
    /// The key.
    pub key: String,
    /// A hash of the first request's body.
    pub body_hash: Vec<u8>,
    /// The first answer.
    pub answer: String,
}

/// How an attempt ended and what follows.
#[derive(Clone, Debug)]
pub struct Attempted {
    /// The delivery.
    pub delivery_id: Uuid,
    /// What follows.
    pub next: Next,
    /// How many attempts it counts as: 0 for one that a rate limit turned away.
    pub counts: i32,
    /// When it began, in milliseconds since 1970.
    pub at: i64,
    /// How long it took, in milliseconds.
    pub duration_ms: i64,
    /// The status that was answered.
    pub status: Option<i32>,
    /// One word: `delivered`, or the kind of failure.
    pub outcome: &'static str,
    /// The other side's words, or what went wrong.
    pub detail: String,
    /// Whether it may have arrived all the same.
    pub possibly_duplicate: bool,
    /// For a failed attempt: its id and what was sent.
    pub failure: Option<(Uuid, Option<String>)>,
}

/// What follows from an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It was delivered.
    Delivered,
    /// Another attempt at this time, in milliseconds since 1970.
    Again(i64),
    /// The channel has been disabled meanwhile; another attempt once it is enabled.
    Held,
    /// Given up.
    Dead,
}

/// A transaction in the making. Dropped without [`Commit::finish`], nothing of it happened.
#[derive(Debug)]
pub struct Commit {
    tx: DatabaseTransaction,
    owner: i64,
    accepted: i64,
    change: [i64; DeliveryState::ALL.len()],
}

impl Store {
    /// Begins a transaction for events and outcomes.
    pub async fn begin(&self) -> Result<Commit, StoreError> {
        let tx = immediate(&self.writer).await?;
        Ok(Commit { tx, owner: self.owner, accepted: 0, change: Default::default() })
    }

    /// Which owner to write into deliveries that this node takes into memory.
    pub fn owner(&self) -> i64 {
        self.owner
    }
}

/// A transaction that may write after reading: SQLite takes the write lock at once.
pub(crate) async fn immediate(db: &sea_orm::DatabaseConnection) -> Result<DatabaseTransaction, StoreError> {
    let options =
        TransactionOptions { sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate), ..Default::default() };
    Ok(db.begin_with_options(options).await?)
}

impl Commit {
    /// Which of these keys were used since `since` (milliseconds since 1970).
    pub async fn known_keys(&self, keys: &[(&str, &str)], since: i64) -> Result<Vec<KnownKey>, StoreError> {
        let mut known = Vec::new();
        for keys in keys.chunks(MOST_ROWS) {
            let any = keys.iter().fold(Condition::any(), |any, (scope, key)| {
                any.add(idempotency::Column::Scope.eq(*scope).and(idempotency::Column::Key.eq(*key)))
            });
            let recent = idempotency::Column::CreatedAt.gte(since);
            let rows = idempotency::Entity::find().filter(any).filter(recent).all(&self.tx).await?;
            known.extend(rows.into_iter().map(|row| KnownKey {
                scope: row.scope,
                key: row.key,
                body_hash: row.body_hash,
                answer: row.answer,
            }));
        }
        Ok(known)
    }

    /// Writes accepted events with their deliveries.
    pub async fn insert(&mut self, events: Vec<NewEvent>) -> Result<(), StoreError> {
        let (mut rows, mut deliveries, mut keys) = (Vec::with_capacity(events.len()), Vec::new(), Vec::new());
        for new in events {
            if let (Some(last_run), Some(job_id)) = (new.last_run, new.event.job_id) {
                self.set_last_run(job_id, &last_run).await?;
            }
            keys.extend(new.key.map(|key| (key, new.event.created_at)));
            rows.push(new.event);
            for delivery in new.deliveries {
                if !delivery.test {
                    self.accepted += 1;
                    self.change[delivery.state as usize] += 1;
                }
                deliveries.push(delivery);
            }
        }
        let backend = self.tx.get_database_backend();
        for chunk in pieces(rows) {
            self.tx.execute_raw(insert(backend, "fanfare_events", &EVENT, chunk.into_iter().map(event_values))).await?;
        }
        for chunk in pieces(deliveries) {
            let rows = chunk.into_iter().map(delivery_values);
            self.tx.execute_raw(insert(backend, "fanfare_deliveries", &DELIVERY, rows)).await?;
        }
        for (key, created_at) in keys {
            self.insert_key(key, created_at).await?;
        }
        Ok(())
    }

    /// Writes failed attempts of deliveries that are inserted in the same transaction, such as tests.
    pub async fn insert_attempts(&self, rows: Vec<AttemptRow>) -> Result<(), StoreError> {
        for chunk in pieces(rows.into_iter().map(|row| clean_attempt(row).into_active_model()).collect()) {
            attempt::Entity::insert_many(chunk).exec_without_returning(&self.tx).await?;
        }
        Ok(())
    }

    /// Records outcomes of attempts. Only what this start of the node owns and is still pending changes.
    pub async fn record(&mut self, attempted: Vec<Attempted>) -> Result<(), StoreError> {
        let mut failures = Vec::new();
        let mut by_state: [Vec<Attempted>; DeliveryState::ALL.len()] = Default::default();
        for mut one in attempted {
            if let Some((id, payload)) = one.failure.take() {
                failures.push(AttemptRow {
                    id,
                    delivery_id: one.delivery_id,
                    at: one.at,
                    duration_ms: one.duration_ms,
                    status: one.status,
                    outcome: one.outcome.into(),
                    detail: one.detail.clone(),
                    payload,
                });
            }
            by_state[state_after(one.next) as usize].push(one);
        }
        self.insert_attempts(failures).await?;
        for (state, group) in DeliveryState::ALL.into_iter().zip(by_state) {
            for chunk in pieces(group) {
                let recorded =
                    self.tx.execute_raw(record_statement(self.tx.get_database_backend(), self.owner, state, chunk));
                let recorded = i64::try_from(recorded.await?.rows_affected()).unwrap_or(i64::MAX);
                self.change[DeliveryState::Pending as usize] -= recorded;
                self.change[state as usize] += recorded;
            }
        }
        Ok(())
    }

    /// Moves the counters and commits. Everything of this transaction is on disk afterwards.
    pub async fn finish(self) -> Result<(), StoreError> {
        change_counters(&self.tx, self.accepted, self.change).await?;
        Ok(self.tx.commit().await?)
    }

    async fn set_last_run(&self, job_id: Uuid, last_run: &LastRun) -> Result<(), StoreError> {
        let document = serde_json::to_string(last_run).map_err(|e| StoreError::corrupt("last run", e))?;
        job::Entity::update_many()
            .col_expr(job::Column::LastRun, document.into())
            .filter(job::Column::Id.eq(job_id))
            .exec(&self.tx)
            .await?;
        Ok(())
    }

    /// An expired key of the same name is overwritten.
    async fn insert_key(&self, key: KnownKey, created_at: i64) -> Result<(), StoreError> {
        let row = idempotency::ActiveModel {
            scope: Set(clean(key.scope)),
            key: Set(clean(key.key)),
            body_hash: Set(key.body_hash),
            answer: Set(key.answer),
            created_at: Set(created_at),
        };
        let replace = OnConflict::columns([idempotency::Column::Scope, idempotency::Column::Key])
            .update_columns([
                idempotency::Column::BodyHash,
                idempotency::Column::Answer,
                idempotency::Column::CreatedAt,
            ])
            .to_owned();
        idempotency::Entity::insert(row).on_conflict(replace).exec_without_returning(&self.tx).await?;
        Ok(())
    }
}

/// Adds to the counters; `change` is by state. Nothing is written where nothing changes.
pub(crate) async fn change_counters(
    db: &impl ConnectionTrait,
    accepted: i64,
    change: [i64; DeliveryState::ALL.len()],
) -> Result<(), StoreError> {
    let states = DeliveryState::ALL.into_iter().map(|state| (state.number(), change[state as usize]));
    let changes: Vec<_> = [(ACCEPTED, accepted)].into_iter().chain(states).filter(|(_, by)| *by != 0).collect();
    if changes.is_empty() {
        return Ok(());
    }
    // The numbers are ours, and few: written out they need no binding.
    let cases: String = changes.iter().map(|(state, by)| format!(" WHEN {state} THEN {by}")).collect();
    let states = changes.iter().map(|(state, _)| state.to_string()).collect::<Vec<_>>().join(", ");
    let sql =
        format!("UPDATE fanfare_counters SET value = value + CASE state{cases} ELSE 0 END WHERE state IN ({states})");
    db.execute_unprepared(&sql).await?;
    Ok(())
}

/// Where the counter of all accepted deliveries stands among those of the states.
pub(crate) const ACCEPTED: i16 = -1;

fn state_after(next: Next) -> DeliveryState {
    match next {
        Next::Delivered => DeliveryState::Delivered,
        Next::Again(_) => DeliveryState::Pending,
        Next::Held => DeliveryState::Held,
        Next::Dead => DeliveryState::Dead,
    }
}

/// One UPDATE for many rows, whose values come as a table of their own.
fn record_statement(backend: DbBackend, owner: i64, state: DeliveryState, rows: Vec<Attempted>) -> Statement {
    const TYPES: [&str; 9] = ["uuid", "integer", "bigint", "bigint", "bigint", "integer", "text", "text", "boolean"];
    let mut values: Vec<Value> = Vec::with_capacity(rows.len() * TYPES.len());
    let table = marks(backend, rows.len(), &TYPES);
    for row in rows {
        let due_at = match row.next {
            Next::Again(at) => Some(at),
            _ => None,
        };
        values.extend([
            row.delivery_id.into(),
            row.counts.into(),
            due_at.into(),
            row.at.into(),
            row.duration_ms.into(),
            row.status.into(),
            row.outcome.into(),
            clean(row.detail).into(),
            row.possibly_duplicate.into(),
        ]);
    }
    let delivered_at = if state == DeliveryState::Delivered { "v.at + v.duration_ms" } else { "NULL" };
    let held_at = if state == DeliveryState::Held { "v.at + v.duration_ms" } else { "NULL" };
    let state = state.number();
    let sql = format!(
        "WITH v (id, counts, due_at, at, duration_ms, status, outcome, detail, possibly_duplicate) AS (VALUES {table}) \
         UPDATE fanfare_deliveries SET state = {state}, attempts = attempts + v.counts, due_at = v.due_at, owner = NULL, \
         held_at = {held_at}, delivered_at = {delivered_at}, last_attempt_at = v.at, last_duration_ms = v.duration_ms, \
         last_status = v.status, last_outcome = v.outcome, last_detail = v.detail, \
         possibly_duplicate = fanfare_deliveries.possibly_duplicate OR v.possibly_duplicate \
         FROM v WHERE fanfare_deliveries.id = v.id AND fanfare_deliveries.state = 0 \
         AND fanfare_deliveries.owner = {owner}"
    );
    Statement::from_sql_and_values(backend, sql, values)
}

/// U+0000 cannot be stored in PostgreSQL's text.
pub(crate) fn clean(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

fn clean_attempt(row: AttemptRow) -> AttemptRow {
    AttemptRow { detail: clean(row.detail), payload: row.payload.map(clean), ..row }
}
