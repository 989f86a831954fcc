//! Secrets at rest, and the keys that they are encrypted with.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use fanfare_testkit::{Receiver, smtp::SmtpReceiver};
use fanfare_tests::{PATIENCE, Postgres, Server, database, rows, until};
use http::Method;
use serde_json::{Value, json};

const ONE: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
const OTHER: &str = "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNkZWY=";

fn id(document: &Value) -> String {
    document["id"].as_str().unwrap().to_owned()
}

/// A channel whose receiver knows it by its secrets.
async fn channel(server: &Server, receiver: &Receiver, name: &str) -> String {
    let config = json!({ "url": receiver.url(&format!("/{name}")), "headers": { "X-Key": format!("key-of-{name}") } });
    id(&server.api().post("/channels", json!({ "name": name, "kind": "webhook", "config": config })).await)
}

/// Whether every channel still sends its own secrets.
async fn check_channels(server: &Server, receiver: &Receiver, channels: &[String]) {
    receiver.clear();
    for channel in channels {
        let test = server.api().post(&format!("/channels/{channel}/test"), json!({})).await;
        assert_eq!(test["ok"], true, "{test}");
    }
    let requests = receiver.requests();
    assert_eq!(requests.len(), channels.len());
    for request in requests {
        let name = request.path.trim_start_matches('/').to_owned();
        assert_eq!(request.header("x-key"), Some(format!("key-of-{name}").as_str()));
    }
}

async fn ping_key(server: &Server, job: &str) -> Value {
    server.api().get(&format!("/jobs/{job}")).await["ping_key"].clone()
}

fn keys(server: &Server) -> Vec<String> {
    let file = server.data_dir().join("secret-key");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    fs::read_to_string(file).unwrap().trim().split(',').map(Into::into).collect()
}

fn set_keys(data_dir: &Path, keys: &[&str]) {
    fs::write(data_dir.join("secret-key"), keys.join(",")).unwrap();
}

#[tokio::test]
async fn keys_change_while_events_go_on() {
    let mut server = Server::start().await;
    let receiver = Receiver::start().await;
    let mut channels = Vec::new();
    for name in ["a", "b", "c"] {
        channels.push(channel(&server, &receiver, name).await);
    }
    let job = server.api().job("nightly", &[]).await;
    let ping = ping_key(&server, &job).await;
    let before = keys(&server);
    server.api().make_global(&[&channels[0]]).await;

    let api = server.api().clone();
    let posting = tokio::spawn(async move {
        for n in 0..200 {
            let data = json!({ "component": "c", "error": n.to_string() });
            api.post("/events", json!({ "type": "system_error", "data": data })).await;
        }
    });
    for _ in 0..5 {
        let said = server.cli().json(&["keys", "rotate"]);
        assert_eq!((&said["secrets"], &said["new"]), (&json!(4), &json!(true)), "{said}");
    }
    posting.await.unwrap();
    server.api().settled().await;
    assert_eq!(receiver.count(), 200);
    let after = keys(&server);
    assert!(after.len() == 1 && after != before, "one new key");
    check_channels(&server, &receiver, &channels).await;
    assert_eq!(ping_key(&server, &job).await, ping);

    // The old key is of no use any more, the new one is.
    assert_eq!(server.terminate().await, Some(0));
    set_keys(&server.data_dir(), &[&before[0]]);
    let refused = server.run(&["serve"], &[]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    set_keys(&server.data_dir(), &[&after[0]]);
    server.restart().await;
    check_channels(&server, &receiver, &channels).await;
    assert_eq!(ping_key(&server, &job).await, ping);
}

#[tokio::test]
async fn a_change_of_keys_survives_a_crash_at_any_moment() {
    let mut server = Server::start().await;
    let receiver = Receiver::start().await;
    let mut channels = Vec::new();
    for n in 0..40 {
        channels.push(channel(&server, &receiver, &format!("c{n}")).await);
    }
    let (mut changed, mut unfinished) = (0, 0);
    for round in 0..12_u64 {
        let before = keys(&server);
        let (api, killer) = (server.api().clone(), server.killer());
        let rotating = tokio::spawn(async move {
            // Ends when the server is gone.
            let _ = api.exchange(Method::POST, "/api/v1/keys/rotate", &[], "").await;
        });
        // From before the first byte to long after the last.
        tokio::time::sleep(Duration::from_micros(round * round * 250)).await;
        killer.kill9();
        server.wait().await;
        rotating.await.unwrap();
        let file = keys(&server);
        changed += usize::from(file != before);
        unfinished += usize::from(file.len() > 1);
        assert!(file.len() <= 2 && (file == before || file.last() == before.last() || file.len() == 1));
        server.restart().await;
        assert_eq!(keys(&server).len(), 1, "what was begun is finished");
        check_channels(&server, &receiver, &channels).await;
    }
    println!("{changed} changes of the key, {unfinished} of them finished by the next start");
    assert!(changed > 0);
}

/// The two moments between the three steps, whether or not the test above has met them.
#[tokio::test]
async fn what_a_crash_leaves_between_the_steps_is_finished() {
    let mut server = Server::start().await;
    let receiver = Receiver::start().await;
    let channels = [channel(&server, &receiver, "a").await, channel(&server, &receiver, "b").await];
    let old = keys(&server).remove(0);
    // The new key is on disk, the secrets still have the old one.
    assert_eq!(server.terminate().await, Some(0));
    set_keys(&server.data_dir(), &[OTHER, &old]);
    server.restart().await;
    assert_eq!(keys(&server), [OTHER]);
    check_channels(&server, &receiver, &channels).await;
    // The secrets have the new key, the old one is still on disk.
    assert_eq!(server.terminate().await, Some(0));
    set_keys(&server.data_dir(), &[OTHER, &old]);
    server.restart().await;
    assert_eq!(keys(&server), [OTHER]);
    check_channels(&server, &receiver, &channels).await;
}

#[tokio::test]
async fn the_first_key_of_a_list_encrypts() {
    let mut server = Server::start_with(&[("FANFARE_SECRET_KEY", ONE)]).await;
    let receiver = Receiver::start().await;
    let mut channels = vec![channel(&server, &receiver, "a").await];
    assert_eq!(server.terminate().await, Some(0));

    server.set("FANFARE_SECRET_KEY", &format!("{OTHER},{ONE}"));
    server.restart().await;
    channels.push(channel(&server, &receiver, "b").await);
    check_channels(&server, &receiver, &channels).await;
    // Not everything has the first key yet, so the second is needed.
    assert_eq!(server.terminate().await, Some(0));
    assert_eq!(server.run(&["serve"], &[("FANFARE_SECRET_KEY", OTHER)]).code, Some(2));
    server.restart().await;
    let said = server.cli().run(&["keys", "rotate"]).done();
    assert!(said.out.contains("2 secrets") && said.out.contains("can be taken out"), "{said:?}");
    assert!(!server.data_dir().join("secret-key").exists());

    assert_eq!(server.terminate().await, Some(0));
    server.set("FANFARE_SECRET_KEY", OTHER);
    server.restart().await;
    check_channels(&server, &receiver, &channels).await;
    assert_eq!(server.terminate().await, Some(0));
    let refused = server.run(&["serve"], &[("FANFARE_SECRET_KEY", ONE)]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(!refused.err.contains(ONE) && !refused.err.contains(OTHER));
}

/// Two nodes on PostgreSQL, one after the other with the new key in front, and events all the while.
#[tokio::test(flavor = "multi_thread")]
async fn keys_change_on_several_nodes_while_events_go_on() {
    let postgres = Postgres::start().await;
    postgres.create("fanfare");
    let url = postgres.url("fanfare");
    let variables = [("FANFARE_DATABASE_URL", url.as_str()), ("FANFARE_SECRET_KEY", ONE)];
    let (mut one, mut other) = (Server::start_with(&variables).await, Server::start_with(&variables).await);
    let receiver = Receiver::start().await;
    let channels = [channel(&one, &receiver, "a").await, channel(&one, &receiver, "b").await];
    let job = one.api().job("nightly", &[]).await;
    let ping = ping_key(&one, &job).await;
    let signer = one.api().post("/tokens", json!({ "name": "s", "scope": "send", "signed": true })).await;
    one.api().make_global(&[&channels[0]]).await;
    let sealed = || {
        let sql = "SELECT json_agg(encode(v, 'hex')) FROM (SELECT config AS v FROM fanfare_channels UNION ALL \
                   SELECT ping_key FROM fanfare_jobs UNION ALL \
                   SELECT signing_secret FROM fanfare_tokens WHERE signing_secret IS NOT NULL) x";
        serde_json::from_str::<Vec<String>>(&postgres.sql("fanfare", sql)).unwrap()
    };
    // A byte for the form, and the key's id behind it.
    let keys = || sealed().iter().map(|value| value[..18].to_owned()).collect::<std::collections::BTreeSet<_>>();
    let (before, old) = (sealed(), keys());
    assert_eq!((before.len(), old.len()), (4, 1));

    for server in [&mut one, &mut other] {
        assert_eq!(server.terminate().await, Some(0));
        server.set("FANFARE_SECRET_KEY", &format!("{OTHER},{ONE}"));
        server.restart().await;
    }
    receiver.clear();
    let api = other.api().clone();
    let posting = tokio::spawn(async move {
        for n in 0..200 {
            let data = json!({ "component": "c", "error": n.to_string() });
            api.post("/events", json!({ "type": "system_error", "data": data })).await;
        }
    });
    for _ in 0..3 {
        let said = one.cli().json(&["keys", "rotate"]);
        assert_eq!((&said["secrets"], &said["new"]), (&json!(4), &json!(false)), "{said}");
    }
    posting.await.unwrap();
    one.api().settled().await;
    assert_eq!(receiver.count(), 200);
    let new = keys();
    assert!(new.len() == 1 && new != old, "{old:?} {new:?}");
    assert!(sealed().iter().all(|value| !before.contains(value)));

    // The old key is of no use any more, on neither of them; the new one is.
    for server in [&mut one, &mut other] {
        assert_eq!(server.terminate().await, Some(0));
        assert_eq!(server.run(&["serve"], &[("FANFARE_SECRET_KEY", ONE)]).code, Some(2));
        server.set("FANFARE_SECRET_KEY", OTHER);
        server.restart().await;
        check_channels(server, &receiver, &channels).await;
        assert_eq!(ping_key(server, &job).await, ping);
        let sender = server.api().with_token(signer["token"].as_str());
        let event = json!({ "type": "system_error", "data": { "component": "c", "error": "e" } });
        assert_eq!(sender.call(Method::POST, "/events", Some(&event)).await.status, 401, "it has to sign");
    }
}

#[tokio::test]
async fn a_secret_opens_only_in_its_own_row() {
    let mut server = Server::start().await;
    let receiver = Receiver::start().await;
    let (a, b) = (channel(&server, &receiver, "a").await, channel(&server, &receiver, "b").await);
    assert_eq!(server.terminate().await, Some(0));
    let file = database(&server.data_dir());
    let blob = |id: &str| format!("x'{}'", id.replace('-', ""));
    let kept = rows(&file, &format!("SELECT hex(config) FROM fanfare_channels WHERE id = {}", blob(&b)))[0][0].clone();
    let swap = "UPDATE fanfare_channels SET config = (SELECT config FROM fanfare_channels WHERE id =";
    rows(&file, &format!("{swap} {}) WHERE id = {}", blob(&a), blob(&b)));
    // What is another's does not open here: this channel cannot be used, and the other goes on.
    server.restart().await;
    receiver.clear();
    let test = server.api().post(&format!("/channels/{b}/test"), json!({})).await;
    assert_eq!((&test["ok"], receiver.requests().len()), (&json!(false), 0), "{test}");
    check_channels(&server, &receiver, std::slice::from_ref(&a)).await;
    assert_eq!(server.terminate().await, Some(0));
    rows(&file, &format!("UPDATE fanfare_channels SET config = x'{kept}' WHERE id = {}", blob(&b)));
    server.restart().await;
    check_channels(&server, &receiver, &[a, b]).await;
}

#[tokio::test]
async fn a_placeholder_keeps_and_another_host_drops() {
    let server = Server::start().await;
    let (receiver, other) = (Receiver::start().await, Receiver::start().await);
    let made = channel(&server, &receiver, "a").await;
    let path = format!("/channels/{made}");
    let shown = server.api().get(&path).await["config"].clone();
    assert_eq!(shown["headers"]["X-Key"], "********");
    // What is shown can be sent back, as a whole or in part.
    server.api().patch(&path, json!({ "config": shown })).await;
    server.api().patch(&path, json!({ "config": { "headers": { "X-Key": "********" }, "method": "POST" } })).await;
    server.api().patch(&path, json!({ "name": "a" })).await;
    check_channels(&server, &receiver, std::slice::from_ref(&made)).await;

    // To another host, the stored header does not go along.
    server.api().patch(&path, json!({ "config": { "url": other.url("/a") } })).await;
    server.api().post(&format!("{path}/test"), json!({})).await;
    assert_eq!(other.requests()[0].header("x-key"), None);
    // Nor can a placeholder take it there.
    let sent_back = json!({ "config": { "url": receiver.url("/a"), "headers": { "X-Key": "********" } } });
    let problem = server.api().call(Method::PATCH, &path, Some(&sent_back)).await.problem();
    assert_eq!(problem.pointers, ["/config/headers/X-Key"]);

    // A mail server's password neither.
    let mail = SmtpReceiver::start().await;
    let config = json!({
        "host": "127.0.0.1", "port": mail.port(), "security": "tls", "from": "f@mail.example", "to": ["o@mail.example"],
        "username": "me", "password": "pass-word",
    });
    let made = id(&server.api().post("/channels", json!({ "name": "m", "kind": "email", "config": config })).await);
    let path = format!("/channels/{made}");
    for config in [json!({ "host": "127.0.0.2" }), json!({ "host": "127.0.0.2", "password": "********" })] {
        let problem = server.api().call(Method::PATCH, &path, Some(&json!({ "config": config }))).await.problem();
        assert_eq!(problem.pointers, ["/config/password"], "{problem:?}");
    }
    server.api().patch(&path, json!({ "config": { "host": "127.0.0.2", "password": "new" } })).await;
}

#[tokio::test]
async fn only_variables_that_are_meant_for_channels_are_read() {
    let server = Server::start_with(&[
        ("FANFARE_SECRET_KEY", ONE),
        ("FANFARE_VAR_KEY", "from-var"),
        ("OTHER_KEY", "from-list"),
        ("HIDDEN_KEY", "never"),
        ("FANFARE_ENV_ALLOW", "OTHER_KEY, THIRD"),
    ])
    .await;
    let receiver = Receiver::start().await;
    let with = async |name: &str| {
        receiver.clear();
        let config = json!({ "url": receiver.url("/"), "headers": { "X-Key": { "env": name } } });
        let made = server.api().post("/channels", json!({ "name": name, "kind": "webhook", "config": config })).await;
        assert_eq!(made["config"]["headers"]["X-Key"], json!({ "env": name }), "shown as written");
        let test = server.api().post(&format!("/channels/{}/test", id(&made)), json!({})).await;
        (test, receiver.requests())
    };
    for (name, value) in [("FANFARE_VAR_KEY", "from-var"), ("OTHER_KEY", "from-list")] {
        let (test, requests) = with(name).await;
        assert_eq!((&test["ok"], requests[0].header("x-key")), (&json!(true), Some(value)), "{test}");
    }
    for name in ["HIDDEN_KEY", "FANFARE_SECRET_KEY", "FANFARE_ADMIN_TOKEN", "FANFARE_VAR_MISSING", "PATH", "THIRD"] {
        let (test, requests) = with(name).await;
        assert_eq!((&test["ok"], requests.len()), (&json!(false), 0), "{name}: {test}");
        assert!(!test.to_string().contains("never") && !test.to_string().contains(ONE), "{test}");
    }
    // Through the queue, it is a misconfiguration of that channel: dead at once.
    let missing = json!({ "url": receiver.url("/"), "headers": { "X-Key": { "env": "FANFARE_VAR_MISSING" } } });
    let made = server.api().post("/channels", json!({ "name": "m", "kind": "webhook", "config": missing })).await;
    server.api().make_global(&[&id(&made)]).await;
    let event = json!({ "type": "system_error", "data": { "component": "c", "error": "e" } });
    server.api().post("/events", event).await;
    let dead = until("a dead delivery", PATIENCE, async || {
        server.api().all("/deliveries?state=dead&test=false").await.into_iter().next()
    });
    let dead = dead.await;
    assert!(dead["last_error"].as_str().unwrap().contains("FANFARE_VAR_MISSING"), "{dead}");
}
