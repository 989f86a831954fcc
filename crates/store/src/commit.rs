//! The one transaction that carries everything that waits: accepted events and the outcomes of attempts.

use std::{collections::BTreeMap, sync::LazyLock};

use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, EntityTrait, QueryFilter,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait, Value,
    sea_query::{Condition, ExprTrait},
};
use uuid::Uuid;

use crate::{
    AttemptRow, Changed, ConditionId, DeliveryRow, DeliveryState, EventRow, Follow, HeldConditions, LastRun, Store,
    StoreError, ToldRow, Watch,
    condition::ConditionChanges,
    config::CHANNEL_DELETED,
    counters::{ADD_HERE, Counts, upsert},
    digest,
    entity::idempotency,
    error::commit_failed,
    follow,
    listen::tell,
    rows::{Columns, MOST_ROWS, pieces},
    sqlite::Transaction,
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
    /// For a run of a job of which runs are expected: what is expected after it.
    pub next_run: Option<Watch>,
    /// Which of its deliveries wait for others.
    pub follows: Vec<Follow>,
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
    /// Whether it is a digest that was tried; what is said of it goes for all of its members.
    pub is_digest: bool,
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
    /// The channel has been deleted meanwhile.
    Suppressed,
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
    digests: [Vec<Attempted>; DeliveryState::ALL.len()],
    /// A later key of the same name takes the place of an earlier one.
    keys: BTreeMap<(String, String), (KnownKey, i64)>,
    last_runs: BTreeMap<Uuid, (LastRun, Option<Watch>, i64)>,
    conditions: ConditionChanges,
    follows: Vec<Follow>,
}

impl Commit {
    /// Nothing yet, with room for so many events of one delivery each.
    pub fn with_capacity(events: usize) -> Self {
        Self { events: Vec::with_capacity(events), deliveries: Vec::with_capacity(events), ..Self::default() }
    }

    /// Adds an accepted event with its deliveries.
    pub fn insert(&mut self, new: NewEvent) {
        if let (Some(last_run), Some(job_id)) = (new.last_run, new.event.job_id) {
            self.last_runs.insert(job_id, (last_run, new.next_run, new.event.created_at));
        }
        if let Some(key) = new.key {
            let key = KnownKey { scope: clean(key.scope), key: clean(key.key), ..key };
            self.keys.insert((key.scope.clone(), key.key.clone()), (key, new.event.created_at));
        }
        self.events.push(new.event);
        self.deliveries.extend(new.deliveries);
        self.follows.extend(new.follows);
    }

    /// Adds a failed attempt of a delivery that is inserted in the same transaction, such as a test.
    pub fn insert_attempt(&mut self, row: AttemptRow) {
        self.attempts.push(row);
    }

    /// A condition is over: nobody knows of it any more.
    pub fn end_condition(&mut self, id: ConditionId) {
        self.conditions.end(id);
    }

    /// A condition lasts, and this is what one target knows of it. It was last heard of at `seen_at`, in milliseconds
    /// since 1970.
    pub fn tell_condition(&mut self, id: ConditionId, row: ToldRow, seen_at: i64) {
        self.conditions.tell(id, row, seen_at);
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
        if attempted.next == Next::Suppressed {
            attempted.detail = CHANNEL_DELETED.into();
        }
        let outcomes = if attempted.is_digest { &mut self.digests } else { &mut self.outcomes };
        outcomes[state_after(attempted.next) as usize].push(attempted);
    }

    fn is_empty(&self) -> bool {
        self.events.is_empty()
            && self.deliveries.is_empty()
            && self.attempts.is_empty()
            && self.keys.is_empty()
            && self.last_runs.is_empty()
            && self.conditions.is_empty()
            && self.follows.is_empty()
            && self.outcomes.iter().all(Vec::is_empty)
            && !self.has_digests()
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

    /// Whether digests are recorded, and with them deliveries that are not named.
    fn has_digests(&self) -> bool {
        self.digests.iter().any(|outcomes| !outcomes.is_empty())
    }

    /// The deliveries that it makes or changes.
    pub fn changed(&self) -> Changed {
        if self.has_digests() {
            return Changed::Many;
        }
        let recorded = self.outcomes.iter().flatten().map(|attempted| attempted.delivery_id);
        Changed::These(self.deliveries.iter().map(|delivery| delivery.id).chain(recorded).collect())
    }

    /// Writes it all over the connection of this thread, row by row.
    fn run_here(self, tx: &Transaction<'_>, owner: i64) -> Result<(), StoreError> {
        let mut counts = self.births();
        tx.each(&TEXTS.event, self.events.into_iter().map(tables::event))?;
        tx.each(&TEXTS.delivery, self.deliveries.into_iter().map(tables::delivery))?;
        tx.each(&TEXTS.attempt, self.attempts.into_iter().map(tables::attempt))?;
        tx.each(&TEXTS.key, self.keys.into_values().map(|(key, created_at)| tables::key(key, created_at)))?;
        let last_runs = self.last_runs.into_iter().map(last_run).collect::<Result<Vec<_>, _>>()?;
        tx.each(&TEXTS.last_run, last_runs.into_iter())?;
        self.conditions.run_here(tx)?;
        tx.each(&TEXTS.follow, self.follows.into_iter().map(follow::values))?;
        for (state, outcomes) in DeliveryState::ALL.into_iter().zip(self.outcomes) {
            let rows = outcomes.into_iter().map(|attempted| tables::outcome_for(attempted, owner));
            let changed = tx.each(&TEXTS.record[state as usize], rows)?;
            counts = counts.and_moved(DeliveryState::Pending, state, changed);
        }
        for (state, outcomes) in DeliveryState::ALL.into_iter().zip(self.digests) {
            if !outcomes.is_empty() {
                let changed = digest::record_here(tx, owner, state, outcomes)?;
                counts = counts.and_moved(DeliveryState::Pending, state, changed);
            }
        }
        if counts != Counts::default() {
            tx.each(ADD_HERE, std::iter::once(counts.values()))?;
        }
        Ok(())
    }

    /// The statements that write it all, each for many rows.
    fn statements(self, owner: i64) -> Result<Vec<Statement>, StoreError> {
        let mut statements = Vec::new();
        let births = self.births();
        let changed = self.changed();
        for rows in pieces(self.events) {
            statements.push(tables::EVENT.insert("fanfare_events", rows.into_iter().map(tables::event), ""));
        }
        for rows in pieces(self.deliveries) {
            statements.push(tables::DELIVERY.insert("fanfare_deliveries", rows.into_iter().map(tables::delivery), ""));
        }
        for rows in pieces(self.attempts) {
            statements.push(tables::ATTEMPT.insert("fanfare_attempts", rows.into_iter().map(tables::attempt), ONCE));
        }
        for rows in pieces(self.keys.into_values().collect()) {
            let rows = rows.into_iter().map(|(key, created_at)| tables::key(key, created_at));
            statements.push(tables::KEY.insert("fanfare_idempotency", rows, REPLACE_KEY));
        }
        for rows in pieces(self.last_runs.into_iter().collect()) {
            let rows = rows.into_iter().map(last_run).collect::<Result<Vec<_>, _>>()?;
            statements.push(tables::LAST_RUN.with(rows.into_iter(), &set_last_run_many()));
        }
        statements.extend(self.conditions.statements());
        for rows in pieces(self.follows) {
            statements.push(follow::FOLLOW.insert(follow::TABLE, rows.into_iter().map(follow::values), ""));
        }
        for (state, outcomes) in DeliveryState::ALL.into_iter().zip(self.outcomes) {
            statements.extend(pieces(outcomes).map(|rows| record(owner, state, rows.into_iter().map(tables::outcome))));
        }
        for (state, outcomes) in DeliveryState::ALL.into_iter().zip(self.digests) {
            let one = |rows: Vec<Attempted>| digest::record(owner, state, rows.into_iter().map(tables::outcome));
            statements.extend(pieces(outcomes).map(one));
        }
        if births != Counts::default() {
            statements.push(births.add(DbBackend::Postgres, owner));
        }
        match changed {
            Changed::These(ids) if ids.is_empty() => {}
            Changed::These(ids) => statements.push(tell(&ids)),
            Changed::Many => statements.push(tell(&[])),
        }
        Ok(statements)
    }
}

impl Store {
    /// Writes all of it in one transaction, or nothing. Everything is on disk afterwards.
    ///
    /// On SQLite this does not yield: it holds the calling thread until the disk has answered.
    pub async fn write(&self, commit: Commit) -> Result<(), StoreError> {
        self.write_held(commit, None).await
    }

    /// The same, where `held` was read to decide what is written.
    pub async fn write_held(&self, commit: Commit, held: Option<HeldConditions>) -> Result<(), StoreError> {
        if commit.is_empty() {
            return Ok(());
        }
        if let Some(direct) = &self.direct {
            return direct.transaction(|tx| commit.run_here(tx, self.owner()));
        }
        let statements = commit.statements(self.owner())?;
        let tx = match held.and_then(HeldConditions::transaction) {
            Some(tx) => tx,
            None => self.writer.begin().await?,
        };
        for statement in statements {
            tx.execute_raw(statement).await?;
        }
        tx.commit().await.map_err(commit_failed)
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
}

/// A transaction that may write after reading: SQLite takes the write lock at once.
pub(crate) async fn immediate(db: &DatabaseConnection) -> Result<DatabaseTransaction, StoreError> {
    let options =
        TransactionOptions { sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate), ..Default::default() };
    Ok(db.begin_with_options(options).await?)
}

/// The statements of a transaction on SQLite, each for one row. To write one takes longer than to run it.
struct Texts {
    event: String,
    delivery: String,
    attempt: String,
    key: String,
    last_run: String,
    follow: String,
    /// The UPDATE for an outcome, by the state that follows from it.
    record: [String; DeliveryState::ALL.len()],
}

static TEXTS: LazyLock<Texts> = LazyLock::new(|| Texts {
    event: tables::EVENT.insert_one("fanfare_events", ""),
    delivery: tables::DELIVERY.insert_one("fanfare_deliveries", ""),
    attempt: tables::ATTEMPT.insert_one("fanfare_attempts", ONCE),
    key: tables::KEY.insert_one("fanfare_idempotency", REPLACE_KEY),
    last_run: set_last_run_one(),
    follow: follow::FOLLOW.insert_one(follow::TABLE, ""),
    record: DeliveryState::ALL.map(record_one),
});

/// What was written although its commit failed to say so is written again with the same id.
const ONCE: &str = " ON CONFLICT (id) DO NOTHING";

/// An expired key of the same name is overwritten.
const REPLACE_KEY: &str = " ON CONFLICT (scope, key) DO UPDATE SET \
     body_hash = excluded.body_hash, answer = excluded.answer, created_at = excluded.created_at";

/// What the UPDATE of a job sets after a run, each value being called what `value` says; and which job. A run moves
/// what is expected forward only, unless one is missing: then somebody is to look at once whether this is it.
fn set_last_run(value: impl Fn(&'static str) -> String) -> (String, String) {
    let [id, last_run, expected_at, alarm_at, reported_at] = tables::LAST_RUN.0.map(|(name, _)| value(name));
    let set = format!(
        "UPDATE fanfare_jobs SET last_run = {last_run}, started_at = NULL, \
         expected_at = CASE WHEN {expected_at} > fanfare_jobs.expected_at OR fanfare_jobs.missed_since IS NOT NULL \
         THEN COALESCE({expected_at}, fanfare_jobs.expected_at) ELSE fanfare_jobs.expected_at END, \
         alarm_at = CASE WHEN fanfare_jobs.missed_since IS NOT NULL THEN {reported_at} \
         WHEN {expected_at} > fanfare_jobs.expected_at THEN {alarm_at} ELSE fanfare_jobs.alarm_at END"
    );
    (set, format!("WHERE fanfare_jobs.id = {id}"))
}

/// The UPDATE of one job, for SQLite.
fn set_last_run_one() -> String {
    let (set, which) = set_last_run(|name| place_in(&tables::LAST_RUN, name));
    format!("{set} {which}")
}

/// The UPDATE of many jobs, for PostgreSQL.
fn set_last_run_many() -> String {
    let (set, which) = set_last_run(|name| format!("v.{name}"));
    format!("{set} FROM v {which}")
}

/// The placeholder of a column's value in a statement for one row.
pub(crate) fn place_in<const N: usize>(columns: &Columns<N>, name: &str) -> String {
    format!("?{}", columns.0.iter().position(|(column, _)| *column == name).unwrap_or_default() + 1)
}

fn last_run(
    (job_id, (last_run, next, reported_at)): (Uuid, (LastRun, Option<Watch>, i64)),
) -> Result<[Value; 5], StoreError> {
    let document = serde_json::to_string(&last_run).map_err(|e| StoreError::corrupt("last run", e))?;
    let (expected_at, alarm_at) = (next.map(|next| next.expected_at), next.map(|next| next.alarm_at));
    Ok([job_id.into(), document.into(), expected_at.into(), alarm_at.into(), reported_at.into()])
}

fn state_after(next: Next) -> DeliveryState {
    match next {
        Next::Delivered => DeliveryState::Delivered,
        Next::Again(_) => DeliveryState::Pending,
        Next::Held => DeliveryState::Held,
        Next::Suppressed => DeliveryState::Suppressed,
        Next::Dead => DeliveryState::Dead,
    }
}

/// The UPDATE of an outcome, each value being called what `value` says; the delivery is `owner`'s afterwards.
pub(crate) fn recorded(state: DeliveryState, owner: &str, value: impl Fn(&'static str) -> String) -> String {
    let [_, counts, due_at, at, duration_ms, status, outcome, detail, possibly_duplicate] =
        tables::OUTCOME.0.map(|(name, _)| value(name));
    let ended_if = |is: DeliveryState| if state == is { format!("{at} + {duration_ms}") } else { "NULL".into() };
    format!(
        "UPDATE fanfare_deliveries SET state = {}, attempts = attempts + {counts}, due_at = {due_at}, \
         owner = {owner}, held_at = {}, delivered_at = {}, last_attempt_at = {at}, \
         last_duration_ms = {duration_ms}, last_status = {status}, last_outcome = {outcome}, last_detail = {detail}, \
         possibly_duplicate = fanfare_deliveries.possibly_duplicate OR {possibly_duplicate}",
        state.number(),
        ended_if(DeliveryState::Held),
        ended_if(DeliveryState::Delivered),
    )
}

/// Which delivery may change: the one that this start owns and that is still pending.
fn mine(owner: &str, id: &str) -> String {
    format!(
        "WHERE fanfare_deliveries.id = {id} AND fanfare_deliveries.state = 0 AND fanfare_deliveries.owner = {owner}"
    )
}

/// The UPDATE for one outcome, for SQLite; the owner is the last value.
fn record_one(state: DeliveryState) -> String {
    let value = |name| place_in(&tables::OUTCOME, name);
    let owner = format!("?{}", tables::OUTCOME.0.len() + 1);
    format!("{} {}", recorded(state, "NULL", value), mine(&owner, &value("id")))
}

/// The UPDATE for many outcomes, for PostgreSQL; it moves the counters by as many as it changes.
fn record(owner: i64, state: DeliveryState, rows: impl ExactSizeIterator<Item = [Value; 9]>) -> Statement {
    let set = recorded(state, "NULL", |name| format!("v.{name}"));
    let update = format!("{set} FROM v {}", mine(&owner.to_string(), "v.id"));
    if state == DeliveryState::Pending {
        return tables::OUTCOME.with(rows, &update);
    }
    let number = state.number();
    let add = upsert(&format!(
        "SELECT {owner}, state, moved * sign FROM n, (VALUES (0, -1), ({number}, 1)) AS s (state, sign)"
    ));
    let rest = format!(", done AS ({update} RETURNING 1), n AS (SELECT COUNT(*) AS moved FROM done) {add}");
    tables::OUTCOME.with(rows, &rest)
}
