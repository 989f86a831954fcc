//! What is changed stands in the audit, or is not changed: both are one transaction.

use std::{collections::BTreeSet, time::Duration};

use fanfare_tests::{Api, Postgres, Server, database, rows};
use http::Method;
use serde_json::{Value, json};

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const PASSPHRASE: &str = "correct horse battery staple";

#[tokio::test]
async fn sqlite_changes_nothing_that_the_audit_does_not_take() {
    let mut server = Server::prepare(&[]);
    server.unset("FANFARE_ALLOW_NETWORKS");
    server.restart().await;
    let file = database(&server.data_dir());
    let refuse = |on: bool| {
        let sql = match on {
            true => "CREATE TRIGGER full BEFORE INSERT ON fanfare_audit BEGIN SELECT RAISE(ABORT, 'full'); END",
            false => "DROP TRIGGER full",
        };
        rows(&file, sql);
    };
    changes_nothing_without_the_audit(&server, &refuse).await;
}

#[tokio::test]
async fn postgresql_changes_nothing_that_the_audit_does_not_take() {
    let postgres = Postgres::start().await;
    postgres.create("fanfare");
    let url = postgres.url("fanfare");
    let mut server = Server::prepare(&[("FANFARE_DATABASE_URL", &url), ("FANFARE_SECRET_KEY", KEY)]);
    server.unset("FANFARE_ALLOW_NETWORKS");
    server.restart().await;
    let refuse = |on: bool| {
        let sql = match on {
            true => "ALTER TABLE fanfare_audit ADD CONSTRAINT full_ CHECK (action = 'nothing') NOT VALID",
            false => "ALTER TABLE fanfare_audit DROP CONSTRAINT full_",
        };
        postgres.sql("fanfare", sql);
    };
    changes_nothing_without_the_audit(&server, &refuse).await;
}

/// Every change that an administrator can make: refused while the audit takes nothing, then made and found there.
async fn changes_nothing_without_the_audit(server: &Server, refuse: &dyn Fn(bool)) {
    let api = server.api();
    let channel = api.webhook("ops", "https://a.example/hook".into()).await;
    let job = api.job("nightly", &[]).await;
    let user = json!({ "name": "Ada", "email": "ada@b.example", "role": "viewer", "password": "engine-analytical" });
    let user = api.post("/users", user).await["id"].as_str().unwrap().to_owned();
    let token = api.post("/tokens", json!({ "name": "t", "scope": "read" })).await["id"].as_str().unwrap().to_owned();
    let document = api.post("/export", json!({ "passphrase": PASSPHRASE })).await;
    let wanted =
        json!({ "channels": [{ "name": "as code", "kind": "webhook", "config": { "url": "https://b.example/" } }] });
    let new_channel = json!({ "name": "new", "kind": "webhook", "config": { "url": "https://c.example/" } });
    let new_user = json!({ "name": "G", "email": "g@b.example", "role": "viewer", "password": "compiler-cobol" });
    let import = json!({ "document": document, "passphrase": PASSPHRASE, "dry_run": false });
    api.patch(&format!("/channels/{channel}"), json!({ "name": "not in the document" })).await;

    let changes = [
        ("configuration.import", Method::POST, "/import".to_owned(), Some(import)),
        (
            "configuration.apply",
            Method::POST,
            "/apply".to_owned(),
            Some(json!({ "document": wanted, "dry_run": false })),
        ),
        ("channel.create", Method::POST, "/channels".to_owned(), Some(new_channel)),
        ("channel.update", Method::PATCH, format!("/channels/{channel}"), Some(json!({ "enabled": false }))),
        ("job.create", Method::POST, "/jobs".to_owned(), Some(json!({ "name": "hourly" }))),
        ("job.update", Method::PATCH, format!("/jobs/{job}"), Some(json!({ "expect_every_s": 60 }))),
        ("job.ping_key", Method::POST, format!("/jobs/{job}/ping-key"), None),
        (
            "settings.update",
            Method::PUT,
            "/settings/notifications".to_owned(),
            Some(json!({ "global_channels": [channel] })),
        ),
        (
            "settings.update",
            Method::PATCH,
            "/settings/notifications/events/system_error".to_owned(),
            Some(json!({ "enabled": false })),
        ),
        (
            "settings.update",
            Method::PUT,
            "/settings/outbound".to_owned(),
            Some(json!({ "allow_networks": ["10.0.0.0/8"] })),
        ),
        ("channel.delete", Method::DELETE, format!("/channels/{channel}?force=true"), None),
        ("job.delete", Method::DELETE, format!("/jobs/{job}"), None),
        ("keys.rotate", Method::POST, "/keys/rotate".to_owned(), None),
        ("user.create", Method::POST, "/users".to_owned(), Some(new_user)),
        ("user.update", Method::PATCH, format!("/users/{user}"), Some(json!({ "name": "Ada L" }))),
        ("user.delete", Method::DELETE, format!("/users/{user}"), None),
        ("token.create", Method::POST, "/tokens".to_owned(), Some(json!({ "name": "n", "scope": "read" }))),
        ("token.delete", Method::DELETE, format!("/tokens/{token}"), None),
        ("configuration.export", Method::POST, "/export".to_owned(), Some(json!({ "passphrase": PASSPHRASE }))),
    ];
    for (action, method, path, body) in changes {
        let (before, entries) = (seen(api).await, api.all("/audit").await.len());
        refuse(true);
        let refused = api.call(method.clone(), &path, body.as_ref()).await;
        assert_eq!(refused.status, 503, "{action}: {}", refused.text());
        refuse(false);
        assert_eq!(seen(api).await, before, "{action} was refused");
        api.call(method, &path, body.as_ref()).await.ok();
        let all = api.all("/audit").await;
        assert_eq!((all.len(), all[0]["action"].as_str()), (entries + 1, Some(action)), "{}", all[0]);
        if !["keys.rotate", "configuration.export"].contains(&action) {
            assert_ne!(seen(api).await, before, "{action} was done");
        }
    }
}

/// The configuration as an administrator sees it.
async fn seen(api: &Api) -> Value {
    let mut seen = json!({});
    for path in ["channels", "jobs", "settings/notifications", "settings/outbound", "users", "tokens"] {
        seen[path] = api.get(&format!("/{path}")).await;
    }
    seen
}

/// Whenever the server is killed: what was made and what the audit says was made are the same.
#[tokio::test]
async fn a_crash_leaves_no_change_without_its_entry() {
    let mut server = Server::start().await;
    let mut made = 0;
    for round in 0..8_u64 {
        let (api, killer) = (server.api().clone(), server.killer());
        let making = tokio::spawn(async move {
            for n in 0.. {
                let body = json!({ "name": format!("{round}-{n}"), "kind": "webhook", "config": { "url": "https://a.example/" } });
                let headers = [("content-type", "application/json")];
                // Ends when the server is gone.
                if api.exchange(Method::POST, "/api/v1/channels", &headers, body.to_string()).await.is_err() {
                    return;
                }
            }
        });
        tokio::time::sleep(Duration::from_millis(20 + 7 * round)).await;
        killer.kill9();
        server.wait().await;
        making.await.unwrap();
        server.restart().await;
        let channels = server.api().get("/channels").await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let there: BTreeSet<_> =
            channels.as_array().unwrap().iter().map(|channel| format!("channel:{}", text(&channel["id"]))).collect();
        let told: BTreeSet<_> =
            server.api().all("/audit?action=channel.create").await.iter().map(|entry| text(&entry["object"])).collect();
        assert_eq!(there, told);
        made = there.len();
    }
    assert!(made > 8, "{made}");
}
