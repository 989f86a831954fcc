//! Accounts, tokens and the audit, on the real binary.

use std::time::{Duration, Instant};

use bytes::Bytes;
use fanfare_testkit::{Receiver, smtp::SmtpReceiver};
use fanfare_tests::{Api, PATIENCE, Postgres, Reply, Server, letters, until};
use http::Method;
use serde_json::{Value, json};

const PASSWORD: &str = "correct horse battery";
const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// A browser with a page of this server's.
struct Browser {
    api: Api,
    cookie: String,
}

impl Browser {
    /// A visitor who sends this document to the path, and gets a session for it.
    async fn enter(server: &Server, path: &str, body: Value) -> Self {
        let mut browser = Self { api: server.api().with_token(None), cookie: String::new() };
        let reply = browser.ask(Method::POST, path, Some(body)).await;
        assert!(reply.is_ok(), "{}", reply.text());
        let cookie = reply.headers["set-cookie"].to_str().unwrap();
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
        browser.cookie = cookie.split(';').next().unwrap().to_owned();
        browser
    }

    async fn sign_in(server: &Server, email: &str, password: &str) -> Self {
        Self::enter(server, "/session", json!({ "email": email, "password": password })).await
    }

    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Reply {
        let headers = [
            ("content-type", "application/json"),
            ("cookie", self.cookie.as_str()),
            ("fanfare-csrf", "1"),
            ("sec-fetch-site", "same-origin"),
        ];
        let body = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        self.api.exchange(method, &format!("/api/v1{path}"), &headers, body).await.unwrap()
    }
}

fn setup_key(server: &Server) -> Option<String> {
    let log = server.log();
    Some(log.split_once("/setup#")?.1.split_whitespace().next()?.to_owned())
}

/// Rule: What does the test of an event type do?
#[tokio::test]
async fn in_a_test_whoever_is_signed_in_stands_for_the_user() {
    let (server, mail) = (Server::start().await, SmtpReceiver::start().await);
    let api = server.api();
    let channel = api.email("mail", mail.port(), &["ops@mail.example"]).await;
    let login = json!({ "enabled": true, "notify_user": "only", "channels": [channel] });
    api.put("/settings/notifications", json!({ "events": { "user_login": login } })).await;
    let ada = json!({ "name": "Ada", "email": "ada@b.example", "role": "admin", "password": PASSWORD });
    api.post("/users", ada).await;
    let ada = Browser::sign_in(&server, "ada@b.example", PASSWORD).await;
    let test = async |body| ada.ask(Method::POST, "/event-types/user_login/test", body).await.ok()["results"].clone();
    let own = test(None).await;
    assert_eq!((&own[0]["target"], &own[0]["ok"]), (&json!("user:ada@b.example"), &json!(true)), "{own}");
    let other = test(Some(json!({ "user": { "email": "zoe@mail.example" } }))).await;
    assert_eq!((&other[0]["target"], &other[0]["ok"]), (&json!("user:zoe@mail.example"), &json!(true)), "{other}");
    // Signing in itself has told Ada as well, sooner or later.
    let tests = letters(&mail).into_iter().filter(|letter| letter.subject.starts_with("[Test] "));
    let to: Vec<_> = tests.map(|letter| letter.to.join(" ")).collect();
    assert_eq!(to, ["ada@b.example", "zoe@mail.example"]);
    // A token has no address.
    let nobody = api.post("/event-types/user_login/test", json!({})).await["results"].clone();
    assert_eq!((&nobody[0]["target"], &nobody[0]["ok"]), (&json!("user"), &json!(false)), "{nobody}");
}

#[tokio::test]
async fn the_first_start_prints_a_link_that_works_once() {
    let mut server = Server::start().await;
    // The link comes after the lines that say where the server listens.
    let key = until("the set-up link", PATIENCE, async || setup_key(&server)).await;
    let visitor = server.api().with_token(None);
    assert_eq!(visitor.get("/setup").await, json!({ "open": true }));
    let body = |key: &str| json!({ "key": key, "name": "Ada", "email": "ada@b.example", "password": PASSWORD });
    assert_eq!(visitor.call(Method::POST, "/setup", Some(&body("guess"))).await.problem().status, 403);
    let ada = Browser::enter(&server, "/setup", body(&key)).await;
    assert_eq!(ada.ask(Method::GET, "/session", None).await.ok()["role"], "admin");
    assert_eq!(visitor.call(Method::POST, "/setup", Some(&body(&key))).await.problem().status, 409);
    assert_eq!(visitor.get("/setup").await, json!({ "open": false }));

    // Sessions outlive the process; a link is not printed again.
    assert_eq!(server.terminate().await, Some(0));
    server.restart().await;
    let ada = Browser { api: server.api().with_token(None), ..ada };
    assert_eq!(ada.ask(Method::GET, "/session", None).await.ok()["email"], "ada@b.example");
    assert_eq!(setup_key(&server), None);
    assert_eq!(ada.ask(Method::DELETE, "/session?everywhere=true", None).await.status, 204);
    assert_eq!(ada.ask(Method::GET, "/session", None).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_kept_from_the_command_line() {
    let server = Server::start().await;
    let cli = server.cli();
    let create = |email: &str, role: &str| {
        cli.run_with_input(&["users", "create", email, "--name", "N", "--role", role], &format!("{PASSWORD}\n"))
    };
    assert!(create("ada@b.example", "admin").done().out.contains("ada@b.example now has an account"));
    assert_eq!(create("grace@b.example", "viewer").code, Some(0));
    assert_eq!(create("GRACE@b.example", "viewer").code, Some(1));
    let table = cli.run(&["users", "list"]).done();
    assert!(table.out.contains("ada@b.example") && table.out.contains("viewer"), "{table:?}");
    assert_eq!(cli.json(&["users", "list"]), server.api().get("/users").await);
    assert_eq!(cli.run(&["users", "update", "ada@b.example", "--role", "viewer"]).code, Some(1), "the last admin");
    assert_eq!(cli.run(&["users", "update", "ada@b.example"]).code, Some(2));

    let grace = Browser::sign_in(&server, "grace@b.example", PASSWORD).await;
    let update = ["users", "update", "grace@b.example", "--password"];
    assert_eq!(cli.run_with_input(&update, "another password\n").code, Some(0));
    assert_eq!(grace.ask(Method::GET, "/session", None).await.status, 401);
    Browser::sign_in(&server, "grace@b.example", "another password").await;
    assert_eq!(cli.run(&["users", "delete", "grace@b.example"]).code, Some(0));

    // What was done is in the audit, and no password with it.
    let audit = cli.run(&["audit", "list", "--action", "user"]).done();
    assert!(audit.out.contains("user.delete") && audit.out.contains("token:admin-token"), "{audit:?}");
    let exported = cli.run(&["audit", "export"]).done().out;
    let lines: Vec<Value> = exported.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, server.api().all("/audit").await);
    assert!(lines.iter().any(|entry| entry["action"] == "session.create"));
    for secret in [PASSWORD, "another password", "argon2"] {
        assert!(!exported.contains(secret) && !server.log().contains(secret), "{secret}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_looks_and_changes_only_the_own_password() {
    let server = Server::start().await;
    let api = server.api();
    let body = json!({ "name": "Grace", "email": "grace@b.example", "role": "viewer", "password": PASSWORD });
    api.post("/users", body).await;
    let grace = Browser::sign_in(&server, "grace@b.example", PASSWORD).await;
    assert_eq!(grace.ask(Method::GET, "/channels", None).await.ok(), json!([]));
    let channel = json!({ "name": "c", "kind": "webhook", "config": { "url": "https://a.example/" } });
    assert_eq!(grace.ask(Method::POST, "/channels", Some(channel)).await.problem().status, 403);
    for path in ["/users", "/tokens", "/audit"] {
        assert_eq!(grace.ask(Method::GET, path, None).await.problem().status, 403, "{path}");
    }
    let change = json!({ "current_password": PASSWORD, "new_password": "another password" });
    assert_eq!(grace.ask(Method::PUT, "/session/password", Some(change)).await.status, 204);
    Browser::sign_in(&server, "grace@b.example", "another password").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_does_what_it_is_for_until_it_ends() {
    let mut server = Server::start().await;
    server.api().job("nightly", &[]).await;
    let made = server.cli().run(&["tokens", "create", "backup", "--scope", "send", "--job", "nightly"]).done();
    let token = made.out.trim().to_owned();
    assert!(token.starts_with("fanfare_") && !token.contains(char::is_whitespace), "{made:?}");
    assert_eq!(server.terminate().await, Some(0));
    server.restart().await;
    let cli = server.cli();
    let backup = server.api().with_token(Some(&token));
    let run = json!({ "outcome": "success" });
    backup.call(Method::POST, "/jobs/nightly/runs", Some(&run)).await.ok();
    let event = json!({ "type": "system_error", "data": { "component": "c", "error": "e" } });
    assert_eq!(backup.call(Method::POST, "/events", Some(&event)).await.problem().status, 403);
    assert_eq!(backup.call(Method::GET, "/events", None).await.problem().status, 403);
    let table = cli.run(&["tokens", "list"]).done();
    assert!(table.out.contains("backup") && !table.out.contains(&token), "{table:?}");
    assert_eq!(cli.run(&["tokens", "delete", "backup"]).code, Some(0));
    assert_eq!(backup.call(Method::POST, "/jobs/nightly/runs", Some(&run)).await.status, 401);
    assert!(!server.whole_log().contains(&token));
}

/// The server's own life goes through the same system, and the address is the one in the account.
#[tokio::test(flavor = "multi_thread")]
async fn signing_in_is_told_like_everything_else() {
    let (server, receiver) = (Server::start().await, Receiver::start().await);
    let api = server.api();
    let channel = api.webhook("ops", receiver.url("/")).await;
    api.put(
        "/settings/notifications",
        json!({ "global_channels": [channel], "events": {
            "user_login": { "enabled": true }, "user_created": { "enabled": true }
        } }),
    )
    .await;
    let body = json!({ "name": "Grace", "email": "grace@b.example", "role": "viewer", "password": PASSWORD });
    api.post("/users", body).await;
    assert_eq!(receiver.wait_for(1, PATIENCE).await[0].json()["event_type"], "user_created");
    Browser::sign_in(&server, "grace@b.example", PASSWORD).await;
    let told = receiver.wait_for(2, PATIENCE).await[1].json();
    assert_eq!(told["event_type"], "user_login");
    assert!(told["message"].as_str().unwrap().contains("grace@b.example"), "{told}");
    // From this machine, without a proxy.
    assert!(told["fields"].to_string().contains("127.0.0.1"), "{told}");
}

/// Whichever node is asked: a link of one works at the other, and what is ended at one is ended everywhere.
#[tokio::test(flavor = "multi_thread")]
async fn nodes_on_one_database_know_the_same_accounts() {
    let postgres = Postgres::start().await;
    postgres.create("fanfare");
    let url = postgres.url("fanfare");
    let variables = [("FANFARE_DATABASE_URL", url.as_str()), ("FANFARE_SECRET_KEY", KEY)];
    let (one, other) = (Server::start_with(&variables).await, Server::start_with(&variables).await);
    let key = until("the set-up link", PATIENCE, async || setup_key(&one)).await;
    let body = json!({ "key": key, "name": "Ada", "email": "ada@b.example", "password": PASSWORD });
    let there = Browser::enter(&other, "/setup", body).await;
    let here = Browser { api: one.api().with_token(None), cookie: there.cookie.clone() };
    let signed_in = async || here.ask(Method::GET, "/session", None).await.is_ok().then_some(());
    until("the account at the first node", PATIENCE, signed_in).await;

    let made = here.ask(Method::POST, "/tokens", Some(json!({ "name": "t", "scope": "read" }))).await.ok();
    let reader = other.api().with_token(made["token"].as_str());
    let is_known = async || reader.call(Method::GET, "/channels", None).await.is_ok();
    until("the token at the other node", PATIENCE, async || is_known().await.then_some(())).await;
    let path = format!("/tokens/{}", made["id"].as_str().unwrap());
    assert_eq!(here.ask(Method::DELETE, &path, None).await.status, 204);
    let began = Instant::now();
    until("the end of the token", PATIENCE, async || (!is_known().await).then_some(())).await;
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!(there.ask(Method::DELETE, "/session", None).await.status, 204);
    assert_eq!(here.ask(Method::GET, "/session", None).await.status, 401, "at once");
    let taken = json!({ "name": "Ada", "email": "ADA@b.example", "role": "viewer", "password": PASSWORD });
    assert_eq!(one.api().call(Method::POST, "/users", Some(&taken)).await.problem().pointers, ["/email"]);
}
