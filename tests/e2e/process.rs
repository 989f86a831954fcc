//! The process: starting, stopping, exit codes, files, and what it keeps to itself.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use fanfare_testkit::{Answer, Receiver};
use fanfare_tests::{Api, PATIENCE, Server, database, rows};
use serde_json::json;

fn disk_full() -> serde_json::Value {
    json!({ "type": "system_error", "data": { "component": "scheduler", "error": "disk full" } })
}

#[tokio::test]
async fn an_empty_directory_is_served_within_two_seconds() {
    let mut server = Server::prepare(&[]);
    let began = Instant::now();
    server.restart().await;
    let took = began.elapsed();
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert!(server.api().answers("/healthz").await);
    assert_eq!(server.terminate().await, Some(0));
}

#[tokio::test]
async fn without_a_token_the_first_start_writes_one() {
    let mut server = Server::prepare(&[("FANFARE_ADMIN_TOKEN", "")]);
    server.restart().await;
    let file = server.data_dir().join("admin-token");
    let token = fs::read_to_string(&file).unwrap().trim().to_owned();
    assert!(server.log().contains("admin-token") && !server.log().contains(&token));
    let api = server.api().with_token(Some(&token));
    assert!(api.answers("/metrics").await);
    // It stays the same, and the command line on the same machine reads it.
    assert_eq!(server.terminate().await, Some(0));
    server.restart().await;
    assert_eq!(fs::read_to_string(&file).unwrap().trim(), token);
    let output = server.run(&["channels", "list", "--json"], &[("FANFARE_URL", server.api().url())]).done();
    assert_eq!(output.json(), json!([]));
}

#[tokio::test]
async fn a_signal_to_stop_lets_what_is_under_way_finish() {
    let (mut server, receiver) = (Server::start().await, Receiver::start().await);
    let channel = server.api().webhook("ops", receiver.url("/")).await;
    server.api().make_global(&[&channel]).await;
    receiver.answer_always(Answer::status(200).delay(Duration::from_millis(700)));
    // More than may be under way at once: the rest waits in the database.
    for _ in 0..40 {
        server.api().post("/events", disk_full()).await;
    }
    let under_way = receiver.wait_for(32, PATIENCE).await.len();
    server.ask_to_stop();
    let began = Instant::now();
    assert_eq!(server.wait().await.code(), Some(0), "{}", server.log());
    assert!(began.elapsed() < Duration::from_secs(10));
    let sent = receiver.count();
    assert!(sent >= under_way && receiver.answered() == sent, "an answer was not waited for");
    let file = database(&server.data_dir());
    let of = |state: i32| format!("SELECT count(*) FROM fanfare_deliveries WHERE state = {state}");
    assert_eq!(rows(&file, &of(2)), [[sent.to_string()]], "what was sent is recorded");
    assert_eq!(rows(&file, &of(0)), [[(40 - sent).to_string()]]);

    // Nothing is sent twice after the next start, and nothing is missing.
    receiver.answer_always(Answer::status(200));
    server.restart().await;
    let metrics = server.api().settled().await;
    assert_eq!((metrics.accepted, metrics.of("delivered"), receiver.count()), (40, 40, 40));
    assert_eq!(server.terminate().await, Some(0));
}

#[tokio::test]
async fn while_it_stops_nothing_is_accepted_that_would_be_lost() {
    let (mut server, receiver) = (Server::start().await, Receiver::start().await);
    let channel = server.api().webhook("ops", receiver.url("/")).await;
    server.api().make_global(&[&channel]).await;
    receiver.answer_always(Answer::status(200).delay(Duration::from_millis(300)));
    let api = server.api().clone();
    let posting = tokio::spawn(async move {
        let body = disk_full().to_string();
        let mut accepted = 0_u64;
        // Ends when the server is gone.
        while let Ok(reply) = api.exchange(http::Method::POST, "/api/v1/events", &[], body.clone()).await {
            match reply.status {
                202 => accepted += 1,
                503 => {}
                other => panic!("{other}: {}", reply.text()),
            }
        }
        accepted
    });
    receiver.wait_for(20, PATIENCE).await;
    assert_eq!(server.terminate().await, Some(0));
    let accepted = posting.await.unwrap();
    receiver.answer_always(Answer::status(200));
    server.restart().await;
    let metrics = server.api().settled().await;
    assert!(metrics.accepted >= accepted && metrics.accepted <= accepted + 1, "{metrics:?} for {accepted}");
    assert_eq!(metrics.of("delivered"), metrics.accepted);
    assert_eq!(receiver.count() as u64, metrics.accepted, "sent once each");
}

#[tokio::test]
async fn one_data_directory_has_one_server() {
    let server = Server::start().await;
    let second = server.run(&["serve"], &[]);
    assert_eq!(second.code, Some(2), "{second:?}");
    assert!(second.err.contains("in use"), "{second:?}");
    assert!(server.api().answers("/readyz").await);
}

#[tokio::test]
async fn one_address_has_one_server() {
    let (server, other) = (Server::start().await, Server::prepare(&[]));
    let taken = server.api().url().trim_start_matches("http://");
    let second = other.run(&["serve"], &[("FANFARE_LISTEN", taken)]);
    assert_eq!(second.code, Some(2), "{second:?}");
    assert!(second.err.contains(taken), "{second:?}");
}

#[tokio::test]
async fn a_bad_configuration_ends_with_2_and_a_reason() {
    let server = Server::prepare(&[]);
    let check = |arguments: &[&str], variables: &[(&str, &str)], says: &str| {
        let output = server.run(arguments, variables);
        assert_eq!(output.code, Some(2), "{arguments:?} {variables:?}: {output:?}");
        assert!(output.err.contains(says), "{says} is not said: {output:?}");
    };
    check(&["serve"], &[("FANFARE_LISTEN", "nowhere")], "nowhere");
    check(&["serve"], &[("FANFARE_LOG", "loud")], "FANFARE_LOG");
    check(&["serve"], &[("FANFARE_LOG_FORMAT", "xml")], "FANFARE_LOG_FORMAT");
    check(&["serve"], &[("FANFARE_ALLOW_NETWORKS", "127.0.0.0/40")], "FANFARE_ALLOW_NETWORKS");
    check(&["serve"], &[("FANFARE_SECRET_KEY", "c2hvcnQ=")], "FANFARE_SECRET_KEY");
    check(&["serve"], &[("FANFARE_DATABASE_URL", "mysql://x")], "FANFARE_DATABASE_URL");
    check(&["serve"], &[("FANFARE_ADMIN_TOKEN", "two words")], "FANFARE_ADMIN_TOKEN");
    check(&["serve"], &[("FANFARE_EXTRA_CA_FILE", "missing.pem")], "FANFARE_EXTRA_CA_FILE");
    check(&["serve"], &[("FANFARE_EVENT_TYPES_DIR", "missing")], "FANFARE_EVENT_TYPES_DIR");
    check(&["serve"], &[("FANFARE_DATA_DIR", "/proc/nothing")], "/proc/nothing");
    check(&["serve", "--colour", "red"], &[], "--colour");
    check(&["serve", "--config", "missing.toml"], &[], "missing.toml");
    check(&["dance"], &[], "dance");

    let file = server.place().join("fanfare.toml");
    for (text, says) in [
        ("lisen = \"127.0.0.1:0\"", "lisen"),
        ("[engine]\nspeed = 3", "engine.speed"),
        ("log = 3", "log"),
        ("log = \"info\"\nlisten = ", "line 2"),
    ] {
        fs::write(&file, text).unwrap();
        let output = server.run(&["serve"], &[]);
        assert_eq!(output.code, Some(2), "{text}: {output:?}");
        assert!(output.err.contains(says) && output.err.contains("fanfare.toml"), "{text}: {output:?}");
    }
    fs::write(&file, "secret_key = \"hunter2-hunter2\"").unwrap();
    let output = server.run(&["serve"], &[]);
    assert_eq!(output.code, Some(2), "{output:?}");
    assert!(output.err.contains("secret key") && !output.err.contains("hunter2"), "{output:?}");
    let types = server.place().join("types");
    fs::create_dir(&types).unwrap();
    fs::write(types.join("mine.toml"), "id = \"mine\"\n[wording]\ntitle = \"{{#if}\"").unwrap();
    fs::remove_file(&file).unwrap();
    check(&["serve"], &[("FANFARE_EVENT_TYPES_DIR", types.to_str().unwrap())], "mine.toml");
}

#[tokio::test]
async fn an_unknown_variable_is_a_warning() {
    let mut server = Server::start_with(&[("FANFARE_COLOUR", "red")]).await;
    assert!(server.log().contains("FANFARE_COLOUR"), "{}", server.log());
    assert_eq!(server.terminate().await, Some(0));
}

#[tokio::test]
async fn another_key_is_refused() {
    let (one, other) = ("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=", "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNkZWY=");
    let mut server = Server::start_with(&[("FANFARE_SECRET_KEY", one)]).await;
    let receiver = Receiver::start().await;
    let channel = server.api().webhook("ops", receiver.url("/")).await;
    server.api().make_global(&[&channel]).await;
    assert_eq!(server.terminate().await, Some(0));

    let refused = server.run(&["serve"], &[("FANFARE_SECRET_KEY", other)]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.err.contains("key"), "{refused:?}");
    assert!(!refused.err.contains(other) && !refused.err.contains(one));
    // With the old one among the keys it goes on.
    server.set("FANFARE_SECRET_KEY", &format!("{other},{one}"));
    server.restart().await;
    server.api().post("/events", disk_full()).await;
    receiver.wait_for(1, PATIENCE).await;
}

#[tokio::test]
async fn files_are_the_owner_s_alone_and_secrets_stay_secret() {
    let mut server = Server::prepare(&[("FANFARE_ADMIN_TOKEN", ""), ("FANFARE_LOG", "debug")]);
    server.set("FANFARE_VAR_TOKEN", "variable-Vq81-secret");
    server.restart().await;
    let token = fs::read_to_string(server.data_dir().join("admin-token")).unwrap().trim().to_owned();
    let api = server.api().with_token(Some(&token));
    let receiver = Receiver::start().await;
    // Services like to repeat what they were asked for.
    receiver.answer_with(|request| {
        let authorization = request.header("authorization").unwrap_or_default();
        match request.path.contains("broken") {
            true => Answer::status(404).body(format!("no {} for {authorization}", request.path)),
            false => Answer::status(200).body(format!("thanks for {} by {authorization}", request.path)),
        }
    });
    let signing = "whsec_c2lnbmluZy1zZWNyZXQtc2lnbmluZy1zZWNyZXQ=";
    let config = |path: &str| {
        json!({
            "url": receiver.url(path),
            "authorization": "Bearer bearer-Xy12-secret",
            "headers": { "X-Key": "header-Zq34-secret", "X-Other": { "env": "FANFARE_VAR_TOKEN" } },
            "signing_secret": signing,
        })
    };
    let mut ids = Vec::new();
    for (name, path) in [
        ("good", "/hooks/path-Ab56-secret?key=query-Cd78-secret"),
        ("bad", "/broken/path-Ef90-secret?key=query-Gh12-secret"),
    ] {
        let body = json!({ "name": name, "kind": "webhook", "config": config(path) });
        let channel = api.post("/channels", body).await;
        let id = channel["id"].as_str().unwrap().to_owned();
        let shown = [channel, api.get(&format!("/channels/{id}")).await, api.get("/channels").await];
        shown.iter().for_each(|shown| assert_no_secret(&shown.to_string(), &token));
        assert!(shown[1]["config"]["url"].as_str().unwrap().starts_with("http://127.0.0.1"));
        ids.push(id);
    }
    api.make_global(&[&ids[0], &ids[1]]).await;
    for id in &ids {
        assert_no_secret(&api.post(&format!("/channels/{id}/test"), json!({})).await.to_string(), &token);
    }
    let event = api.post("/events", disk_full()).await;
    let request = &receiver.wait_for(4, PATIENCE).await[3];
    assert_eq!(request.header("x-other"), Some("variable-Vq81-secret"));
    api.settled().await;
    for delivery in event["deliveries"].as_array().unwrap() {
        let shown = api.get(&format!("/deliveries/{}", delivery["id"].as_str().unwrap())).await;
        assert_no_secret(&shown.to_string(), &token);
    }
    assert_no_secret(&api.get("/deliveries").await.to_string(), &token);
    let explained = api.post("/events/explain", disk_full()).await;
    assert_no_secret(&explained.to_string(), &token);
    // Strangers, and mistakes that hold a secret.
    api.with_token(Some("guess-Ij34-secret")).call(http::Method::GET, "/channels", None).await.problem();
    let wrong = json!({ "name": "x", "kind": "webhook", "config": { "url": "ftp://host/path-Kl56-secret" } });
    let problem = api.call(http::Method::POST, "/channels", Some(&wrong)).await.problem();
    assert_no_secret(&problem.document.to_string(), &token);

    check_files(&server.data_dir(), &token);
    check_log(&server, &api, &token);
    assert_eq!(server.terminate().await, Some(0));
    check_files(&server.data_dir(), &token);
    check_log(&server, &api, &token);
}

fn check_log(server: &Server, _api: &Api, token: &str) {
    let log = server.whole_log();
    assert!(log.contains("Fanfare"), "there is a log");
    assert_no_secret(&log, token);
}

#[track_caller]
fn assert_no_secret(text: &str, token: &str) {
    for secret in ["-secret", "c2lnbmluZy1zZWNyZXQ", token] {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }
}

/// Nobody else can read the files, and no secret stands in them, but for the files that are there for that.
fn check_files(data_dir: &Path, token: &str) {
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(data_dir), 0o700, "{}", data_dir.display());
    let files: Vec<PathBuf> = fs::read_dir(data_dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 3, "{files:?}");
    let key = fs::read_to_string(data_dir.join("secret-key")).unwrap();
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
        let name = file.file_name().unwrap().to_str().unwrap();
        let text = String::from_utf8_lossy(&fs::read(&file).unwrap()).into_owned();
        if name != "admin-token" {
            assert_no_secret(&text, token);
        }
        assert!(name == "secret-key" || !text.contains(key.trim()), "the key is in {name}");
    }
}
