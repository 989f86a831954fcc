//! Several servers on one PostgreSQL: one that sleeps through its lease, one that is killed.

use std::{collections::HashMap, fs, time::Duration};

use fanfare_testkit::{Answer, Receiver};
use fanfare_tests::{Api, PATIENCE, Postgres, Server, until};
use http::Method;
use serde_json::{Value, json};

/// How many deliveries a webhook has under way at once.
const IN_FLIGHT: usize = 32;

/// How late the bad news is: far more than posting takes, and more than twice the lease.
const LATE: Duration = Duration::from_secs(6);

/// The lease of the nodes here, in seconds.
const LEASE_S: f64 = 1.0;
const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// A server on this database.
pub(crate) async fn node(postgres: &Postgres) -> Server {
    let url = postgres.url("fanfare");
    let mut server = Server::prepare(&[("FANFARE_DATABASE_URL", &url), ("FANFARE_SECRET_KEY", KEY)]);
    let settings = format!("[engine]\nlease_s = {LEASE_S}\nretry_schedule_s = [0.05]\njitter = 0\n");
    fs::write(server.place().join("fanfare.toml"), settings).unwrap();
    server.restart().await;
    server
}

/// A PostgreSQL with an empty database for servers.
pub(crate) async fn database() -> Postgres {
    let postgres = Postgres::start().await;
    postgres.create("fanfare");
    postgres
}

async fn post(api: &Api, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for i in 0..count {
        let data = json!({ "component": "test", "error": i.to_string() });
        let accepted = api.post("/events", json!({ "type": "system_error", "data": data })).await;
        ids.push(accepted["deliveries"][0]["id"].as_str().unwrap().to_owned());
    }
    ids
}

/// How often each delivery arrived.
fn arrivals(receiver: &Receiver) -> HashMap<String, usize> {
    let mut arrivals = HashMap::new();
    for request in receiver.requests() {
        *arrivals.entry(request.header("webhook-id").unwrap().to_owned()).or_default() += 1;
    }
    arrivals
}

#[tokio::test]
async fn a_node_that_slept_through_its_lease_records_nothing_over_the_others() {
    let postgres = database().await;
    let (sleeper, other) = (node(&postgres).await, node(&postgres).await);
    let receiver = Receiver::start().await;
    // Bad news, which reaches the sleeper only when it wakes, however long posting takes.
    receiver.answer_always(Answer::status(500).body("too early").delay(LATE));
    let channel = sleeper.api().webhook("ops", receiver.url("/")).await;
    sleeper.api().make_global(&[&channel]).await;
    until("settings at the other node", PATIENCE, async || {
        (other.api().get("/settings/notifications").await["global_channels"][0] == channel.as_str()).then_some(())
    })
    .await;
    let ids = post(sleeper.api(), 60).await;
    receiver.wait_for(IN_FLIGHT, PATIENCE).await;
    sleeper.signal("STOP");
    receiver.answer_always(Answer::status(200));
    // By twice its lease, the other one has delivered everything.
    let metrics = until("takeover", PATIENCE, async || {
        let metrics = other.api().metrics().await;
        (metrics.of("delivered") == 60).then_some(metrics)
    });
    metrics.await.check();
    let recorded = records(&postgres);
    assert!(recorded.iter().all(|row| row["attempts"] == 1 && row["last_outcome"] == "delivered"), "{recorded:?}");
    // All that the sleeper had sent is answered by now, more than twice its lease later.
    receiver.wait_for_answered(60 + IN_FLIGHT, PATIENCE).await;
    sleeper.signal("CONT");
    until("rejoining", PATIENCE, async || sleeper.log().contains("was silent for too long").then_some(())).await;

    // The sleeper's answers, the bad ones and whatever it sent on waking, have changed nothing.
    let more = post(sleeper.api(), 5).await;
    until("what it accepts now", PATIENCE, async || (other.api().metrics().await.of("delivered") == 65).then_some(()))
        .await;
    other.api().metrics().await.check();
    let after = records(&postgres);
    assert_eq!(&after[..60], &recorded[..], "an outcome was recorded by whoever had lost the lease");
    assert_eq!(after.len(), 65);
    let arrivals = arrivals(&receiver);
    assert!(ids.iter().chain(&more).all(|id| arrivals.contains_key(id)));
    assert!(more.iter().all(|id| arrivals[id] == 1));
    let again = arrivals.values().filter(|times| **times > 1).count();
    println!(
        "fault: one of two nodes stopped for twice its lease: no unfenced record; deliveries 65, under way when it was \
         stopped {IN_FLIGHT}, sent twice {again}, unfenced records 0"
    );
}

#[tokio::test]
async fn one_of_three_killed_under_load_loses_nothing() {
    let postgres = database().await;
    let (one, two, mut three) = (node(&postgres).await, node(&postgres).await, node(&postgres).await);
    let receiver = Receiver::start().await;
    receiver.answer_always(Answer::status(200).delay(Duration::from_millis(20)));
    let channel = one.api().webhook("ops", receiver.url("/")).await;
    one.api().make_global(&[&channel]).await;
    for other in [&two, &three] {
        until("settings", PATIENCE, async || {
            (other.api().get("/settings/notifications").await["global_channels"][0] == channel.as_str()).then_some(())
        })
        .await;
    }
    let killer = three.killer();
    let load = async |api: &Api| {
        let mut accepted = Vec::new();
        for i in 0..300 {
            let data = json!({ "component": "test", "error": i.to_string() });
            // Whoever is killed answers nothing more; only what was answered with 202 counts.
            let body = json!({ "type": "system_error", "data": data }).to_string();
            let headers = [("content-type", "application/json")];
            match api.exchange(Method::POST, "/api/v1/events", &headers, body).await {
                Ok(reply) if reply.status == 202 => accepted.push(id_of(&reply.json())),
                _ => break,
            }
        }
        accepted
    };
    let kill = async {
        receiver.wait_for(200, PATIENCE).await;
        killer.kill9();
    };
    let (a, b, c, ()) = tokio::join!(load(one.api()), load(two.api()), load(three.api()), kill);
    three.wait().await;
    assert_eq!((a.len(), b.len()), (300, 300));
    let metrics = until("the end of what is pending", PATIENCE, async || {
        let metrics = one.api().metrics().await;
        (metrics.of("pending") == 0).then_some(metrics)
    });
    let metrics = metrics.await;
    metrics.check();
    assert_eq!(metrics.of("delivered"), metrics.accepted);
    let arrivals = arrivals(&receiver);
    let lost: Vec<_> = a.iter().chain(&b).chain(&c).filter(|id| !arrivals.contains_key(*id)).collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
    let twice = arrivals.values().filter(|count| **count > 1).count();
    println!(
        "fault: one of three nodes killed under load: lost 0; accepted {}, {} of them by the killed one, lost 0, twice \
         {twice}",
        metrics.accepted,
        c.len()
    );
}

fn id_of(accepted: &Value) -> String {
    accepted["deliveries"][0]["id"].as_str().unwrap().to_owned()
}

/// How the database records every delivery, oldest first.
fn records(postgres: &Postgres) -> Vec<Value> {
    let sql = "SELECT json_agg(json_build_object('id', id, 'state', state, 'attempts', attempts, 'last_outcome', \
               last_outcome, 'last_attempt_at', last_attempt_at, 'delivered_at', delivered_at) ORDER BY id) \
               FROM fanfare_deliveries";
    serde_json::from_str(&postgres.sql("fanfare", sql)).unwrap()
}
