//! What `fanfare run` cannot report is kept, and sent once.

use std::{fs, os::unix::fs::PermissionsExt, process::Stdio, time::Duration};

use fanfare_testkit::{Answer, Received, Receiver};
use fanfare_tests::{Server, Wrapper};
use serde_json::{Value, json};

/// An address that nothing listens on, and that no other process is given by chance: it is below the range from which
/// the system takes ports by itself.
fn quiet_address() -> String {
    loop {
        let address = format!("127.0.0.1:{}", rand::random_range(10_000..30_000));
        if std::net::TcpListener::bind(&address).is_ok() {
            return address;
        }
    }
}

/// A server's answer to a report.
fn accepted() -> Answer {
    Answer::status(202).body(r#"{"id":"e","duplicate":false,"deliveries":[],"skipped":[]}"#)
}

fn problem(status: u16) -> Answer {
    let body = json!({ "title": "Words of the stub", "status": status, "type": "about:blank" });
    Answer::status(status).header("content-type", "application/problem+json").body(body.to_string())
}

fn keys(requests: &[Received]) -> Vec<String> {
    requests.iter().map(|request| request.json()["idempotency_key"].as_str().unwrap().to_owned()).collect()
}

fn key(waiting: &Value) -> String {
    waiting["run"]["idempotency_key"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_while_the_server_was_down_is_told_once_with_its_time() {
    let address = quiet_address();
    let mut server = Server::start_with(&[("FANFARE_LISTEN", &address)]).await;
    let receiver = Receiver::start().await;
    let channel = server.api().webhook("ops", receiver.url("/")).await;
    server.api().job("nightly", &[(&channel, "always")]).await;
    let user = server.wrapper();
    server.kill9().await;

    let mut kept = Vec::new();
    for (script, code) in [("echo first >&2; exit 3", 3), ("echo second >&2; exit 4", 4)] {
        let ran = user.sh("nightly", script).await;
        assert_eq!(ran.code, Some(code));
        let spool = user.place().join("spool").display().to_string();
        assert!(ran.err().contains("not reported yet") && ran.err().contains(&spool), "{}", ran.err());
        assert!(ran.err().contains("the connection was refused"), "{}", ran.err());
        kept = user.waiting();
    }
    assert_eq!(kept.len(), 2);
    let dir = user.place().join("spool");
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    for entry in fs::read_dir(&dir).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600);
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains("end-to-end-admin-token"), "a token is in {text}");
    }
    for (report, words) in kept.iter().zip(["exit code 3\nfirst", "exit code 4\nsecond"]) {
        let run = &report["run"];
        assert_eq!((&report["server"], &report["job"]), (&json!(format!("http://{address}")), &json!("nightly")));
        assert_eq!((&run["error"], &run["outcome"]), (&json!(words), &json!("failure")));
    }

    server.restart().await;
    let ran = user.sh("nightly", "exit 0").await;
    assert_eq!((ran.code, ran.err()), (Some(0), String::new()));
    assert!(user.waiting().is_empty() && user.put_aside().is_empty());
    let events = server.api().all("/events").await;
    let told: Vec<_> = events.iter().rev().map(|event| (&event["type"], &event["data"]["error"])).collect();
    let expected = [
        (&json!("backup_failure"), &json!("exit code 3\nfirst")),
        (&json!("backup_failure"), &json!("exit code 4\nsecond")),
        (&json!("backup_success"), &Value::Null),
    ];
    assert_eq!(told, expected, "in their order");
    for (report, event) in kept.iter().zip(events.iter().rev()) {
        let time = |value: &Value| value.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
        assert_eq!(time(&event["occurred_at"]), time(&report["run"]["occurred_at"]), "with their times");
    }

    // And that was all.
    assert_eq!(user.run(&["--job", "nightly", "-v", "--", "true"]).await.code, Some(0));
    server.api().settled().await;
    assert_eq!((server.api().all("/events").await.len(), receiver.count()), (4, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_is_kept_and_what_is_final_is_not() {
    let stub = Receiver::start().await;
    let user = Wrapper::new(&stub.url("/base"), "token");
    for status in [500, 503, 429, 408] {
        let before = user.waiting().len();
        stub.answer_always(problem(status));
        let ran = user.sh("a/b c", "exit 3").await;
        assert_eq!(ran.code, Some(3));
        assert!(ran.err().contains("not reported yet") && ran.err().contains("Words of the stub"), "{}", ran.err());
        assert_eq!(user.waiting().len(), before + 1, "{status}");
    }
    for answer in [Answer::close(), Answer::status(200).body("<html>Sign in to the network</html>")] {
        let before = user.waiting().len();
        stub.answer_always(answer);
        assert_eq!(user.sh("a/b c", "exit 3").await.code, Some(3));
        assert_eq!(user.waiting().len(), before + 1);
    }
    let kept = user.waiting();
    for status in [401, 403] {
        stub.answer_always(problem(status));
        let ran = user.sh("a/b c", "exit 3").await;
        assert!(ran.code == Some(3) && ran.err().contains("is not reported: Words of the stub"), "{}", ran.err());
        assert_eq!(user.waiting(), kept, "{status}");
    }
    assert!(stub.requests().iter().all(|request| request.path == "/base/api/v1/jobs/a%2Fb%20c/runs"));
    assert!(stub.requests().iter().all(|request| request.header("authorization") == Some("Bearer token")));
    stub.clear();

    // Everything goes in its order, this run last.
    stub.answer_always(accepted());
    let ran = user.run(&["--job", "other", "-v", "--", "true"]).await;
    assert!(ran.err().starts_with("fanfare: reported of earlier runs: 6\nfanfare: reported success"), "{}", ran.err());
    assert_eq!(keys(&stub.requests())[..6], kept.iter().map(key).collect::<Vec<_>>());
    assert_eq!(stub.requests()[6].path, "/base/api/v1/jobs/other/runs");
    assert!(user.waiting().is_empty() && stub.count() == 7);

    for status in [400, 404, 409, 413, 422, 301] {
        stub.answer_always(problem(status));
        let ran = user.sh("a/b c", "exit 3").await;
        assert!(ran.code == Some(3) && ran.err().contains("is not reported: Words of the stub"), "{}", ran.err());
        assert!(user.waiting().is_empty(), "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_is_refused_for_good_is_put_aside() {
    let stub = Receiver::start().await;
    let user = Wrapper::new(&stub.url(""), "token");
    stub.answer_always(Answer::status(503));
    for job in ["gone", "known", "fine"] {
        user.sh(job, "exit 3").await;
    }
    stub.clear();
    stub.answer_with(|request| match request.path.as_str() {
        path if path.contains("gone") => problem(404),
        path if path.contains("known") => problem(409),
        _ => accepted(),
    });
    let ran = user.sh("this", "exit 0").await;
    assert_eq!(ran.code, Some(0));
    assert!(
        ran.err().contains("an earlier run of \"gone\"") && ran.err().contains("refused for good"),
        "{}",
        ran.err()
    );
    assert!(!ran.err().contains("known") && !ran.err().contains("fine"), "{}", ran.err());
    assert!(user.waiting().is_empty());
    let aside = user.put_aside();
    assert!(aside.len() == 1 && ran.err().contains(&aside[0].display().to_string()), "{aside:?}: {}", ran.err());
    // It is not tried again, nor said again.
    stub.clear();
    let ran = user.sh("this", "exit 0").await;
    assert_eq!((ran.err(), stub.count()), (String::new(), 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_no_reports_hinder_nothing() {
    let stub = Receiver::start().await;
    let user = Wrapper::new(&stub.url(""), "token");
    stub.answer(Answer::status(503));
    stub.answer_always(accepted());
    user.sh("a", "exit 3").await;
    let spool = user.place().join("spool");
    fs::write(spool.join("00000000-0000-7000-8000-000000000000.json"), "{\"half\":").unwrap();
    fs::write(spool.join("README.json"), "[]").unwrap();
    stub.clear();
    let ran = user.sh("b", "exit 0").await;
    assert!(ran.err().contains("put aside: it is no report"), "{}", ran.err());
    assert_eq!((ran.code, stub.count(), user.put_aside().len()), (Some(0), 2, 1));
    assert!(spool.join("README.json").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_stays_with_its_server() {
    let (one, other) = (Receiver::start().await, Receiver::start().await);
    one.answer(Answer::status(503));
    one.answer_always(accepted());
    other.answer_always(accepted());
    let mut user = Wrapper::new(&one.url(""), "token");
    user.sh("a", "exit 3").await;
    user.set_url(&other.url("/"));
    assert_eq!(user.sh("b", "exit 0").await.err(), "");
    assert_eq!((other.count(), user.waiting().len()), (1, 1));
    user.set_url(&one.url("/"));
    assert_eq!(user.sh("c", "exit 0").await.err(), "");
    assert_eq!((one.count(), user.waiting().len()), (3, 0), "however the address is spelled");
}

#[tokio::test(flavor = "multi_thread")]
async fn several_at_once_send_each_report_once() {
    const KEPT: usize = 12;
    let stub = Receiver::start().await;
    let user = Wrapper::new(&stub.url(""), "token");
    stub.answer_always(Answer::status(503));
    for _ in 0..KEPT {
        user.sh("kept", "exit 3").await;
    }
    let kept: Vec<_> = user.waiting().iter().map(key).collect();
    assert_eq!(kept.len(), KEPT);
    stub.clear();
    stub.answer_always(accepted().delay(Duration::from_millis(20)));
    let arguments = ["--job", "own", "--", "true"];
    let all: Vec<_> = (0..6).map(|_| user.start(&arguments, Stdio::null())).collect();
    for running in all {
        let ran = running.end().await;
        assert_eq!((ran.code, ran.err()), (Some(0), String::new()));
    }
    assert!(user.waiting().is_empty());
    let mut sent = keys(&stub.requests());
    assert_eq!(sent.len(), KEPT + 6);
    sent.sort_unstable();
    sent.dedup();
    assert_eq!(sent.len(), KEPT + 6, "something was sent twice");
    assert!(kept.iter().all(|key| sent.contains(key)));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_place_for_it_the_loss_is_said() {
    let user = Wrapper::new(&format!("http://{}", quiet_address()), "token");
    fs::write(user.place().join("spool"), "a file").unwrap();
    let ran = user.sh("nightly", "exit 3").await;
    assert_eq!(ran.code, Some(3));
    assert!(ran.err().contains("The report is lost, since it cannot be kept in"), "{}", ran.err());

    // By default it is in the user's state directory.
    let mut command = user.command(&["--job", "nightly", "--", "true"]);
    command.env_remove("FANFARE_SPOOL_DIR");
    fanfare_tests::Running::of(command, Stdio::null()).end().await;
    let dir = user.place().join("home/.local/state/fanfare/spool");
    assert_eq!(fs::read_dir(dir).unwrap().count(), 1);
}
