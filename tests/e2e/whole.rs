//! The whole configuration as one document: out of one server, into another.

use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt};

use fanfare_testkit::Receiver;
use fanfare_tests::{PATIENCE, Postgres, Server, database, rows, until};
use http::Method;
use serde_json::{Value, json};

const PASSPHRASE: &str = "correct horse battery staple";
const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// Tables that are no configuration: history, queues, and what every server makes for itself.
const NO_CONFIGURATION: &[&str] = &[
    "fanfare_access",
    "fanfare_audit",
    "fanfare_server_migrations",
    "fanfare_sessions",
    "fanfare_setup_keys",
    "fanfare_told",
    "fanfare_follows",
    "fanfare_attempts",
    "fanfare_counters",
    "fanfare_deliveries",
    "fanfare_digests",
    "fanfare_events",
    "fanfare_idempotency",
    "fanfare_lanes",
    "fanfare_meta",
    "fanfare_migrations",
    "fanfare_nodes",
];

fn id(document: &Value) -> String {
    document["id"].as_str().unwrap().to_owned()
}

async fn export(server: &Server) -> Value {
    server.api().post("/export", json!({ "passphrase": PASSPHRASE })).await
}

async fn import(server: &Server, document: &Value, dry_run: bool) -> Value {
    let body = json!({ "document": document, "passphrase": PASSPHRASE, "dry_run": dry_run });
    server.api().post("/import", body).await
}

/// Something in every table of configuration, in every column that can hold something.
async fn furnish(server: &Server, receiver: &Receiver) -> (String, String) {
    let api = server.api();
    // First, so that nobody is told of it.
    let user =
        json!({ "name": "Ada", "email": "Ada@mail.example", "role": "viewer", "password": "engine-analytical-9" });
    api.post("/users", user).await;
    until("the account's event", PATIENCE, async || (!api.all("/events").await.is_empty()).then_some(())).await;
    let config = json!({ "url": receiver.url("/hooks/p4th"), "headers": { "X-Key": "h34der" } });
    let channel = json!({
        "name": "Opérations ✓", "kind": "webhook", "config": config, "enabled": true,
        "delivery": { "concurrency": 3, "rate": 50.0, "burst": 7, "digest": false },
    });
    let channel = id(&api.post("/channels", channel).await);
    let mail = api.email("mail", 2525, &["ops@mail.example"]).await;
    api.patch(&format!("/channels/{mail}"), json!({ "enabled": false })).await;
    let job = json!({
        "name": "nightly", "expect_every_s": 86_400, "grace_s": 600,
        "notifications": [{ "channel_id": channel, "condition": "on_failure" }, { "channel_id": mail, "condition": "always" }],
    });
    let job = id(&api.post("/jobs", job).await);
    let settings = json!({
        "global_channels": [channel, mail],
        "events": { "user_login": { "enabled": true, "notify_user": "also", "reminder_hours": 1.5 }, "system_error": { "channels": [] } },
    });
    api.put("/settings/notifications", settings).await;
    if !api.get("/settings/outbound").await["locked"].as_bool().unwrap() {
        api.put("/settings/outbound", json!({ "allow_networks": ["127.0.0.0/8", "10.0.0.0/8"] })).await;
    }
    (channel, job)
}

async fn open_server() -> Server {
    let mut server = Server::prepare(&[]);
    server.unset("FANFARE_ALLOW_NETWORKS");
    server.restart().await;
    server
}

/// Everything that an administrator sees of the configuration, without what changes by itself.
async fn seen(server: &Server) -> Value {
    let mut seen = json!({});
    for path in ["channels", "jobs", "settings/notifications", "settings/outbound", "users"] {
        let mut shown = server.api().get(&format!("/{path}")).await;
        for one in shown.as_array_mut().into_iter().flatten() {
            for name in ["health", "last_run", "next_expected_at", "updated_at", "last_sign_in_at"] {
                let _ = one.as_object_mut().unwrap().remove(name);
            }
        }
        seen[path] = shown;
    }
    seen
}

#[tokio::test]
async fn a_round_trip_keeps_every_table() {
    let (one, other) = (open_server().await, open_server().await);
    let receiver = Receiver::start().await;
    let (channel, job) = furnish(&one, &receiver).await;
    let token = one.api().post("/tokens", json!({ "name": "reader", "scope": "read" })).await;
    let token = token["token"].as_str().unwrap();
    let document = export(&one).await;
    let text = document.to_string();
    for secret in ["p4th", "h34der", server_ping(&one, &job).await.as_str()] {
        assert!(!text.contains(secret), "{secret}");
    }

    // Every table is either in the document, with something in it, or is said to be no configuration.
    let names = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'";
    let tables: BTreeSet<_> =
        rows(&database(&one.data_dir()), names).into_iter().map(|mut row| row.remove(0)).collect();
    let sections = document["sections"].as_object().unwrap();
    let exported: BTreeSet<_> = sections.keys().map(|name| format!("fanfare_{name}")).collect();
    let known = exported.iter().cloned().chain(NO_CONFIGURATION.iter().map(|&name| name.to_owned())).collect();
    assert_eq!(tables, known, "a new table is exported, or listed as no configuration");
    assert!(sections.values().all(|rows| !rows.as_array().unwrap().is_empty()), "{document:#}");
    // And every column of them but what happened last.
    for (name, rows_of) in sections {
        let columns = format!(
            "SELECT name FROM pragma_table_info('fanfare_{name}') WHERE name NOT LIKE 'last!_%' ESCAPE '!' AND name NOT IN ('expected_at', 'alarm_at', 'missed_since', 'started_at')"
        );
        let columns: BTreeSet<_> = rows(&database(&one.data_dir()), &columns).into_iter().flatten().collect();
        assert_eq!(rows_of[0].as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>(), columns, "{name}");
    }

    let before = seen(&other).await;
    let planned = import(&other, &document, true).await;
    assert_eq!(seen(&other).await, before, "a dry run changes nothing");
    let report = import(&other, &document, false).await;
    assert_eq!(report["sections"], planned["sections"]);
    assert_eq!((&planned["applied"], &report["applied"]), (&json!(false), &json!(true)));
    assert_eq!(report["sections"][0]["created"].as_array().unwrap().len(), 2);
    assert_eq!(seen(&other).await, seen(&one).await, "the same, ids and ping keys included");

    // Whoever may come in there may come in here.
    assert!(other.api().with_token(Some(token)).answers("/api/v1/channels").await);
    let sign_in = json!({ "email": "ada@mail.example", "password": "engine-analytical-9" });
    let signed_in = other.api().with_token(None).call(Method::POST, "/session", Some(&sign_in)).await;
    assert!(signed_in.is_ok(), "{}", signed_in.text());

    // What cannot be seen is there, too: the imported channel sends its secrets, encrypted with the other server's key.
    let test = other.api().post(&format!("/channels/{channel}/test"), json!({})).await;
    assert_eq!(test["ok"], true, "{test}");
    let got = &receiver.requests()[0];
    assert_eq!((got.path.as_str(), got.header("x-key")), ("/hooks/p4th", Some("h34der")));
    let again = import(&other, &export(&other).await, true).await;
    let nothing = again["sections"]
        .as_array()
        .unwrap()
        .iter()
        .all(|section| ["created", "changed", "removed"].iter().all(|what| section[*what] == json!([])));
    assert!(nothing, "{again}");
}

/// The same on the other database, and from each to the other.
#[tokio::test]
async fn a_round_trip_keeps_everything_on_postgresql() {
    let postgres = Postgres::start().await;
    let mut servers = Vec::new();
    for name in ["one", "other"] {
        postgres.create(name);
        let url = postgres.url(name);
        let mut server = Server::prepare(&[("FANFARE_DATABASE_URL", &url), ("FANFARE_SECRET_KEY", KEY)]);
        server.unset("FANFARE_ALLOW_NETWORKS");
        server.restart().await;
        servers.push(server);
    }
    servers.push(open_server().await);
    let receiver = Receiver::start().await;
    let (channel, _) = furnish(&servers[0], &receiver).await;
    let token = servers[0].api().post("/tokens", json!({ "name": "signer", "scope": "send", "signed": true })).await;
    let first = export(&servers[0]).await;
    let mut document = first.clone();
    for (n, server) in servers.iter().enumerate().skip(1) {
        let planned = import(server, &document, true).await;
        let report = import(server, &document, false).await;
        assert_eq!(report["sections"], planned["sections"]);
        assert_eq!(seen(server).await, seen(&servers[0]).await, "{n}: the same, ids and ping keys included");
        let test = server.api().post(&format!("/channels/{channel}/test"), json!({})).await;
        assert_eq!(test["ok"], true, "{test}");
        let sender = server.api().with_token(token["token"].as_str());
        let event = json!({ "type": "system_error", "data": { "component": "c", "error": "e" } });
        assert_eq!(sender.call(Method::POST, "/events", Some(&event)).await.problem().status, 401, "it has to sign");
        document = export(server).await;
    }
    assert!(receiver.requests().iter().all(|got| got.header("x-key") == Some("h34der")));
    // Back where it came from, there is nothing to change; and from a document of before, what has changed goes back.
    let nothing = import(&servers[0], &document, true).await;
    let is_empty = |section: &Value| ["created", "changed", "removed"].iter().all(|what| section[*what] == json!([]));
    assert!(nothing["sections"].as_array().unwrap().iter().all(is_empty), "{nothing}");
    let before = seen(&servers[0]).await;
    servers[0].api().patch(&format!("/channels/{channel}"), json!({ "name": "renamed" })).await;
    servers[0].api().post("/jobs", json!({ "name": "late" })).await;
    import(&servers[0], &first, false).await;
    assert_eq!(seen(&servers[0]).await, before);
}

async fn server_ping(server: &Server, job: &str) -> String {
    server.api().get(&format!("/jobs/{job}")).await["ping_key"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_import_removes_and_changes_and_what_waits_follows() {
    let server = open_server().await;
    let receiver = Receiver::start().await;
    let (channel, _) = furnish(&server, &receiver).await;
    server.api().patch("/settings/notifications/events/system_error", json!({ "channels": null })).await;
    let document = export(&server).await;

    // A channel that the document does not know, with something that waits for it; and a change.
    let late = id(&server
        .api()
        .post(
            "/channels",
            json!({
                "name": "late", "kind": "webhook", "config": { "url": receiver.url("/late") }, "enabled": false,
            }),
        )
        .await);
    server.api().make_global(&[&late, &channel]).await;
    server
        .api()
        .patch(&format!("/channels/{channel}"), json!({ "enabled": false, "config": { "method": "PUT" } }))
        .await;
    let event = json!({ "type": "system_error", "data": { "component": "c", "error": "e" } });
    server.api().post("/events", event).await;
    assert_eq!(server.api().metrics().await.of("held"), 2);

    let report = import(&server, &document, false).await;
    let channels = &report["sections"][0];
    assert_eq!(channels["removed"], json!([{ "id": late, "name": "late", "pointers": [] }]));
    assert_eq!(channels["changed"][0]["pointers"], json!(["/config/method", "/enabled"]), "{report}");
    let metrics = server.api().settled().await;
    // What waited for the channel that is gone is suppressed; what waited for the one that is enabled again goes out.
    let counts = until("what waited", PATIENCE, async || {
        let metrics = server.api().metrics().await;
        metrics.check();
        (metrics.of("delivered") == 1).then_some((metrics.of("held"), metrics.of("suppressed")))
    });
    assert_eq!(counts.await, (0, 1), "{metrics:?}");
    assert_eq!(receiver.requests().last().unwrap().path, "/hooks/p4th");
}

#[tokio::test]
async fn what_is_wrong_changes_nothing_and_what_may_stay_is_a_warning() {
    let server = open_server().await;
    let receiver = Receiver::start().await;
    let (channel, job) = furnish(&server, &receiver).await;
    server.api().post("/tokens", json!({ "name": "reader", "scope": "read" })).await;
    let document = export(&server).await;
    let before = seen(&server).await;
    let refused = async |change: &dyn Fn(&mut Value), passphrase: &str| {
        let mut document = document.clone();
        change(&mut document);
        let body = json!({ "document": document, "passphrase": passphrase, "dry_run": false });
        let problem = server.api().call(Method::POST, "/import", Some(&body)).await.problem();
        assert_eq!(problem.status, 422);
        assert_eq!(seen(&server).await, before);
        problem.pointers
    };
    let section = |name: &str, i: usize, rest: &str| format!("/document/sections/{name}/{i}{rest}");
    assert_eq!(refused(&|_| {}, "another passphrase").await, ["/passphrase"]);
    // One row's secret in another's place.
    let swap = |d: &mut Value| d["sections"]["channels"][0]["config"] = d["sections"]["channels"][1]["config"].clone();
    assert_eq!(refused(&swap, PASSPHRASE).await, ["/passphrase"]);
    let stranger = |d: &mut Value| d["sections"]["jobs"][0]["notifications"][0]["channel_id"] = job.clone().into();
    assert_eq!(refused(&stranger, PASSPHRASE).await, [section("jobs", 0, "/notifications/0/channel_id")]);
    let gone = |d: &mut Value| drop(d["sections"]["channels"].as_array_mut().unwrap().remove(0));
    assert!(refused(&gone, PASSPHRASE).await.len() >= 2, "it is used by the job and the settings");
    let unknown = |d: &mut Value| d["sections"]["pigeons"] = json!([]);
    assert_eq!(refused(&unknown, PASSPHRASE).await, ["/document/sections/pigeons"]);
    let kind = |d: &mut Value| d["sections"]["channels"][0]["enabled"] = "yes".into();
    assert_eq!(refused(&kind, PASSPHRASE).await, [section("channels", 0, "/enabled")]);
    let twice = |d: &mut Value| {
        let again = d["sections"]["channels"][0].clone();
        d["sections"]["channels"].as_array_mut().unwrap().push(again);
    };
    assert_eq!(refused(&twice, PASSPHRASE).await, [section("channels", 2, "/id")]);

    // What is not encrypted is no more anybody's to change: an account that becomes an administrator, a token that may do
    // more, a channel that is enabled; nor can a part be left out.
    for (pointer, value) in [
        ("/sections/users/0/role", json!("admin")),
        ("/sections/tokens/0/scope", json!("admin")),
        ("/sections/channels/1/enabled", json!(true)),
        ("/sections/settings/0/document", json!({ "global_channels": [], "events": {} })),
        ("/exported_at", json!("2026-01-01T00:00:00Z")),
    ] {
        let change = |d: &mut Value| {
            let place = d.pointer_mut(pointer).unwrap();
            assert_ne!(*place, value, "{pointer}");
            *place = value.clone();
        };
        assert_eq!(refused(&change, PASSPHRASE).await, ["/document/seal"], "{pointer}");
    }
    for section in ["channels", "jobs", "settings", "users", "tokens"] {
        let without = |d: &mut Value| drop(d["sections"].as_object_mut().unwrap().remove(section));
        assert_eq!(refused(&without, PASSPHRASE).await, ["/document/seal"], "{section}");
    }
    assert_eq!(refused(&|d| drop(d.as_object_mut().unwrap().remove("seal")), PASSPHRASE).await, ["/document/seal"]);

    // After a forced deletion a type may tell the user without an e-mail channel; so it may be imported.
    let mail = server.api().get("/channels").await.as_array().unwrap().iter().find(|c| c["kind"] == "email").map(id);
    server.api().call(Method::DELETE, &format!("/channels/{}?force=true", mail.unwrap()), None).await.ok();
    let report = import(&open_server().await, &export(&server).await, false).await;
    let warning = report["warnings"][0]["pointer"].as_str().unwrap();
    assert!(warning.ends_with("/document/events/user_login/notify_user"), "{report}");
    assert!(!channel.is_empty());
}

/// A wording that was right where it was saved, for an event type of the operator's own that has other data here.
#[tokio::test]
async fn wordings_are_checked_by_the_event_types_of_here() {
    let types = |field: &str| {
        let dir = tempfile::tempdir().unwrap();
        let text = format!(
            "id = \"disk_filling\"\nname = \"Disk\"\ndescription = \"A disk fills.\"\ncategory = \"machines\"\n\
             default_enabled = true\ndata = [{{ name = \"{field}\", type = \"string\", description = \"Which.\" }}]\n\
             [wording]\ntitle = \"Disk\"\nmessage = \"{{{{{field}}}}}\"\nstatus = \"warning\"\ncolor = \"#f59e0b\"\n\
             fields = []\n[sample]\n{field} = \"x\"\n"
        );
        fs::write(dir.path().join("disk_filling.toml"), text).unwrap();
        dir
    };
    let (here, there) = (types("mount"), types("device"));
    let one = Server::start_with(&[("FANFARE_EVENT_TYPES_DIR", here.path().to_str().unwrap())]).await;
    let other = Server::start_with(&[("FANFARE_EVENT_TYPES_DIR", there.path().to_str().unwrap())]).await;
    let wording = |text: &str| json!({ "wording": { "message": text } });
    one.api().patch("/settings/notifications/events/disk_filling", wording("{{mount}} fills")).await;
    one.api()
        .post(
            "/jobs",
            json!({ "name": "nightly", "wording": { "backup_failure": { "title": "{{job_name}} failed" } } }),
        )
        .await;
    let document = export(&one).await;
    let before = seen(&other).await;
    for dry_run in [true, false] {
        let body = json!({ "document": document, "passphrase": PASSPHRASE, "dry_run": dry_run });
        let problem = other.api().call(Method::POST, "/import", Some(&body)).await.problem();
        let at = "/document/sections/settings/0/document/events/disk_filling/wording/message";
        assert_eq!((problem.status, problem.pointers), (422, vec![at.to_owned()]));
    }
    assert_eq!(seen(&other).await, before);
    one.api().patch("/settings/notifications/events/disk_filling", wording("it fills")).await;
    import(&other, &export(&one).await, false).await;
    assert_eq!(seen(&other).await["settings/notifications"], seen(&one).await["settings/notifications"]);
    assert_eq!(seen(&other).await["jobs"], seen(&one).await["jobs"]);

    // As code, the place is where it was written.
    let wanted = json!({ "settings": { "events": { "disk_filling": wording("{{mount}} fills") } } });
    let body = json!({ "document": wanted, "dry_run": false });
    let problem = other.api().call(Method::POST, "/apply", Some(&body)).await.problem();
    assert_eq!(problem.pointers, ["/document/settings/events/disk_filling/wording/message"]);
}

#[tokio::test]
async fn an_export_is_told() {
    let server = open_server().await;
    let receiver = Receiver::start().await;
    let (channel, _) = furnish(&server, &receiver).await;
    let settings = json!({ "global_channels": [channel], "events": { "config_backup": { "enabled": true } } });
    server.api().put("/settings/notifications", settings).await;
    export(&server).await;
    let told = receiver.wait_for(1, PATIENCE).await[0].json();
    assert_eq!(told["event_type"], "config_backup", "{told}");
    assert!(told.to_string().contains("Encrypted"), "{told}");
}

#[tokio::test]
async fn the_command_line_exports_and_imports() {
    let (server, other) = (open_server().await, open_server().await);
    let receiver = Receiver::start().await;
    furnish(&server, &receiver).await;
    let file = server.place().join("config.json");
    let name = file.to_str().unwrap();
    let passphrase = server.place().join("passphrase");
    fs::write(&passphrase, format!("{PASSPHRASE}\n")).unwrap();
    let said = passphrase.to_str().unwrap();

    let none = server.cli().run(&["export", "--output", name]);
    assert_eq!(none.code, Some(2), "{none:?}");
    assert!(none.err.contains("FANFARE_PASSPHRASE"), "{none:?}");
    let _ = server.cli().run(&["export", "--output", name, "--passphrase-file", said]).done();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let printed =
        server.run(&["export"], &[("FANFARE_PASSPHRASE", PASSPHRASE), ("FANFARE_URL", server.api().url())]).done();
    assert!(!printed.err.contains("warning"), "{printed:?}");
    assert_eq!(printed.json()["sections"]["jobs"][0]["name"], "nightly");

    let import = |more: &[&str]| {
        let mut arguments = vec!["import", name, "--passphrase-file", said];
        arguments.extend(more);
        other.cli().run(&arguments)
    };
    let unasked = import(&[]);
    assert_eq!(unasked.code, Some(2), "nobody can be asked: {unasked:?}");
    let planned = import(&["--dry-run"]).done();
    assert!(planned.out.contains("nightly") && planned.out.contains("Nothing was changed yet"), "{planned:?}");
    assert_eq!(other.api().get("/jobs").await, json!([]));
    let done = import(&["--yes", "--json"]).done().json();
    assert_eq!(done["applied"], true);
    assert_eq!(other.api().get("/jobs").await[0]["name"], "nightly");
    assert!(import(&["--yes"]).done().out.starts_with("There is nothing to change."));
}
