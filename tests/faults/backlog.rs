//! A million deliveries that wait.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use fanfare_testkit::{Answer, Receiver};
use fanfare_tests::{Api, PATIENCE, Server, until};
use http::Method;
use serde_json::json;

use crate::{
    harness::{Database, no_panic, resident_kib, short_or_long, tell},
    load::{Load, Told, event, post},
};

/// How much memory may be resident, in KiB.
const MEMORY_KIB: u64 = 150 * 1_024;

/// How much of the accept rate must be left.
const SHARE: f64 = 0.8;

/// The columns of a delivery that are the same in all copies, and the values of those that are not, from the row `d`
/// and the number `n`.
const SAME: &str = "event_id, event_type, job_id, channel_id, channel_name, kind, target, recipients, reason, title, test, \
                    state, attempts, due_at, owner, expires_at, held_at, possibly_duplicate, created_at, delivered_at, \
                    last_attempt_at, last_duration_ms, last_status, last_outcome, last_detail";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_on_sqlite() {
    backlog(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_on_postgresql() {
    backlog(Database::postgres().await).await;
}

async fn backlog(database: Database) {
    let waiting = short_or_long(50_000, 1_000_000);
    let mut server = database.start("retry_schedule_s = [3600]\nlifetime_s = 86400").await;
    let (ops, down) = (Receiver::start().await, Receiver::start().await);
    let api = server.api().clone();
    let (good, bad) = (api.webhook("ops", ops.url("/")).await, api.webhook("down", down.url("/")).await);
    // One delivery fails, and is the model of those that wait.
    down.answer_always(Answer::status(503));
    api.make_global(&[&bad]).await;
    api.post("/events", event("model")).await;
    until("a failed attempt", PATIENCE, async || {
        let items = api.get(&format!("/deliveries?channel_id={bad}")).await;
        (items["items"][0]["attempts"] == 1).then_some(())
    })
    .await;
    api.make_global(&[&good]).await;
    rate(&api, &ops, Duration::from_secs(1)).await;
    let span = short_or_long(Duration::from_secs(2), Duration::from_secs(10));
    let empty = rate(&api, &ops, span).await;

    assert_eq!(server.terminate().await, Some(0));
    let began = Instant::now();
    copy(&database, &server, waiting - 1);
    let copied = began.elapsed();
    let began = Instant::now();
    server.restart().await;
    let start = began.elapsed();
    let api = server.api().clone();
    let metrics = api.metrics().await;
    metrics.check();
    assert!(metrics.of("pending") >= waiting, "{metrics:?}");
    rate(&api, &ops, Duration::from_secs(1)).await;
    let full = rate(&api, &ops, span).await;
    let plan = plan(&database, &server);
    assert!(plan.contains("fanfare_deliveries_due"), "the claim does not use its index: {plan}");

    // They become due, and leave: what is in memory stays bounded while they do.
    down.answer_always(Answer::status(200));
    let again = tokio::spawn(retry(api.clone(), bad));
    let (leaving, before) = (Instant::now(), api.metrics().await.of("delivered"));
    let some = short_or_long(5_000, 50_000);
    let mut peak = 0;
    let left = until("some thousand deliveries", Duration::from_secs(170), async || {
        peak = peak.max(resident_kib(server.pid()));
        // What the receiver keeps is not what is measured.
        down.clear();
        let metrics = api.metrics().await;
        metrics.check();
        Some(metrics.of("delivered") - before).filter(|left| *left > some)
    })
    .await;
    let pace = left as f64 / leaving.elapsed().as_secs_f64();
    again.abort();
    let share = full / empty;
    no_panic(&server);
    tell(
        &format!("{waiting} pending deliveries on {}", database.name()),
        "memory under 150 MiB, accept rate over 0.8 of the empty one, the claim uses its index",
        &format!(
            "memory at most {:.1} MiB, accepted {full:.0}/s of {empty:.0}/s ({share:.2}), plan {plan:?}, ready {:.1} s \
             after the start, leaving at {pace:.0}/s, put there in {:.1} s",
            peak as f64 / 1_024.0,
            start.as_secs_f64(),
            copied.as_secs_f64()
        ),
    );
    assert!(peak <= MEMORY_KIB, "{peak} KiB are resident");
    assert!(share >= SHARE, "{full:.0} events a second are accepted, and {empty:.0} without a backlog");
}

/// Makes all that waits for a channel due. That may take longer than a call may; the next one goes on where it stopped.
async fn retry(api: Api, channel: String) {
    let body = json!({ "state": "pending", "channel_id": channel }).to_string();
    let headers = [("content-type", "application/json")];
    while api.exchange(Method::POST, "/api/v1/deliveries/retry", &headers, body.clone()).await.is_err() {}
}

/// How many events are accepted a second by eight callers.
async fn rate(api: &Api, ops: &Receiver, span: Duration) -> f64 {
    let told = Mutex::new(Told::default());
    assert_eq!(post(api, &event("before"), &told).await, Some(202));
    let load = Load::start(api, 8, Duration::ZERO);
    let began = Instant::now();
    tokio::time::sleep(span).await;
    let (accepted, took) = (load.told().accepted.len(), began.elapsed());
    let told = load.stop().await;
    assert_eq!((told.refusals(), told.broken), (0, 0));
    // What was accepted is delivered before anything else is measured.
    ops.wait_for(told.accepted.len(), PATIENCE).await;
    ops.clear();
    accepted as f64 / took.as_secs_f64()
}

/// Copies the one delivery that waits so many times, in the format of the store, with the counters.
fn copy(database: &Database, server: &Server, copies: u64) {
    let counters = format!(
        "UPDATE fanfare_counters SET value = value + {copies} WHERE state IN (-1, 0) AND slot = (SELECT min(slot) FROM \
         fanfare_counters)"
    );
    let sqlite = format!(
        "BEGIN; WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {copies}) \
         INSERT INTO fanfare_deliveries (id, {SAME}) SELECT randomblob(16), {SAME} FROM n, \
         (SELECT * FROM fanfare_deliveries WHERE state = 0 LIMIT 1); {counters}; COMMIT; PRAGMA wal_checkpoint(TRUNCATE);"
    );
    let postgres = format!(
        "INSERT INTO fanfare_deliveries (id, {SAME}) SELECT gen_random_uuid(), {SAME} FROM generate_series(1, {copies}), \
         (SELECT * FROM fanfare_deliveries WHERE state = 0 LIMIT 1) AS d; {counters}; ANALYZE fanfare_deliveries;"
    );
    database.rows(server, &sqlite, &postgres);
}

/// How the database takes what is due for a channel, in its own words.
fn plan(database: &Database, server: &Server) -> String {
    let claim = |lock: &str, channel: &str| {
        format!(
            "SELECT id FROM fanfare_deliveries WHERE state = 0 AND owner IS NULL AND channel_id = ({channel}) \
             AND due_at <= 9999999999999 ORDER BY due_at, id LIMIT 512{lock}"
        )
    };
    let channel = "SELECT id FROM fanfare_channels WHERE name = 'down'";
    let sqlite = format!("EXPLAIN QUERY PLAN {}", claim("", channel));
    let postgres = format!("EXPLAIN {}", claim(" FOR UPDATE SKIP LOCKED", channel));
    let rows = database.rows(server, &sqlite, &postgres);
    let lines = rows.into_iter().map(|row| row.join(" "));
    lines.filter(|line| line.contains("fanfare_deliveries")).collect::<Vec<_>>().join(" ").trim().to_owned()
}
