//! The tables, as they are created. Both databases get the same ones; only the names of types differ.

mod step;

pub use step::Step;

use sea_orm::DbBackend;
use sea_orm_migration::{MigrationTrait, MigratorTrait};

/// All migrations, oldest first.
pub(crate) struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Step::boxed("0001_first", FIRST),
            Step::boxed("0002_ends", ENDS),
            Step::boxed("0003_lanes", LANES),
            Step::boxed("0004_conditions", CONDITIONS),
            Step::boxed("0005_missed_runs", MISSED_RUNS),
            Step::boxed("0006_runs_of_jobs", RUNS_OF_JOBS),
            Step::boxed("0007_follows", FOLLOWS),
            Step::boxed("0008_digests", DIGESTS),
            Step::boxed_for(DbBackend::Postgres, "0009_claims", CLAIMS),
            Step::boxed_for(DbBackend::Sqlite, "0010_long_rows", LONG_ROWS),
        ]
    }

    fn migration_table_name() -> sea_orm::DynIden {
        sea_orm::sea_query::IntoIden::into_iden("fanfare_migrations")
    }
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

/// Finds what time ends without a scan.
const ENDS: &str = "
CREATE INDEX fanfare_deliveries_held_at ON fanfare_deliveries (held_at) WHERE state = 1;
CREATE INDEX fanfare_idempotency_created_at ON fanfare_idempotency (created_at);
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
const RUNS_OF_JOBS: &str = "
CREATE INDEX fanfare_events_job ON fanfare_events (job_id, id) WHERE job_id IS NOT NULL;
";

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

/// PostgreSQL does not see that rows without an owner come out of an index on `(owner, channel_id, due_at, id)` in the
/// order of the rest of it, and would sort all that is due for every claim. So what belongs to nobody has an index of its
/// own there, and what belongs to somebody another one; a row stands in one of them. SQLite sees it.
const CLAIMS: &str = "
DROP INDEX fanfare_deliveries_due;
CREATE INDEX fanfare_deliveries_due ON fanfare_deliveries (channel_id, due_at, id) WHERE state = 0 AND owner IS NULL;
CREATE INDEX fanfare_deliveries_owned ON fanfare_deliveries (owner, channel_id) WHERE state = 0 AND owner IS NOT NULL;
";

/// Without numbers of its own, a table of SQLite keeps whole rows in the inner nodes of its tree. Where rows hold
/// documents, five fit into a node: the tree is deep, and nearly half of the pages that a transaction writes are the tree
/// of events. So these rows are found by number, and an index of their own finds the number.
const LONG_ROWS: &str = "
CREATE TABLE fanfare_new_events (
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
);
INSERT INTO fanfare_new_events SELECT id, event_type, job_id, test, occurred_at, created_at, event, notification,
    user_notification, plan FROM fanfare_events ORDER BY id;
DROP TABLE fanfare_events;
ALTER TABLE fanfare_new_events RENAME TO fanfare_events;
CREATE INDEX fanfare_events_job ON fanfare_events (job_id, id) WHERE job_id IS NOT NULL;
CREATE TABLE fanfare_new_attempts (
    id {id} NOT NULL PRIMARY KEY,
    delivery_id {id} NOT NULL,
    at BIGINT NOT NULL,
    duration_ms BIGINT NOT NULL,
    status INTEGER,
    outcome TEXT NOT NULL,
    detail TEXT NOT NULL,
    payload TEXT
);
INSERT INTO fanfare_new_attempts SELECT id, delivery_id, at, duration_ms, status, outcome, detail, payload
    FROM fanfare_attempts ORDER BY id;
DROP TABLE fanfare_attempts;
ALTER TABLE fanfare_new_attempts RENAME TO fanfare_attempts;
CREATE INDEX fanfare_attempts_delivery ON fanfare_attempts (delivery_id, id);
CREATE TABLE fanfare_new_idempotency (
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    body_hash {bytes} NOT NULL,
    answer TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (scope, key)
);
INSERT INTO fanfare_new_idempotency SELECT scope, key, body_hash, answer, created_at FROM fanfare_idempotency;
DROP TABLE fanfare_idempotency;
ALTER TABLE fanfare_new_idempotency RENAME TO fanfare_idempotency;
CREATE INDEX fanfare_idempotency_created_at ON fanfare_idempotency (created_at);
";

#[cfg(test)]
mod tests {
    use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement};

    use super::*;

    async fn text(db: &DatabaseConnection, sql: &str) -> String {
        let row = db.query_one_raw(Statement::from_string(DbBackend::Sqlite, sql)).await.unwrap().unwrap();
        row.try_get_by_index::<String>(0).unwrap()
    }

    #[tokio::test]
    async fn rows_that_are_found_by_number_are_the_ones_that_were_there() {
        let db = Database::connect("sqlite::memory:").await.unwrap();
        Migrator::up(&db, Some(9)).await.unwrap();
        for sql in [
            "INSERT INTO fanfare_events VALUES (x'02', 'b', x'07', 0, 1, 2, 'e', 'n', NULL, 'p'), \
             (x'01', 'a', NULL, 1, 3, 4, 'E', 'N', 'U', 'P')",
            "INSERT INTO fanfare_attempts VALUES (x'03', x'04', 5, 6, 500, 'temporary', 'd', 'p')",
            "INSERT INTO fanfare_idempotency VALUES ('s', 'k', x'08', 'a', 9)",
        ] {
            db.execute_unprepared(sql).await.unwrap();
        }
        let all = "SELECT (SELECT group_concat(hex(id) || event_type || iif(job_id IS NULL, '-', hex(job_id)) || test || occurred_at \
             || created_at || event || notification || ifnull(user_notification, '-') || plan) \
             FROM (SELECT * FROM fanfare_events ORDER BY id)) || ' ' || (SELECT hex(id) || hex(delivery_id) || at \
             || duration_ms || status || outcome || detail || payload FROM fanfare_attempts) || ' ' \
             || (SELECT scope || key || hex(body_hash) || answer || created_at FROM fanfare_idempotency)";
        let indexes = "SELECT group_concat(name || ' ' || sql, '; ') FROM (SELECT name, sql FROM sqlite_master \
             WHERE type = 'index' AND sql IS NOT NULL ORDER BY name)";
        let before = (text(&db, all).await, text(&db, indexes).await);
        Migrator::up(&db, None).await.unwrap();
        assert_eq!((text(&db, all).await, text(&db, indexes).await), before);
        assert_eq!(before.0, "01a-134ENUP,02b07012en-p 030456500temporarydp sk08a9");
        assert!(db.execute_unprepared("INSERT INTO fanfare_attempts SELECT * FROM fanfare_attempts").await.is_err());
    }
}
