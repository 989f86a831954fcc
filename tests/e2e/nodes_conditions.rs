//! What lasts, on several servers that share a PostgreSQL: told once, not once by each of them.

use std::time::Duration;

use fanfare_testkit::{Answer, Receiver};
use fanfare_tests::{Api, PATIENCE, Postgres, Server, until};
use http::Method;
use serde_json::{Value, json};

use crate::nodes::{database, node};

/// Two servers on one database, with one global channel that both know.
async fn two(ops: &Receiver) -> (Postgres, Server, Server, String) {
    let postgres = database().await;
    let (one, two) = (node(&postgres).await, node(&postgres).await);
    let channel = one.api().webhook("ops", ops.url("/")).await;
    one.api().make_global(&[&channel]).await;
    until("settings at the other node", PATIENCE, async || {
        (two.api().get("/settings/notifications").await["global_channels"][0] == channel.as_str()).then_some(())
    })
    .await;
    (postgres, one, two, channel)
}

fn connection(event_type: &str) -> Value {
    let mut data = json!({ "adapter_name": "Shop", "adapter_type": "database", "adapter_id": "db-shop" });
    if event_type == "connection_offline" {
        data["consecutive_failures"] = 3.into();
    }
    json!({ "type": event_type, "data": data })
}

/// Sends an event many times to both servers at once, some of them in one request. Says how many deliveries there are,
/// and checks that all others are skipped for this reason.
async fn flood(nodes: [&Api; 2], event_type: &str, reason: &str) -> usize {
    let batch = json!({ "events": (0..10).map(|_| connection(event_type)).collect::<Vec<_>>() });
    let many = async |api: &Api| {
        let (a, b, c) = tokio::join!(
            api.post("/events/batch", batch.clone()),
            api.post("/events/batch", batch.clone()),
            api.post("/events", connection(event_type)),
        );
        let mut all: Vec<Value> =
            [a, b].iter().flat_map(|answer| answer["results"].as_array().unwrap().clone()).collect();
        all.push(c);
        all
    };
    let (mut all, more) = tokio::join!(many(nodes[0]), many(nodes[1]));
    all.extend(more);
    assert_eq!(all.len(), 42);
    for answer in &all {
        let skips: Vec<_> = answer["skipped"].as_array().unwrap().iter().map(|skip| skip["reason"].clone()).collect();
        let told = answer["deliveries"].as_array().unwrap().len();
        assert!(told == 1 && skips.is_empty() || told == 0 && skips == [reason], "{answer}");
    }
    nodes[0].settled().await;
    all.iter().filter(|answer| !answer["deliveries"].as_array().unwrap().is_empty()).count()
}

fn types(receiver: &Receiver) -> Vec<String> {
    receiver.requests().iter().map(|request| request.json()["event_type"].as_str().unwrap().to_owned()).collect()
}

/// Rule: How often is a lasting condition told of?
#[tokio::test]
async fn of_two_nodes_one_tells_of_a_condition_of_its_reminders_and_of_its_end() {
    let ops = Receiver::start().await;
    let (postgres, mut one, two, _) = two(&ops).await;
    let nodes = [one.api(), two.api()];
    assert_eq!(flood(nodes, "connection_online", "not_told").await, 0, "nothing had begun");
    assert_eq!(flood(nodes, "connection_offline", "repeat_not_due").await, 1);
    assert_eq!(flood(nodes, "connection_offline", "repeat_not_due").await, 0);
    // A day goes by, twice.
    for _ in 0..2 {
        postgres.sql("fanfare", "UPDATE fanfare_deliveries SET delivered_at = delivered_at - 86400000");
        postgres.sql("fanfare", "UPDATE fanfare_told SET told_at = told_at - 86400000");
        assert_eq!(flood(nodes, "connection_offline", "repeat_not_due").await, 1, "a reminder");
        assert_eq!(flood(nodes, "connection_offline", "repeat_not_due").await, 0);
    }
    assert_eq!(flood(nodes, "connection_online", "not_told").await, 1, "the end");
    assert_eq!(flood(nodes, "connection_online", "not_told").await, 0);

    // What one has told the other knows when the first is gone.
    one.api().post("/events", connection("connection_offline")).await;
    one.api().settled().await;
    one.kill9().await;
    let api = two.api();
    let answer = api.post("/events", connection("connection_offline")).await;
    assert_eq!(answer["skipped"][0]["reason"], "repeat_not_due", "{answer}");
    api.post("/events", connection("connection_online")).await;
    let metrics = api.settled().await;
    assert_eq!((metrics.accepted, metrics.of("delivered")), (6, 6));
    let offline = "connection_offline";
    assert_eq!(
        types(&ops),
        [offline, offline, offline, "connection_online", offline, "connection_online"],
        "each of it once"
    );
}

/// Rule: How often is a lasting condition told of?
#[tokio::test]
async fn an_end_that_one_node_takes_waits_for_the_alert_of_the_other() {
    let ops = Receiver::start().await;
    let (_postgres, mut one, two, _) = two(&ops).await;
    let alert = connection("connection_offline");
    ops.answer(Answer::status(200).delay(Duration::from_secs(1)));
    one.api().post("/events", alert.clone()).await;
    ops.wait_for(1, PATIENCE).await;
    two.api().post("/events", connection("connection_online")).await;
    assert_eq!(two.api().settled().await.of("delivered"), 2);
    let requests = ops.requests();
    assert_eq!(types(&ops), ["connection_offline", "connection_online"]);
    assert!(requests[1].instant - requests[0].instant >= Duration::from_secs(1));

    // Whoever has the alert under way is gone: the other takes it over, and then tells the end.
    ops.clear();
    ops.answer(Answer::hang());
    one.api().post("/events", alert).await;
    ops.wait_for(1, PATIENCE).await;
    two.api().post("/events", connection("connection_online")).await;
    one.kill9().await;
    assert_eq!(two.api().settled().await.of("delivered"), 4);
    assert_eq!(types(&ops), ["connection_offline", "connection_offline", "connection_online"]);
}

/// Rule: Who hears of a job's runs?
#[tokio::test]
async fn of_two_nodes_one_tells_of_each_missed_run_and_of_its_recovery() {
    const JOBS: usize = 20;
    let ops = Receiver::start().await;
    let (_postgres, one, two, channel) = two(&ops).await;
    let nodes = [one.api(), two.api()];
    for i in 0..JOBS {
        let job = json!({
            "name": format!("job-{i}"), "expect_every_s": 1, "grace_s": 0,
            "notifications": [{ "channel_id": channel, "condition": "on_failure" }],
        });
        nodes[i % 2].post("/jobs", job).await;
    }
    let of = async |api: &Api, event_type: &str| {
        let events = api.all("/events").await.into_iter();
        events.filter(|event| event["type"] == event_type).collect::<Vec<_>>()
    };
    until("missed runs", PATIENCE, async || (of(nodes[0], "run_missed").await.len() >= JOBS).then_some(())).await;
    nodes[0].settled().await;

    // A run of each, reported to the one and to the other, ends it. Long intervals first, so that it is not missed in
    // its turn.
    for job in nodes[0].get("/jobs").await.as_array().unwrap() {
        nodes[0].patch(&format!("/jobs/{}", job["id"].as_str().unwrap()), json!({ "expect_every_s": 3_600 })).await;
    }
    for i in 0..JOBS {
        let (path, run) = (format!("/jobs/job-{i}/runs"), json!({ "outcome": "success" }));
        let node = nodes[(i + 1) % 2];
        until("job at the other node", PATIENCE, async || {
            (node.call(Method::POST, &path, Some(&run)).await.status == 202).then_some(())
        })
        .await;
    }
    until("recoveries", PATIENCE, async || (of(nodes[1], "run_recovered").await.len() >= JOBS).then_some(())).await;
    nodes[1].settled().await;
    for event_type in ["run_missed", "run_recovered"] {
        let events = of(nodes[0], event_type).await;
        let mut jobs: Vec<_> = events.iter().map(|event| event["data"]["job_name"].as_str().unwrap()).collect();
        jobs.sort_unstable();
        let told = events.iter().map(|event| event["plan"]["targets"].as_array().unwrap().len()).sum::<usize>();
        let heard = types(&ops).iter().filter(|heard| *heard == event_type).count();
        jobs.dedup();
        assert_eq!((events.len(), jobs.len(), told, heard), (JOBS, JOBS, JOBS, JOBS), "{event_type}");
    }
}
