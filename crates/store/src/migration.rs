//! The tables, as they are created. Both databases get the same ones; only the names of types differ.

use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, MigratorTrait, SchemaManager, async_trait};

/// All migrations, oldest first.
pub(crate) struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(First),
            Box::new(Ends),
            Box::new(Lanes),
            Box::new(Conditions),
            Box::new(MissedRuns),
            Box::new(RunsOfJobs),
            Box::new(Follows),
            Box::new(Digests),
            Box::new(Claims),
        ]
    }

    fn migration_table_name() -> sea_orm::DynIden {
        sea_orm::sea_query::IntoIden::into_iden("fanfare_migrations")
    }
}

struct First;

impl MigrationName for First {
    fn name(&self) -> &str {
        "0001_first"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for First {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create_tables(manager.get_connection(), FIRST).await
    }
}

/// Finds what time ends without a scan.
struct Ends;

impl MigrationName for Ends {
    fn name(&self) -> &str {
        "0002_ends"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Ends {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create_tables(manager.get_connection(), ENDS).await
    }
}

/// Keeps what lanes must know after the next start.
struct Lanes;

impl MigrationName for Lanes {
    fn name(&self) -> &str {
        "0003_lanes"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Lanes {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create_tables(manager.get_connection(), LANES).await
    }
}

const ENDS: &str = "
CREATE INDEX fanfare_deliveries_held_at ON fanfare_deliveries (held_at) WHERE state = 1;
CREATE INDEX fanfare_idempotency_created_at ON fanfare_idempotency (created_at);
";

/// Remembers who was told of what lasts.
struct Conditions;

impl MigrationName for Conditions {
    fn name(&self) -> &str {
        "0004_conditions"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Conditions {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create_tables(manager.get_connection(), CONDITIONS).await
    }
}

/// Who was told of a condition that lasts. `condition` is a hash of its event type and its key, `target` who was told,
/// `delivery_id` the delivery that is to do it, `told_at` when one before that arrived, `seen_at` when an event was
/// last part of the condition.
const CONDITIONS: &str = "
CREATE TABLE fanfare_told (
    condition {bytes} NOT NULL,
    target TEXT NOT NULL,
    delivery_id {id},
    told_at BIGINT,
    seen_at BIGINT NOT NULL,
    PRIMARY KEY (condition, target)
) {without_rowid};
CREATE INDEX fanfare_told_seen_at ON fanfare_told (seen_at);
";

/// Knows when a run of a job is expected.
struct MissedRuns;

impl MigrationName for MissedRuns {
    fn name(&self) -> &str {
        "0005_missed_runs"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for MissedRuns {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create_tables(manager.get_connection(), MISSED_RUNS).await
    }
}

/// `expected_at` is when a job's next run is expected, `alarm_at` when somebody must look whether it has come,
/// `missed_since` when a run was expected that is missing, `started_at` when one began that has not ended.
const MISSED_RUNS: &str = "
ALTER TABLE fanfare_jobs ADD COLUMN expected_at BIGINT;
ALTER TABLE fanfare_jobs ADD COLUMN alarm_at BIGINT;
ALTER TABLE fanfare_jobs ADD COLUMN missed_since BIGINT;
ALTER TABLE fanfare_jobs ADD COLUMN started_at BIGINT;
CREATE INDEX fanfare_jobs_alarm_at ON fanfare_jobs (alarm_at) WHERE alarm_at IS NOT NULL;
";

/// Finds the runs of one job; other events are not in this index.
struct RunsOfJobs;

impl MigrationName for RunsOfJobs {
    fn name(&self) -> &str {
        "0006_runs_of_jobs"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for RunsOfJobs {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create_tables(manager.get_connection(), RUNS_OF_JOBS).await
    }
}

const RUNS_OF_JOBS: &str = "
CREATE INDEX fanfare_events_job ON fanfare_events (job_id, id) WHERE job_id IS NOT NULL;
";

/// Lets deliveries wait for others.
struct Follows;

impl MigrationName for Follows {
    fn name(&self) -> &str {
        "0007_follows"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Follows {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create_tables(manager.get_connection(), FOLLOWS).await
    }
}

/// A delivery that is not to be sent before another one has ended; `needed` says that it is for nothing where that one
/// does not arrive. A row is there as long as that is open.
const FOLLOWS: &str = "
CREATE TABLE fanfare_follows (
    delivery_id {id} NOT NULL,
    after_id {id} NOT NULL,
    needed BOOLEAN NOT NULL,
    PRIMARY KEY (delivery_id, after_id)
) {without_rowid};
";

/// Keeps what is told as one.
struct Digests;

impl MigrationName for Digests {
    fn name(&self) -> &str {
        "0008_digests"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Digests {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create_tables(manager.get_connection(), DIGESTS).await
    }
}

/// `event_id` is the first member's event, `since` when that was accepted, `members` how many there were when it was
/// frozen, `is_own` says that all of them tell of a channel's health. `due_at` and `owner` are what a delivery has under
/// these names; a digest that has ended, or whose members are held, is not due. Of a delivery, `digest_id` is the digest
/// that it was frozen into, and `digest_count` how many that has, until the delivery is tried again by itself.
const DIGESTS: &str = "
CREATE TABLE fanfare_digests (
    id {id} NOT NULL PRIMARY KEY,
    channel_id {id} NOT NULL,
    event_type TEXT NOT NULL,
    event_id {id} NOT NULL,
    recipients TEXT,
    notification TEXT NOT NULL,
    members INTEGER NOT NULL,
    is_own BOOLEAN NOT NULL,
    attempts INTEGER NOT NULL,
    due_at BIGINT,
    owner BIGINT,
    expires_at BIGINT NOT NULL,
    since BIGINT NOT NULL,
    created_at BIGINT NOT NULL
) {without_rowid};
CREATE INDEX fanfare_digests_due ON fanfare_digests (channel_id, due_at, id) WHERE due_at IS NOT NULL;
ALTER TABLE fanfare_deliveries ADD COLUMN digest_id {id};
ALTER TABLE fanfare_deliveries ADD COLUMN digest_count INTEGER;
CREATE INDEX fanfare_deliveries_digest ON fanfare_deliveries (digest_id, id) WHERE digest_id IS NOT NULL;
";

/// Gives PostgreSQL an index that claims can follow.
struct Claims;

impl MigrationName for Claims {
    fn name(&self) -> &str {
        "0009_claims"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Claims {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        match db.get_database_backend() {
            DbBackend::Postgres => create_tables(db, CLAIMS).await,
            _ => Ok(()),
        }
    }
}

/// PostgreSQL does not see that rows without an owner come out of an index on `(owner, channel_id, due_at, id)` in the
/// order of the rest of it, and would sort all that is due for every claim. So what belongs to nobody has an index of its
/// own there, and what belongs to somebody another one; a row stands in one of them. SQLite sees it.
const CLAIMS: &str = "
DROP INDEX fanfare_deliveries_due;
CREATE INDEX fanfare_deliveries_due ON fanfare_deliveries (channel_id, due_at, id) WHERE state = 0 AND owner IS NULL;
CREATE INDEX fanfare_deliveries_owned ON fanfare_deliveries (owner, channel_id) WHERE state = 0 AND owner IS NOT NULL;
";

/// Runs the statements of a migration, each ended by a semicolon at the end of a line. What the two databases call
/// differently is written `{id}`, `{bytes}`, `{serial}` and `{without_rowid}`.
pub async fn create_tables(db: &impl ConnectionTrait, statements: &str) -> Result<(), DbErr> {
    for statement in statements.split(";\n").map(str::trim).filter(|statement| !statement.is_empty()) {
        db.execute_unprepared(&for_backend(statement, db.get_database_backend())).await?;
    }
    Ok(())
}

/// Fills in what the two databases call differently. SQLite's `WITHOUT ROWID` keeps one tree for a table whose
/// primary key is not a number, instead of two.
fn for_backend(statement: &str, backend: DbBackend) -> String {
    let [id, bytes, serial, without_rowid] = match backend {
        DbBackend::Sqlite => ["BLOB", "BLOB", "INTEGER PRIMARY KEY AUTOINCREMENT", "WITHOUT ROWID"],
        _ => ["UUID", "BYTEA", "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY", ""],
    };
    statement
        .replace("{id}", id)
        .replace("{bytes}", bytes)
        .replace("{serial}", serial)
        .replace("{without_rowid}", without_rowid)
}

/// Times are milliseconds since 1970, JSON is text.
///
/// `fanfare_deliveries.owner` names the start of a node (a row of `fanfare_nodes`) that has the delivery in
/// memory; an outcome is recorded only by its owner. A counter is the sum of its slots: on PostgreSQL every node has
/// its own, so that nodes do not wait for each other. `due_at` is when the next attempt may be made,
/// `recipients` is absent for "everybody whom the configuration names", `held_at` is when its channel was
/// disabled. The `last_*` columns tell the latest attempt; `fanfare_attempts` keeps the failed ones.
const FIRST: &str = "
CREATE TABLE fanfare_meta (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) {without_rowid};
CREATE TABLE fanfare_nodes (id {serial}, started_at BIGINT NOT NULL, seen_at BIGINT NOT NULL);
CREATE TABLE fanfare_counters (
    slot BIGINT NOT NULL,
    state SMALLINT NOT NULL,
    value BIGINT NOT NULL,
    PRIMARY KEY (slot, state)
) {without_rowid};
INSERT INTO fanfare_counters (slot, state, value)
    VALUES (0, -1, 0), (0, 0, 0), (0, 1, 0), (0, 2, 0), (0, 3, 0), (0, 4, 0);
CREATE TABLE fanfare_settings (
    name TEXT NOT NULL PRIMARY KEY,
    document TEXT NOT NULL,
    updated_at BIGINT NOT NULL
) {without_rowid};
CREATE TABLE fanfare_channels (
    id {id} NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    config {bytes} NOT NULL,
    enabled BOOLEAN NOT NULL,
    delivery TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
) {without_rowid};
CREATE TABLE fanfare_jobs (
    id {id} NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    notifications TEXT NOT NULL,
    expect_every_s BIGINT,
    grace_s BIGINT,
    wording TEXT,
    ping_key {bytes} NOT NULL,
    last_run TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
) {without_rowid};
CREATE TABLE fanfare_idempotency (
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    body_hash {bytes} NOT NULL,
    answer TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (scope, key)
) {without_rowid};
CREATE TABLE fanfare_events (
    id {id} NOT NULL PRIMARY KEY,
    event_type TEXT NOT NULL,
    job_id {id},
    test BOOLEAN NOT NULL,
    occurred_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    event TEXT NOT NULL,
    notification TEXT NOT NULL,
    user_notification TEXT,
    plan TEXT NOT NULL
) {without_rowid};
CREATE TABLE fanfare_deliveries (
    id {id} NOT NULL PRIMARY KEY,
    event_id {id} NOT NULL,
    event_type TEXT NOT NULL,
    job_id {id},
    channel_id {id} NOT NULL,
    channel_name TEXT NOT NULL,
    kind TEXT NOT NULL,
    target TEXT NOT NULL,
    recipients TEXT,
    reason TEXT NOT NULL,
    title TEXT NOT NULL,
    test BOOLEAN NOT NULL,
    state SMALLINT NOT NULL,
    attempts INTEGER NOT NULL,
    due_at BIGINT,
    owner BIGINT,
    expires_at BIGINT NOT NULL,
    held_at BIGINT,
    possibly_duplicate BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    delivered_at BIGINT,
    last_attempt_at BIGINT,
    last_duration_ms BIGINT,
    last_status INTEGER,
    last_outcome TEXT,
    last_detail TEXT
) {without_rowid};
CREATE INDEX fanfare_deliveries_event ON fanfare_deliveries (event_id);
CREATE INDEX fanfare_deliveries_channel ON fanfare_deliveries (channel_id, id);
CREATE INDEX fanfare_deliveries_due ON fanfare_deliveries (owner, channel_id, due_at, id) WHERE state = 0;
CREATE INDEX fanfare_deliveries_held ON fanfare_deliveries (channel_id, id) WHERE state = 1;
CREATE INDEX fanfare_deliveries_dead ON fanfare_deliveries (channel_id, id) WHERE state = 4;
CREATE TABLE fanfare_attempts (
    id {id} NOT NULL PRIMARY KEY,
    delivery_id {id} NOT NULL,
    at BIGINT NOT NULL,
    duration_ms BIGINT NOT NULL,
    status INTEGER,
    outcome TEXT NOT NULL,
    detail TEXT NOT NULL,
    payload TEXT
) {without_rowid};
CREATE INDEX fanfare_attempts_delivery ON fanfare_attempts (delivery_id, id);
";

/// What a lane must know after the next start. `told` says that somebody was told that it fails, `is_open` that its
/// breaker is open.
const LANES: &str = "
CREATE TABLE fanfare_lanes (
    channel_id {id} NOT NULL PRIMARY KEY,
    state TEXT NOT NULL,
    since BIGINT,
    last_error TEXT,
    told BOOLEAN NOT NULL,
    is_open BOOLEAN NOT NULL,
    paused_until BIGINT
) {without_rowid};
";
