//! What lasts: reminders, ends and missed runs, on the real binary and on both databases.

use std::time::Duration;

use fanfare_testkit::{Answer, Receiver};
use fanfare_tests::{Api, PATIENCE, Postgres, Server, until};
use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

/// A server on a PostgreSQL, which goes with it.
async fn on_postgres() -> (Postgres, Server) {
    let postgres = Postgres::start().await;
    postgres.create("fanfare");
    let url = format!("postgres://fanfare@localhost/fanfare?host={}", postgres.host().display());
    let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let server = Server::start_with(&[("FANFARE_DATABASE_URL", &url), ("FANFARE_SECRET_KEY", key)]).await;
    (postgres, server)
}

/// Rule: How often is a lasting condition told of?
#[tokio::test]
async fn section_5_reminders_on_sqlite() {
    reminders(Server::start().await).await;
}

/// Rule: How often is a lasting condition told of?
#[tokio::test]
async fn section_5_reminders_on_postgresql() {
    let (_postgres, server) = on_postgres().await;
    reminders(server).await;
}

/// Rule: Who hears of a job's runs?
#[tokio::test]
async fn section_5_missed_runs_on_sqlite() {
    missed_runs(Server::start().await).await;
}

/// Rule: Who hears of a job's runs?
#[tokio::test]
async fn section_5_missed_runs_on_postgresql() {
    let (_postgres, server) = on_postgres().await;
    missed_runs(server).await;
}

fn connection(event_type: &str) -> Value {
    let mut data = json!({ "adapter_name": "Shop", "adapter_type": "database", "adapter_id": "db-shop" });
    if event_type == "connection_offline" {
        data["consecutive_failures"] = 3.into();
    }
    json!({ "type": event_type, "data": data })
}

/// How many are told, and why the others are not.
fn outcome(answer: &Value) -> (usize, Vec<String>) {
    let reasons = answer["skipped"].as_array().unwrap().iter().map(|skip| skip["reason"].as_str().unwrap().to_owned());
    (answer["deliveries"].as_array().unwrap().len(), reasons.collect())
}

async fn send(api: &Api, event: Value) -> (usize, Vec<String>) {
    let answer = api.post("/events", event).await;
    api.settled().await;
    outcome(&answer)
}

fn skipped(reason: &str) -> (usize, Vec<String>) {
    (0, vec![reason.to_owned()])
}

async fn reminders(mut server: Server) {
    let ops = Receiver::start().await;
    let id = server.api().webhook("ops", ops.url("/")).await;
    server.api().make_global(&[&id]).await;
    let (offline, online) = (|| connection("connection_offline"), || connection("connection_online"));
    let api = server.api();
    assert_eq!(send(api, online()).await, skipped("not_told"), "nothing had begun");

    // An alert that never arrived is no alert.
    ops.answer(Answer::status(400));
    assert_eq!(send(api, offline()).await.0, 1);
    assert_eq!(send(api, offline()).await.0, 1, "told at once");
    assert_eq!(send(api, offline()).await, skipped("repeat_not_due"));
    let explained = api.post("/events/explain", offline()).await;
    assert_eq!(explained["plan"]["skips"][0]["reason"], "repeat_not_due", "{explained}");
    assert_eq!(explained["plan"]["targets"], json!([]));

    // Who was told is known after a crash.
    server.kill9().await;
    server.restart().await;
    let api = server.api();
    assert_eq!(send(api, offline()).await, skipped("repeat_not_due"));

    // A reminder, once it is due, and only then.
    api.patch("/settings/notifications/events/connection_offline", json!({ "reminder_hours": 0.0003 })).await;
    until("reminder that is due", PATIENCE, async || {
        let explained = api.post("/events/explain", offline()).await;
        (explained["plan"]["targets"].as_array().unwrap().len() == 1).then_some(())
    })
    .await;
    assert_eq!(send(api, offline()).await.0, 1);
    api.patch("/settings/notifications/events/connection_offline", json!({ "reminder_hours": 0 })).await;
    assert_eq!(send(api, offline()).await, skipped("repeat_not_due"), "0 is once per condition");

    assert_eq!(send(api, online()).await.0, 1, "the end");
    assert_eq!(send(api, online()).await, skipped("not_told"), "is told once");
    let types: Vec<_> = ops.requests().iter().map(|request| request.json()["event_type"].clone()).collect();
    assert_eq!(types, ["connection_offline", "connection_offline", "connection_offline", "connection_online"]);

    // Many together are one condition, in one transaction or several.
    let batch: Vec<_> = (0..50).map(|_| offline()).collect();
    let answer = api.post("/events/batch", json!({ "events": batch })).await;
    let told = answer["results"].as_array().unwrap().iter().filter(|result| outcome(result).0 == 1).count();
    assert_eq!(told, 1, "{answer}");

    // A condition that the sender names; one without a key is refused.
    let named = |key: &str, state: &str| {
        let data = json!({ "component": "raid", "error": "degraded" });
        json!({ "type": "system_error", "data": data, "condition": { "key": key, "state": state } })
    };
    assert_eq!(send(api, named("md0", "firing")).await.0, 1);
    assert_eq!(send(api, named("md0", "firing")).await, skipped("repeat_not_due"));
    assert_eq!(send(api, named("md1", "resolved")).await, skipped("not_told"));
    assert_eq!(send(api, named("md0", "resolved")).await.0, 1);
    let refused = api.call(Method::POST, "/events", Some(&named(" ", "firing"))).await.problem();
    assert_eq!((refused.status, refused.pointers), (422, vec!["/condition/key".to_owned()]));
}

/// What a receiver was told, by event type.
fn types(receiver: &Receiver) -> Vec<String> {
    receiver.requests().iter().map(|request| request.json()["event_type"].as_str().unwrap().to_owned()).collect()
}

async fn missed_runs(mut server: Server) {
    let (always, success) = (Receiver::start().await, Receiver::start().await);
    let api = server.api();
    let [always_id, success_id] =
        [api.webhook("always", always.url("/")).await, api.webhook("success", success.url("/")).await];
    let job = |name: &str, every: u32| {
        json!({
            "name": name, "expect_every_s": every, "grace_s": 0,
            "notifications": [
                { "channel_id": always_id, "condition": "on_failure" },
                { "channel_id": success_id, "condition": "on_success" },
            ],
        })
    };
    let made = api.post("/jobs", job("hourly", 3_600)).await;
    assert!(made["next_expected_at"].is_string(), "{made}");
    let soon = api.post("/jobs", job("soon", 1)).await;
    let soon = soon["id"].as_str().unwrap().to_owned();

    // A stop forgets no miss, and one is told once.
    server.kill9().await;
    until("time that has come", PATIENCE, async || (Timestamp::now() > soon_after(&made["created_at"])).then_some(()))
        .await;
    server.restart().await;
    let api = server.api();
    always.wait_for(1, PATIENCE).await;
    assert_eq!(types(&always), ["run_missed"]);
    let missed = always.requests()[0].json();
    assert_eq!(missed["title"], "Run Missed: soon", "{missed}");
    let shown = api.get(&format!("/jobs/{soon}")).await;
    let expected: Timestamp = shown["next_expected_at"].as_str().unwrap().parse().unwrap();
    assert!(expected < Timestamp::now(), "{shown}");

    // The next run ends it; who does not hear of misses does not hear of their ends. A long interval first, so that
    // this run is not missed in its turn.
    api.patch(&format!("/jobs/{soon}"), json!({ "expect_every_s": 3_600 })).await;
    api.post("/jobs/soon/runs", json!({ "outcome": "success" })).await;
    always.wait_for(2, PATIENCE).await;
    api.settled().await;
    assert_eq!(types(&always), ["run_missed", "run_recovered"]);
    assert_eq!(types(&success), ["backup_success"]);
    let recovered = &api.get("/events?limit=1").await["items"][0];
    assert_eq!((&recovered["type"], &recovered["condition"]["state"]), (&json!("run_recovered"), &json!("resolved")));
    let shown = api.get(&format!("/jobs/{soon}")).await;
    let expected: Timestamp = shown["next_expected_at"].as_str().unwrap().parse().unwrap();
    assert!(expected > Timestamp::now(), "{shown}");
}

/// When a job of every second is overdue that was made at this time.
fn soon_after(created: &Value) -> Timestamp {
    created.as_str().unwrap().parse::<Timestamp>().unwrap() + Duration::from_secs(2)
}

#[tokio::test]
async fn jobs_check_in_by_their_addresses() {
    let (server, ops) = (Server::start().await, Receiver::start().await);
    let api = server.api();
    let channel = api.webhook("ops", ops.url("/")).await;
    let id = api.job("nightly", &[(&channel, "always")]).await;
    let key = api.get(&format!("/jobs/{id}")).await["ping_key"].as_str().unwrap().to_owned();
    let anybody = api.with_token(None);
    let ping = async |method: Method, rest: &str, body: &str| {
        let reply = anybody.exchange(method, &format!("/ping/{rest}"), &[], body.to_owned()).await.unwrap();
        (reply.status, reply.text())
    };
    let last = async || api.get(&format!("/jobs/{id}")).await["last_run"].clone();
    let ok = (200, "OK".to_owned());

    assert_eq!(ping(Method::GET, &format!("{key}/start"), "").await, ok);
    assert_eq!(last().await, Value::Null, "a start is no run");
    assert_eq!(ping(Method::GET, &format!("{key}?rid=1"), "").await, ok);
    let run = last().await;
    assert_eq!((&run["outcome"], run["duration_ms"].is_u64()), (&json!("success"), true), "{run}");
    assert_eq!(ping(Method::HEAD, &key, "").await, (200, String::new()));
    assert_eq!(last().await["duration_ms"], Value::Null, "a start belongs to one run");
    assert_eq!(ping(Method::POST, &format!("{key}/fail"), "dump:\u{7} no\r\nspace left\n").await, ok);
    let run = last().await;
    assert_eq!((&run["outcome"], &run["error"]), (&json!("failure"), &json!("dump: no\nspace left")), "{run}");
    for (code, outcome) in [("0", "success"), ("1", "failure"), ("255", "failure"), ("00", "success")] {
        assert_eq!(ping(Method::GET, &format!("{key}/{code}"), "").await, ok);
        assert_eq!(last().await["outcome"], outcome, "{code}");
    }
    // A long log: its end.
    let log = format!("{}the last line\n", "a line of a log\n".repeat(50_000));
    assert_eq!(ping(Method::POST, &format!("{key}/2"), &log).await, ok);
    let error = last().await["error"].as_str().unwrap().to_owned();
    assert!(error.len() <= 8_192 && error.starts_with("a line") && error.ends_with("the last line"), "{error}");

    let before = api.metrics().await.accepted;
    for wrong in ["", "x", &format!("{key}x"), &format!("{key}/256"), &format!("{key}/log"), &format!("{key}/fail/1")] {
        for method in [Method::GET, Method::HEAD, Method::POST] {
            assert_eq!(ping(method.clone(), wrong, "").await.0, 404, "{method} {wrong}");
        }
    }
    let rotated = api.post(&format!("/jobs/{id}/ping-key"), json!({})).await["ping_key"].as_str().unwrap().to_owned();
    assert_eq!(ping(Method::GET, &key, "").await.0, 404, "the old key ends");
    assert_eq!(api.settled().await.accepted, before, "nothing of that was a run");
    assert_eq!(ping(Method::GET, &rotated, "").await, ok);
    assert_eq!(api.settled().await.accepted, before + 1);
    assert!(!server.whole_log().contains(&rotated), "a key stands in no log");
}
