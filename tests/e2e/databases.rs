//! The same on both databases: everything that a transaction of the writer can carry, in any number of rows.

use std::time::Duration;

use fanfare_testkit::{Answer, Receiver};
use fanfare_tests::{Api, PATIENCE, Postgres, Server, database, rows, until};
use http::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn sqlite_carries_it_all() {
    carries_it_all(&Server::start().await).await;
}

#[tokio::test]
async fn postgresql_carries_it_all() {
    let postgres = Postgres::start().await;
    postgres.create("fanfare");
    let url = format!("postgres://fanfare@localhost/fanfare?host={}", postgres.host().display());
    let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    carries_it_all(&Server::start_with(&[("FANFARE_DATABASE_URL", &url), ("FANFARE_SECRET_KEY", key)]).await).await;
}

async fn carries_it_all(server: &Server) {
    let (good, bad, other) = (Receiver::start().await, Receiver::start().await, Receiver::start().await);
    bad.answer_always(Answer::status(400).body("never"));
    let api = server.api();
    let [good_id, bad_id, other_id] = [
        api.webhook("good", good.url("/")).await,
        api.webhook("bad", bad.url("/")).await,
        api.webhook("other", other.url("/")).await,
    ];
    api.make_global(&[&good_id, &bad_id]).await;
    api.job("nightly", &[(&other_id, "always")]).await;

    // Fewer and more rows than one statement takes, with targets that accept and one that never does.
    let mut events = 0;
    for size in [1, 2, 3, 31, 63, 64, 65, 200] {
        let batch: Vec<Value> = (0..size).map(|i| event(&format!("{size}-{i}"))).collect();
        let results = api.post("/events/batch", json!({ "events": batch })).await;
        assert!(results["results"].as_array().unwrap().iter().all(|result| result["status"] == 202), "{results}");
        events += size;
    }

    // The same keys again: the first answers, and nothing new. U+0000 is no key of its own kind.
    let keyed = |key: &str| json!({ "type": "system_error", "data": data(key), "idempotency_key": key });
    let batch: Vec<Value> = (0..70).map(|i| keyed(&format!("key-{i}"))).chain([keyed("a\0b")]).collect();
    let first = api.post("/events/batch", json!({ "events": &batch })).await;
    let again = api.post("/events/batch", json!({ "events": batch })).await;
    events += 71;
    for (first, again) in first["results"].as_array().unwrap().iter().zip(again["results"].as_array().unwrap()) {
        assert_eq!((&first["id"], &again["duplicate"]), (&again["id"], &json!(true)));
    }

    for outcome in ["success", "partial", "failure"] {
        api.post("/jobs/nightly/runs", json!({ "outcome": outcome, "error": "a\0b" })).await;
    }
    assert_eq!(api.get("/jobs").await[0]["last_run"]["outcome"], "failure");

    let metrics = settled(api).await;
    assert_eq!((metrics.accepted, metrics.of("delivered"), metrics.of("dead")), (2 * events + 3, events + 3, events));
    assert_eq!((good.count() as u64, bad.count() as u64, other.count()), (events, events, 3));

    // A dead one with what was sent, and once more.
    bad.answer_always(Answer::status(200));
    let dead = &api.get("/deliveries?state=dead&limit=1").await["items"][0]["id"];
    let dead = dead.as_str().unwrap();
    let shown = api.get(&format!("/deliveries/{dead}")).await;
    assert_eq!((&shown["attempts"][0]["status"], &shown["rebuilt"]), (&json!(400), &Value::Null), "{shown}");
    api.post(&format!("/deliveries/{dead}/retry"), json!({})).await;
    until("delivery", PATIENCE, async || {
        (api.get(&format!("/deliveries/{dead}")).await["state"] == "delivered").then_some(())
    })
    .await;
    let metrics = settled(api).await;
    assert_eq!((metrics.of("delivered"), metrics.of("dead")), (events + 4, events - 1));

    // Held while its channel is disabled, and then sent; what waits for a channel that goes is suppressed.
    api.patch(&format!("/channels/{good_id}"), json!({ "enabled": false })).await;
    api.post("/events", event("held")).await;
    assert_eq!(api.metrics().await.of("held"), 1);
    api.patch(&format!("/channels/{good_id}"), json!({ "enabled": true })).await;
    let metrics = settled(api).await;
    assert_eq!((metrics.of("held"), metrics.of("delivered")), (0, events + 6));
    assert_eq!(good.count() as u64, events + 1);
}

/// The last statement of a transaction fails, after everything else of it has been done: nothing of it stays, the
/// caller hears of it, and an outcome waits until it can be recorded.
#[tokio::test]
async fn a_transaction_that_fails_at_its_end_leaves_nothing() {
    let (server, ops) = (Server::start().await, Receiver::start().await);
    let api = server.api();
    let id = api.webhook("ops", ops.url("/")).await;
    api.make_global(&[&id]).await;
    let file = database(&server.data_dir());
    ops.answer_always(Answer::status(204).delay(Duration::from_millis(300)));
    api.post("/events", event("under way")).await;

    let broken = "CREATE TRIGGER broken BEFORE UPDATE ON fanfare_counters BEGIN SELECT RAISE(ABORT, 'broken'); END";
    rows(&file, broken);
    let refused = api.call(Method::POST, "/events", Some(&event("refused"))).await;
    assert_eq!(refused.status, 503, "{}", refused.text());
    ops.wait_for_answered(1, PATIENCE).await;
    let refused = api.call(Method::POST, "/events", Some(&event("refused, too"))).await;
    assert_eq!(refused.status, 503, "{}", refused.text());
    let kept = "SELECT (SELECT COUNT(*) FROM fanfare_events), COUNT(*), SUM(state) FROM fanfare_deliveries";
    assert_eq!(rows(&file, kept), [["1", "1", "0"]], "one event, and its delivery is pending");

    rows(&file, "DROP TRIGGER broken");
    ops.answer_always(Answer::status(204));
    api.post("/events", event("after")).await;
    let metrics = settled(api).await;
    assert_eq!((metrics.accepted, metrics.of("delivered"), ops.count()), (2, 2, 2), "each once");
}

/// The counters once nothing is pending; they add up at every moment.
async fn settled(api: &Api) -> fanfare_tests::Metrics {
    let metrics = api.settled().await;
    metrics.check();
    metrics
}

fn event(error: &str) -> Value {
    json!({ "type": "system_error", "data": data(error) })
}

fn data(error: &str) -> Value {
    json!({ "component": "disk \u{1f4be}", "error": error })
}
