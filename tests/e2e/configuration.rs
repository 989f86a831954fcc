//! Configuring through the API and the command line: documents that replace, changes that merge, marks that guard.

use fanfare_testkit::Receiver;
use fanfare_tests::{Api, PATIENCE, Reply, Server};
use http::Method;
use serde_json::{Value, json};

const SETTINGS: &str = "/settings/notifications";

/// A change under the condition that the mark is still this one.
async fn guarded(api: &Api, method: Method, path: &str, mark: &str, body: Option<Value>) -> Reply {
    let path = format!("/api/v1{path}");
    let headers = [("if-match", mark), ("content-type", "application/json")];
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    api.exchange(method, &path, &headers, body).await.unwrap()
}

async fn mark(api: &Api, path: &str) -> String {
    let reply = api.call(Method::GET, path, None).await;
    reply.headers["etag"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn settings_are_replaced_as_a_whole_and_changed_member_by_member() {
    let (server, ops) = (Server::start().await, Receiver::start().await);
    let api = server.api();
    let id = api.webhook("ops", ops.url("/")).await;
    let defaults = api.get(SETTINGS).await;
    let event = |id: &str| format!("{SETTINGS}/events/{id}");
    let own = json!({ "enabled": false, "channels": [id], "reminder_hours": 0.5 });
    let put = api.put(SETTINGS, json!({ "global_channels": [id], "events": { "system_error": own } })).await;
    assert_eq!(put["events"]["system_error"]["enabled"], false);

    // What is absent stays, null resets.
    let patched = api.patch(&event("system_error"), json!({ "enabled": null })).await;
    let expected = json!({ "enabled": true, "channels": [id], "notify_user": "none", "reminder_hours": 0.5 });
    assert_eq!(patched, expected);
    let patched = api.patch(&event("system_error"), json!({ "channels": [], "reminder_hours": null })).await;
    assert_eq!((&patched["channels"], &patched["reminder_hours"]), (&json!([]), &Value::Null));

    // Replacing: what is missing has its default, and what is shown can be sent back as it is.
    let shown = api.get(SETTINGS).await;
    assert_eq!(api.put(SETTINGS, shown.clone()).await, shown);
    assert_eq!(api.put(SETTINGS, json!({})).await, defaults);

    // A mark names one state of the whole.
    let old = mark(api, SETTINGS).await;
    assert!(guarded(api, Method::PATCH, &event("user_login"), &old, Some(json!({ "enabled": true }))).await.is_ok());
    for (method, path) in [(Method::PUT, SETTINGS.to_owned()), (Method::PATCH, event("system_error"))] {
        let refused = guarded(api, method, &path, &old, Some(json!({}))).await.problem();
        assert_eq!((refused.status, &refused.document["type"]), (412, &json!("urn:fanfare:problem:changed")));
    }
    let new = mark(api, SETTINGS).await;
    assert!(guarded(api, Method::PUT, SETTINGS, &new, Some(json!({}))).await.is_ok());
    assert_eq!(mark(api, SETTINGS).await, old, "the same state has the same mark");
}

#[tokio::test]
async fn a_channel_is_changed_member_by_member_and_guarded_by_its_mark() {
    let (server, ops) = (Server::start().await, Receiver::start().await);
    let api = server.api();
    let config = json!({ "url": ops.url("/s3cret"), "method": "PUT", "headers": { "X-A": "1", "X-B": "2" } });
    let delivery = json!({ "concurrency": 3, "rate": 5.0 });
    let new = json!({ "name": "ops", "kind": "webhook", "config": config, "delivery": delivery });
    let path = format!("/channels/{}", api.post("/channels", new).await["id"].as_str().unwrap());
    let test = async |method: &str, headers: [Option<&str>; 3]| {
        let test = api.post(&format!("{path}/test"), json!({})).await;
        assert_eq!(test["ok"], true, "{test}");
        let request = ops.requests().pop().unwrap();
        assert_eq!(request.path, "/s3cret");
        assert_eq!(request.method, method);
        assert_eq!(["x-a", "x-b", "x-c"].map(|name| request.header(name)), headers);
    };
    test("PUT", [Some("1"), Some("2"), None]).await;

    api.patch(&path, json!({ "config": { "headers": { "X-A": null, "X-C": "3" } } })).await;
    test("PUT", [None, Some("2"), Some("3")]).await;
    // What is shown hides the secrets; sent back, it keeps them.
    let shown = api.get(&path).await;
    assert!(!shown.to_string().contains("s3cret"), "{shown}");
    api.patch(&path, json!({ "config": shown["config"], "delivery": { "rate": null } })).await;
    test("PUT", [None, Some("2"), Some("3")]).await;
    let reset = json!({ "config": { "method": null, "headers": null }, "delivery": null });
    let changed = api.patch(&path, reset).await;
    assert_eq!((&changed["config"]["method"], &changed["delivery"]["concurrency"]), (&json!("POST"), &Value::Null));
    test("POST", [None, None, None]).await;
    let refused = api.call(Method::PATCH, &path, Some(&json!({ "config": { "url": null } }))).await.problem();
    assert_eq!((refused.status, refused.pointers), (422, vec!["/config/url".to_owned()]));
    test("POST", [None, None, None]).await;

    let old = mark(api, &path).await;
    api.patch(&path, json!({ "name": "operations" })).await;
    for method in [Method::PATCH, Method::DELETE] {
        let body = (method == Method::PATCH).then(|| json!({ "name": "mine" }));
        assert_eq!(guarded(api, method, &path, &old, body).await.problem().status, 412);
    }
    assert_eq!(api.get(&path).await["name"], "operations");
    let new = mark(api, &path).await;
    assert!(guarded(api, Method::DELETE, &path, &new, None).await.is_ok());
    assert_eq!(api.call(Method::GET, &path, None).await.problem().status, 404);
}

#[tokio::test]
async fn a_job_is_changed_member_by_member_and_guarded_by_its_mark() {
    let (server, ops) = (Server::start().await, Receiver::start().await);
    let api = server.api();
    let id = api.webhook("ops", ops.url("/")).await;
    let path = format!("/jobs/{}", api.job("nightly", &[(&id, "always")]).await);
    let changed = api.patch(&path, json!({ "expect_every_s": 60, "grace_s": 5 })).await;
    assert_eq!((&changed["notifications"][0]["condition"], &changed["grace_s"]), (&json!("always"), &json!(5)));
    let changed = api.patch(&path, json!({ "grace_s": null, "notifications": null })).await;
    assert_eq!((&changed["notifications"], &changed["expect_every_s"]), (&json!([]), &json!(60)));
    api.job("weekly", &[]).await;
    let taken = api.call(Method::PATCH, &path, Some(&json!({ "name": "weekly" }))).await.problem();
    assert_eq!((taken.status, taken.pointers), (409, vec!["/name".to_owned()]));

    let old = mark(api, &path).await;
    api.post("/jobs/nightly/runs", json!({ "outcome": "success" })).await;
    let changed = guarded(api, Method::PATCH, &path, &old, Some(json!({ "name": "daily" }))).await;
    assert!(changed.is_ok(), "a run does not stand in the way of a change");
    for method in [Method::PATCH, Method::DELETE] {
        let body = (method == Method::PATCH).then(|| json!({ "name": "mine" }));
        assert_eq!(guarded(api, method, &path, &old, body).await.problem().status, 412);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_configures_everything() {
    let (server, ops, dba) = (Server::start().await, Receiver::start().await, Receiver::start().await);
    let (cli, api) = (server.cli(), server.api());
    let done = |arguments: &[&str]| cli.run(arguments).done().out;
    let secret = server.place().join("url");
    std::fs::write(&secret, format!("{}\n", ops.url("/s3cret"))).unwrap();
    let url = format!("url@={}", secret.display());
    let made = done(&["channels", "create", "ops", "--kind", "webhook", &url, "headers.X-A=1", "--concurrency", "3"]);
    assert!(made.contains("ops") && !made.contains("s3cret"), "{made}");
    let dba_url = format!("url={}", dba.url("/"));
    let made = cli.json(&["channels", "create", "dba", "--kind", "webhook", &dba_url, "--disabled"]);
    assert_eq!(made["enabled"], false);

    done(&["settings", "global", "ops", "dba"]);
    let names = api.get("/channels").await;
    let ids: Vec<_> = names.as_array().unwrap().iter().map(|channel| channel["id"].clone()).collect();
    assert_eq!(api.get(SETTINGS).await["global_channels"], json!(ids));
    done(&["send", "system_error", "component=a", "error=b"]);
    let request = &ops.wait_for(1, PATIENCE).await[0];
    assert_eq!((request.path.as_str(), request.header("x-a")), ("/s3cret", Some("1")));
    assert_eq!(api.settled().await.of("held"), 1);
    assert!(done(&["channels", "enable", "dba"]).contains("enabled  yes"));
    dba.wait_for(1, PATIENCE).await;

    // What is decided for one event type, under either word.
    let shown = done(&["events", "channels", "system_error", "dba"]);
    assert!(shown.contains("channels    dba"), "{shown}");
    done(&["event-types", "enable", "user_login"]);
    done(&["events", "remind", "connection_offline", "0.5"]);
    let settings = done(&["settings", "show"]);
    assert!(settings.starts_with("global channels  ops, dba\n"), "{settings}");
    let line = |id: &str| settings.lines().find(|line| line.starts_with(id)).unwrap().split_whitespace().skip(1);
    assert_eq!(line("system_error").collect::<Vec<_>>(), ["yes", "dba"]);
    assert_eq!(line("user_login").collect::<Vec<_>>(), ["yes", "global"]);
    assert_eq!(line("connection_offline").collect::<Vec<_>>(), ["yes", "0.5", "h", "global"]);
    assert!(done(&["events", "channels", "system_error", "--mute"]).contains("muted"));
    let refused = cli.run(&["events", "notify-user", "user_login", "also"]);
    assert!(refused.code == Some(1) && refused.err.contains("needs an e-mail channel"), "{refused:?}");
    assert!(done(&["events", "channels", "system_error", "--inherit"]).contains("global"));
    done(&["events", "disable", "system_error"]);
    assert_eq!(cli.json(&["events", "reset", "system_error"])["enabled"], true);

    // All of it as one document.
    let file = server.place().join("settings.json");
    let whole = cli.json(&["settings", "show"]);
    assert_eq!(whole, api.get(SETTINGS).await, "--json is the server's answer");
    std::fs::write(&file, whole.to_string()).unwrap();
    let file = file.to_str().unwrap();
    done(&["settings", "global", "--none"]);
    assert_ne!(cli.json(&["settings", "show"]), whole);
    assert_eq!(cli.json(&["settings", "set", file]), whole);

    let made = done(&["jobs", "create", "nightly", "--always", "ops", "--on-failure", "dba", "--every", "1d"]);
    assert!(made.contains("every run") && made.contains("expected every  24 h"), "{made}");
    let changed =
        cli.json(&["jobs", "update", "nightly", "--on-success", "dba", "--every", "never", "--name", "daily"]);
    let told = json!([{ "channel_id": ids[1], "condition": "on_success" }]);
    assert_eq!((&changed["notifications"], &changed["expect_every_s"]), (&told, &Value::Null));
    assert_eq!(cli.run(&["jobs", "update", "daily"]).code, Some(2), "nothing to change is a slip");

    done(&["channels", "update", "ops", "headers.X-A:=null", "method=PUT", "--concurrency", "default"]);
    done(&["channels", "test", "ops"]);
    let request = ops.requests().pop().unwrap();
    assert_eq!((request.method.as_str(), request.path.as_str(), request.header("x-a")), ("PUT", "/s3cret", None));
    let refused = cli.run(&["channels", "delete", "dba"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("used in the global channels") && refused.err.contains("daily"), "{refused:?}");
    done(&["channels", "delete", "dba", "--force"]);
    assert_eq!(cli.json(&["jobs", "show", "daily"])["notifications"], json!([]));
    done(&["jobs", "delete", "daily"]);
    assert_eq!(api.get("/jobs").await, json!([]));
}
