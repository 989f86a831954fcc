//! The one transaction that carries everything that waits: accepted events and the outcomes of attempts.

use std::collections::BTreeMap;

use sea_orm::{
    ColumnTrait, DatabaseConnection, DatabaseTransaction, DbBackend, EntityTrait, QueryFilter, SqliteTransactionMode,
    Statement, TransactionOptions, TransactionTrait, Value,
    sea_query::{Condition, ExprTrait},
};
use uuid::Uuid;

use crate::{
    AttemptRow, DeliveryRow, DeliveryState, EventRow, LastRun, Store, StoreError,
    counters::Counts,
    entity::idempotency,
    rows::{MOST_ROWS, pieces},
    script::Script,
    tables::{self, clean},
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

/// What one transaction is to write, gathered before any of it is written.
#[derive(Debug, Default)]
pub struct Commit {
    events: Vec<EventRow>,
    deliveries: Vec<DeliveryRow>,
    attempts: Vec<AttemptRow>,
    outcomes: [Vec<Attempted>; DeliveryState::ALL.len()],
    /// A later key of the same name takes the place of an earlier one.
    keys: BTreeMap<(String, String), (KnownKey, i64)>,
    last_runs: BTreeMap<Uuid, LastRun>,
}

impl Commit {
    /// Adds an accepted event with its deliveries.
    pub fn insert(&mut self, new: NewEvent) {
        if let (Some(last_run), Some(job_id)) = (new.last_run, new.event.job_id) {
            self.last_runs.insert(job_id, last_run);
        }
        if let Some(key) = new.key {
            let key = KnownKey { scope: clean(key.scope), key: clean(key.key), ..key };
            self.keys.insert((key.scope.clone(), key.key.clone()), (key, new.event.created_at));
        }
        self.events.push(new.event);
        self.deliveries.extend(new.deliveries);
    }

    /// Adds a failed attempt of a delivery that is inserted in the same transaction, such as a test.
    pub fn insert_attempt(&mut self, row: AttemptRow) {
        self.attempts.push(row);
    }

    /// Adds the outcome of an attempt. Only what this start of the node owns and is still pending changes.
    pub fn record(&mut self, mut attempted: Attempted) {
        if let Some((id, payload)) = attempted.failure.take() {
            self.attempts.push(AttemptRow {
                id,
                delivery_id: attempted.delivery_id,
                at: attempted.at,
                duration_ms: attempted.duration_ms,
                status: attempted.status,
                outcome: attempted.outcome.into(),
                detail: attempted.detail.clone(),
                payload,
            });
        }
        self.outcomes[state_after(attempted.next) as usize].push(attempted);
    }

    /// How the counters change by what is inserted.
    fn births(&self) -> Counts {
        let mut counts = Counts::default();
        for delivery in self.deliveries.iter().filter(|delivery| !delivery.test) {
            counts.accepted += 1;
            counts.states[delivery.state as usize] += 1;
        }
        counts
    }

    fn script(self, backend: DbBackend, owner: i64) -> Result<Script, StoreError> {
        let births = self.births();
        let mut events = pieces(self.events);
        let mut deliveries = pieces(self.deliveries);
        let mut attempts = pieces(self.attempts);
        let mut keys = pieces(self.keys.into_values().collect());
        let mut last_runs = pieces(self.last_runs.into_iter().collect());
        let mut outcomes = self.outcomes.map(pieces);
        let mut script = Script::default();
        let mut births = (births != Counts::default()).then_some(births);
        loop {
            let mut round = Vec::new();
            if let Some(rows) = events.next() {
                let rows = rows.into_iter().map(tables::event);
                round.push(tables::EVENT.insert(backend, "fanfare_events", rows, ""));
            }
            if let Some(rows) = deliveries.next() {
                let rows = rows.into_iter().map(tables::delivery);
                round.push(tables::DELIVERY.insert(backend, "fanfare_deliveries", rows, ""));
            }
            if let Some(rows) = attempts.next() {
                let rows = rows.into_iter().map(tables::attempt);
                round.push(tables::ATTEMPT.insert(backend, "fanfare_attempts", rows, ""));
            }
            if let Some(rows) = keys.next() {
                let rows = rows.into_iter().map(|(key, created_at)| tables::key(key, created_at));
                round.push(tables::KEY.insert(backend, "fanfare_idempotency", rows, REPLACE_KEY));
            }
            if let Some(rows) = last_runs.next() {
                let rows = rows.into_iter().map(last_run).collect::<Result<Vec<_>, _>>()?;
                round.push(tables::LAST_RUN.with(backend, rows.into_iter(), SET_LAST_RUN));
            }
            for (state, outcomes) in DeliveryState::ALL.into_iter().zip(&mut outcomes) {
                if let Some(rows) = outcomes.next() {
                    let rows = rows.into_iter().map(tables::outcome);
                    record(&mut round, backend, owner, state, rows, &mut births);
                }
            }
            round.extend(births.take().map(|births| births.add(backend)));
            if round.is_empty() {
                return Ok(script);
            }
            script.round(round);
        }
    }
}

impl Store {
    /// Writes all of it in one transaction, or nothing. Everything is on disk afterwards.
    pub async fn write(&self, commit: Commit) -> Result<(), StoreError> {
        commit.script(self.backend(), self.owner)?.run(&self.writer).await
    }

    /// Which of these keys were used since `since` (milliseconds since 1970).
    pub async fn known_keys(&self, keys: &[(&str, &str)], since: i64) -> Result<Vec<KnownKey>, StoreError> {
        let mut known = Vec::new();
        for keys in keys.chunks(MOST_ROWS) {
            let any = keys.iter().fold(Condition::any(), |any, (scope, key)| {
                any.add(idempotency::Column::Scope.eq(*scope).and(idempotency::Column::Key.eq(*key)))
            });
            let recent = idempotency::Column::CreatedAt.gte(since);
            let rows = idempotency::Entity::find().filter(any).filter(recent).all(&self.writer).await?;
            known.extend(rows.into_iter().map(|row| KnownKey {
                scope: row.scope,
                key: row.key,
                body_hash: row.body_hash,
                answer: row.answer,
            }));
        }
        Ok(known)
    }

    /// Which owner to write into deliveries that this node takes into memory.
    pub fn owner(&self) -> i64 {
        self.owner
    }
}

/// A transaction that may write after reading: SQLite takes the write lock at once.
pub(crate) async fn immediate(db: &DatabaseConnection) -> Result<DatabaseTransaction, StoreError> {
    let options =
        TransactionOptions { sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate), ..Default::default() };
    Ok(db.begin_with_options(options).await?)
}

/// An expired key of the same name is overwritten.
const REPLACE_KEY: &str = " ON CONFLICT (scope, key) DO UPDATE SET \
     body_hash = excluded.body_hash, answer = excluded.answer, created_at = excluded.created_at";

const SET_LAST_RUN: &str = "UPDATE fanfare_jobs SET last_run = v.last_run FROM v WHERE fanfare_jobs.id = v.id";

fn last_run((job_id, last_run): (Uuid, LastRun)) -> Result<[Value; 2], StoreError> {
    let document = serde_json::to_string(&last_run).map_err(|e| StoreError::corrupt("last run", e))?;
    Ok([job_id.into(), document.into()])
}

fn state_after(next: Next) -> DeliveryState {
    match next {
        Next::Delivered => DeliveryState::Delivered,
        Next::Again(_) => DeliveryState::Pending,
        Next::Held => DeliveryState::Held,
        Next::Dead => DeliveryState::Dead,
    }
}

/// Adds one UPDATE for many outcomes, and moves the counters by as many as it changes. On SQLite, births are counted
/// by the same statement.
fn record(
    round: &mut Vec<Statement>,
    backend: DbBackend,
    owner: i64,
    state: DeliveryState,
    rows: impl ExactSizeIterator<Item = [Value; 9]>,
    births: &mut Option<Counts>,
) {
    let delivered_at = if state == DeliveryState::Delivered { "v.at + v.duration_ms" } else { "NULL" };
    let held_at = if state == DeliveryState::Held { "v.at + v.duration_ms" } else { "NULL" };
    let or = if backend == DbBackend::Sqlite { " OR ROLLBACK" } else { "" };
    let number = state.number();
    let update = format!(
        "UPDATE{or} fanfare_deliveries SET state = {number}, attempts = attempts + v.counts, due_at = v.due_at, \
         owner = NULL, held_at = {held_at}, delivered_at = {delivered_at}, last_attempt_at = v.at, \
         last_duration_ms = v.duration_ms, last_status = v.status, last_outcome = v.outcome, last_detail = v.detail, \
         possibly_duplicate = fanfare_deliveries.possibly_duplicate OR v.possibly_duplicate \
         FROM v WHERE fanfare_deliveries.id = v.id AND fanfare_deliveries.state = 0 \
         AND fanfare_deliveries.owner = {owner}"
    );
    match (backend, state) {
        (_, DeliveryState::Pending) => round.push(tables::OUTCOME.with(backend, rows, &update)),
        (DbBackend::Sqlite, _) => {
            round.push(tables::OUTCOME.with(backend, rows, &update));
            round.push(births.take().unwrap_or_default().add_and_move(state));
        }
        _ => {
            let rest = format!(
                ", done AS ({update} RETURNING 1), n AS (SELECT COUNT(*) AS moved FROM done) \
                 UPDATE fanfare_counters SET value = value + CASE state WHEN 0 THEN -n.moved ELSE n.moved END \
                 FROM n WHERE state IN (0, {number})"
            );
            round.push(tables::OUTCOME.with(backend, rows, &rest));
        }
    }
}
