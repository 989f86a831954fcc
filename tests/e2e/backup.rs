//! The main job: the outcome of a real backup arrives at real receivers.

use std::{fs, path::Path, time::Instant};

use fanfare_testkit::{Received, Receiver};
use fanfare_tests::{PATIENCE, Server, rows, tool};
use serde_json::{Value, json};

use crate::told::{Told, report, tell};

const ORDERS: usize = 5_000;

/// A database with something in it.
fn fill(file: &Path) {
    let sql = format!(
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer TEXT NOT NULL);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ORDERS})
         INSERT INTO orders SELECT i, hex(randomblob(32)) FROM n;"
    );
    rows(file, &sql);
}

/// Runs a backup as a script would, and says what that script would report.
fn back_up(source: &Path, target: &Path) -> Value {
    let began = Instant::now();
    let backup = format!(".backup '{}'", target.display());
    let output = tool(&["-readonly", source.to_str().unwrap(), &backup]);
    let duration = u64::try_from(began.elapsed().as_millis()).unwrap();
    match output.status.success() {
        true => json!({
            "outcome": "success",
            "source": "Shop database",
            "duration_ms": duration,
            "size_bytes": fs::metadata(target).unwrap().len(),
        }),
        false => json!({
            "outcome": "failure",
            "source": "Shop database",
            "duration_ms": duration,
            "error": String::from_utf8(output.stderr).unwrap().trim(),
        }),
    }
}

/// The value of one of the fields that a receiver was sent.
fn field(body: &Value, name: &str) -> Option<String> {
    let fields = body["fields"].as_array().unwrap();
    let field = fields.iter().find(|field| field["name"] == name)?;
    Some(field["value"].as_str().unwrap().into())
}

/// Checks that a receiver was sent exactly what was announced for this channel.
#[track_caller]
fn check_arrival(told: &Told, channel: &str, request: &Received) {
    let id = request.header("webhook-id").unwrap();
    assert!(told.deliveries.iter().any(|delivery| delivery == id), "{id} is not of {told:?}");
    let mut announced = told.payloads[channel].clone();
    announced["event_id"] = told.event.as_str().into();
    assert_eq!(request.json(), announced);
    assert_eq!(request.header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn the_outcome_of_a_real_backup_reaches_whom_its_conditions_name() {
    let (server, files) = (Server::start().await, tempfile::tempdir().unwrap());
    let api = server.api();
    let [all, good, bad, global] = [(); 4].map(|()| Receiver::start());
    let (all, good, bad, global) = (all.await, good.await, bad.await, global.await);
    let journal = api.webhook("journal", all.url("/journal")).await;
    let heartbeat = api.webhook("heartbeat", good.url("/heartbeat")).await;
    let pager = api.webhook("pager", bad.url("/pager")).await;
    let ops = api.webhook("ops", global.url("/ops")).await;
    api.make_global(&[&ops]).await;
    let conditions = [(journal.as_str(), "always"), (&heartbeat, "on_success"), (&pager, "on_failure")];
    let job = api.job("shop-backup", &conditions).await;

    // It works.
    let (source, target) = (files.path().join("shop.db"), files.path().join("backup.db"));
    fill(&source);
    let run = back_up(&source, &target);
    assert_eq!(rows(&target, "SELECT count(*) FROM orders"), [[ORDERS.to_string()]]);
    let told = report(api, "shop-backup", run.clone()).await;
    told.check(&[("journal", "assignment"), ("heartbeat", "assignment")], &["condition_not_met"]);
    assert_eq!(told.skips[0].1.as_deref(), Some(pager.as_str()));
    let arrived = all.wait_for(1, PATIENCE).await;
    check_arrival(&told, &journal, &arrived[0]);
    check_arrival(&told, &heartbeat, &good.wait_for(1, PATIENCE).await[0]);
    let body = arrived[0].json();
    assert_eq!((arrived[0].method.as_str(), arrived[0].path.as_str()), ("POST", "/journal"));
    assert_eq!(body["title"], "Backup Successful: shop-backup");
    assert_eq!(body["event_type"], "backup_success");
    assert_eq!((&body["success"], &body["status"]), (&json!(true), &json!("success")));
    assert_eq!(field(&body, "Source").as_deref(), Some("Shop database"));
    let size = run["size_bytes"].as_f64().unwrap();
    let kib = format!("{:.2}", size / 1024.0);
    let kib = kib.trim_end_matches('0').trim_end_matches('.');
    assert_eq!(field(&body, "Size"), Some(format!("{kib} KB")));
    let seconds = (run["duration_ms"].as_f64().unwrap() / 1000.0 + 0.5).floor();
    assert_eq!(field(&body, "Duration"), Some(format!("{seconds}s")));
    assert_eq!(field(&body, "Error"), None);

    // The source is damaged.
    let whole = fs::read(&source).unwrap();
    fs::write(&source, &whole[..whole.len() / 3]).unwrap();
    let run = back_up(&source, &target);
    assert_eq!(run["outcome"], "failure");
    let told = report(api, "shop-backup", run.clone()).await;
    told.check(&[("journal", "assignment"), ("pager", "assignment")], &["condition_not_met"]);
    assert_eq!(told.skips[0].1.as_deref(), Some(heartbeat.as_str()));
    let body = bad.wait_for(1, PATIENCE).await[0].json();
    check_arrival(&told, &pager, &bad.requests()[0]);
    check_arrival(&told, &journal, &all.wait_for(2, PATIENCE).await[1]);
    assert_eq!(body["title"], "Backup Failed: shop-backup");
    assert_eq!((&body["success"], &body["status"]), (&json!(false), &json!("failure")));
    let words = run["error"].as_str().unwrap();
    assert!(words.contains("malformed") || words.contains("not a database"), "{words}");
    assert_eq!(field(&body, "Error").as_deref(), Some(words));
    assert!(body["message"].as_str().unwrap().contains(words));

    // The source is gone; this time the job is named by its id.
    fs::remove_file(&source).unwrap();
    let run = back_up(&source, &target);
    let told = report(api, &job, run.clone()).await;
    told.check(&[("journal", "assignment"), ("pager", "assignment")], &["condition_not_met"]);
    let body = bad.wait_for(2, PATIENCE).await[1].json();
    assert_eq!(field(&body, "Error").as_deref(), run["error"].as_str());
    assert!(run["error"].as_str().unwrap().contains("unable to open database"));

    // One of two sources is there.
    fs::write(&source, &whole).unwrap();
    let first = back_up(&source, &target);
    let second = back_up(&files.path().join("crm.db"), &files.path().join("crm-backup.db"));
    assert_eq!((&first["outcome"], &second["outcome"]), (&json!("success"), &json!("failure")));
    let details = format!("Shop: done, CRM: {}", second["error"].as_str().unwrap());
    let run = json!({ "outcome": "partial", "size_bytes": first["size_bytes"], "error": details });
    let told = report(api, "shop-backup", run).await;
    told.check(&[("journal", "assignment"), ("pager", "assignment")], &["condition_not_met"]);
    let body = bad.wait_for(3, PATIENCE).await[2].json();
    assert_eq!(body["title"], "Backup Partial: shop-backup");
    assert_eq!(body["status"], "warning");
    assert_eq!(field(&body, "Details"), Some(details));

    // Everything is told and nothing is told twice.
    let metrics = api.settled().await;
    assert_eq!((metrics.accepted, metrics.of("delivered")), (8, 8));
    let titles = |receiver: &Receiver| -> Vec<String> {
        receiver
            .requests()
            .iter()
            .map(|r| r.json()["title"].as_str().unwrap().split(':').next().unwrap().into())
            .collect()
    };
    let mut journal = titles(&all);
    journal.sort_unstable();
    assert_eq!(journal, ["Backup Failed", "Backup Failed", "Backup Partial", "Backup Successful"]);
    assert_eq!(titles(&good), ["Backup Successful"]);
    assert_eq!(titles(&bad), ["Backup Failed", "Backup Failed", "Backup Partial"]);
    assert_eq!(global.count(), 0, "a run is not told to the global channels");
    let job = api.get(&format!("/jobs/{job}")).await;
    assert_eq!(job["last_run"]["outcome"], "partial");
    let deliveries = api.all(&format!("/deliveries?job_id={}&state=delivered", job["id"].as_str().unwrap())).await;
    assert_eq!(deliveries.len(), 8);
    assert!(deliveries.iter().all(|delivery| delivery["attempts"] == 1 && delivery["reason"] == "assignment"));

    // And what is not about a job goes to the global channels alone.
    let told = tell(api, "system_error", json!({ "component": "scheduler", "error": "disk full" })).await;
    told.check(&[("ops", "global")], &[]);
    let request = &global.wait_for(1, PATIENCE).await[0];
    check_arrival(&told, &ops, request);
    assert_eq!(request.json()["title"], "System Error");
    assert_eq!(field(&request.json(), "Component").as_deref(), Some("scheduler"));
    api.settled().await;
    assert_eq!((all.count(), good.count(), bad.count(), global.count()), (4, 1, 3, 1));
}

#[tokio::test]
async fn a_run_is_told_in_the_form_that_the_receiver_asks_for() {
    let (server, receiver) = (Server::start().await, Receiver::start().await);
    let api = server.api();
    let secret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
    let config = json!({
        "url": receiver.url("/in?source=fanfare"),
        "method": "PUT",
        "authorization": "Bearer receiver-token",
        "headers": { "X-Team": "Data \u{df}" },
        "body_template": r#"{"text": "{{title}} ({{status}})", "ok": {{success}}, "facts": {{fields}}}"#,
        "signing_secret": secret,
    });
    let channel = api.post("/channels", json!({ "name": "chat", "kind": "webhook", "config": config })).await;
    let channel = channel["id"].as_str().unwrap();
    api.job("quotes", &[(channel, "always")]).await;
    let error = "pg_dump: \"shop\"\\{{title}}\n\tFATAL: no";
    report(api, "quotes", json!({ "outcome": "failure", "error": error })).await;
    let request = &receiver.wait_for(1, PATIENCE).await[0];
    assert_eq!((request.method.as_str(), request.path.as_str()), ("PUT", "/in?source=fanfare"));
    assert_eq!(request.header("authorization"), Some("Bearer receiver-token"));
    assert_eq!(request.headers["x-team"].as_bytes(), "Data \u{df}".as_bytes());
    let body = request.json();
    assert_eq!((&body["text"], &body["ok"]), (&json!("Backup Failed: quotes (failure)"), &json!(false)));
    let facts = body["facts"].as_array().unwrap();
    assert_eq!(facts.iter().find(|fact| fact["name"] == "Error").unwrap()["value"], error, "data is data");
    let signature = standardwebhooks::Webhook::new(secret).unwrap();
    signature.verify(&request.body, &request.headers).expect("a good signature");
}
