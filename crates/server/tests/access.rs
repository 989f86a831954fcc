//! Who may do what: every operation, asked by everybody; accounts, sessions, tokens and the set-up.

#![allow(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

mod common;

use std::{sync::Arc, time::Duration};

use common::{Answer, Api, TOKEN, filled};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const PASSWORD: &str = "correct horse battery";

/// Credentials, as headers.
type Headers = Vec<(&'static str, String)>;

async fn ask(api: &Api, method: &str, path: &str, body: Option<Value>, headers: &Headers) -> Answer {
    let mut all: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    if body.is_some() {
        all.push(("content-type", "application/json"));
    }
    let answer = api.raw(method, path, body.map(|body| body.to_string().into_bytes()), &all).await;
    api.check(method, path, &answer);
    answer
}

fn bearer(token: &str) -> Headers {
    vec![("authorization", format!("Bearer {token}"))]
}

/// What a page of ours sends along with what this answer set as the cookie.
fn session_of(answer: &Answer) -> Headers {
    let cookie = answer.headers["set-cookie"].to_str().unwrap();
    let pair = cookie.split(';').next().unwrap().to_owned();
    vec![("cookie", pair), ("fanfare-csrf", "1".into()), ("sec-fetch-site", "same-origin".into())]
}

async fn account(api: &Api, email: &str, role: &str) -> String {
    let body = json!({"name": "Somebody", "email": email, "role": role, "password": PASSWORD});
    api.post("/api/v1/users", body).await.expect(201)["id"].as_str().unwrap().to_owned()
}

async fn sign_in(api: &Api, email: &str, password: &str) -> Answer {
    ask(api, "POST", "/api/v1/session", Some(json!({"email": email, "password": password})), &Vec::new()).await
}

async fn signed_in(api: &Api, email: &str) -> Headers {
    let answer = sign_in(api, email, PASSWORD).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    session_of(&answer)
}

async fn token(api: &Api, body: Value) -> String {
    api.post("/api/v1/tokens", body).await.expect(201)["token"].as_str().unwrap().to_owned()
}

/// Each operation is asked by each kind of caller. Who is let in must be who the document says, whatever the route:
/// one without a rule, or with another than it declares, fails here.
#[tokio::test]
async fn everybody_gets_exactly_what_is_declared() {
    let api = Api::start().await;
    account(&api, "admin@b.example", "admin").await;
    account(&api, "viewer@b.example", "viewer").await;
    let mut callers = vec![("anonymous", Headers::new())];
    for scope in ["send", "read", "admin"] {
        callers.push((scope, bearer(&token(&api, json!({"name": scope, "scope": scope})).await)));
    }
    callers.push(("viewer", signed_in(&api, "viewer@b.example").await));
    callers.push(("administrator", signed_in(&api, "admin@b.example").await));
    let mut asked = 0;
    for (template, method, operation) in api.operations() {
        let declared = operation["security"].as_array().unwrap_or_else(|| panic!("{method} {template} has no rule"));
        let scopes: Vec<_> = declared.iter().filter_map(|needs| needs["token"][0].as_str()).collect();
        let roles: Vec<_> = declared.iter().filter_map(|needs| needs["session"][0].as_str()).collect();
        let is_open = declared.contains(&json!({}));
        assert!(is_open != (!scopes.is_empty() || !roles.is_empty()), "{method} {template}: {declared:?}");
        for (caller, headers) in &callers {
            let may = is_open
                || match *caller {
                    "anonymous" => false,
                    "viewer" => roles.contains(&"viewer"),
                    "administrator" => !roles.is_empty(),
                    "admin" => !scopes.is_empty(),
                    scope => scopes.contains(&scope),
                };
            // Signing out would end the session that the others are asked with; this one is refused behind the rule.
            let path = match (method, template.as_str()) {
                ("delete", "/api/v1/session") => "/api/v1/session?everywhere=perhaps".into(),
                // This one would answer without an end; it, too, is refused behind the rule.
                ("get", "/api/v1/deliveries/stream") => format!("{template}?until=never"),
                _ => filled(&template),
            };
            let method = method.to_uppercase();
            // What is no JSON is refused after the credentials, and does nothing.
            let body = (method != "GET" && method != "DELETE").then(|| Value::from("nothing"));
            let answer = ask(&api, &method, &path, body, headers).await;
            let what = format!("{method} {path} as {caller} gave {} {}", answer.status, answer.text);
            let let_in = ![401, 403].contains(&answer.status.as_u16());
            assert_eq!(let_in, may, "{what}");
            asked += 1;
        }
    }
    assert!(asked > 200, "{asked}");
}

#[tokio::test]
async fn the_set_up_link_works_once() {
    let api = Api::start().await;
    let open = async || api.get("/api/v1/setup").await.expect(200)["open"].clone();
    assert_eq!(open().await, true);
    let key = api.accounts.new_setup_key().await.unwrap().unwrap();
    let another = api.accounts.new_setup_key().await.unwrap().unwrap();
    let body = |key: &str, password: &str| {
        Some(json!({"key": key, "name": "Ada", "email": "ada@b.example", "password": password}))
    };
    let set_up = async |body| ask(&api, "POST", "/api/v1/setup", body, &Vec::new()).await;
    set_up(body("guess", PASSWORD)).await.expect(403);
    let key = secrecy::ExposeSecret::expose_secret(&key).to_owned();
    assert_eq!(set_up(body(&key, "short")).await.pointers(422), ["/password"]);
    let made = set_up(body(&key, PASSWORD)).await;
    let session = session_of(&made);
    assert_eq!(made.expect(201)["role"], "admin");
    assert_eq!(open().await, false);
    set_up(body(&key, PASSWORD)).await.expect(409);
    set_up(body(secrecy::ExposeSecret::expose_secret(&another), PASSWORD)).await.expect(409);
    assert!(api.accounts.new_setup_key().await.unwrap().is_none());
    let who = ask(&api, "GET", "/api/v1/session", None, &session).await.expect(200);
    assert_eq!((&who["name"], &who["email"]), (&json!("Ada"), &json!("ada@b.example")));
}

#[tokio::test]
async fn sessions_begin_and_end() {
    let api = Api::start().await;
    account(&api, "ada@b.example", "viewer").await;
    let path = "/api/v1/session";
    let first = signed_in(&api, " Ada@B.example ").await;
    let (second, third) = (signed_in(&api, "ada@b.example").await, signed_in(&api, "ada@b.example").await);
    ask(&api, "GET", path, None, &first).await.expect(200);
    let out = ask(&api, "DELETE", path, None, &first).await;
    assert!(out.headers["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    out.expect(204);
    ask(&api, "GET", path, None, &first).await.expect(401);

    // A new password ends the others, and only them.
    let change = |current: &str, new: &str| Some(json!({"current_password": current, "new_password": new}));
    let password = format!("{path}/password");
    let refused = ask(&api, "PUT", &password, change("wrong", "another password"), &second).await;
    assert_eq!(refused.pointers(422), ["/current_password"]);
    let refused = ask(&api, "PUT", &password, change(PASSWORD, "short"), &second).await;
    assert_eq!(refused.pointers(422), ["/new_password"]);
    ask(&api, "PUT", &password, change(PASSWORD, "another password"), &second).await.expect(204);
    ask(&api, "GET", path, None, &second).await.expect(200);
    ask(&api, "GET", path, None, &third).await.expect(401);
    sign_in(&api, "ada@b.example", PASSWORD).await.expect(401);

    let fourth = session_of(&sign_in(&api, "ada@b.example", "another password").await);
    ask(&api, "DELETE", &format!("{path}?everywhere=true"), None, &fourth).await.expect(204);
    for ended in [&second, &fourth] {
        ask(&api, "GET", path, None, ended).await.expect(401);
    }
    // A token is no session.
    ask(&api, "GET", path, None, &bearer(TOKEN)).await.expect(403);
}

#[tokio::test]
async fn another_site_cannot_use_the_session() {
    let api = Api::start().await;
    account(&api, "ada@b.example", "admin").await;
    let session = signed_in(&api, "ada@b.example").await;
    let body = || Some(json!({"name": "n", "scope": "admin"}));
    let with = |more: &[(&'static str, &str)]| -> Headers {
        let mut headers = vec![session[0].clone(), ("host", "fanfare.example".into())];
        headers.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        headers
    };
    for bad in [
        &[][..],
        &[("sec-fetch-site", "cross-site"), ("fanfare-csrf", "1")],
        &[("sec-fetch-site", "same-site"), ("fanfare-csrf", "1")],
        &[("origin", "https://evil.example"), ("fanfare-csrf", "1")],
        &[("origin", "null"), ("fanfare-csrf", "1")],
        &[("sec-fetch-site", "same-origin")],
    ] {
        let refused = ask(&api, "POST", "/api/v1/tokens", body(), &with(bad)).await.expect(403);
        assert_eq!(refused["type"], "urn:fanfare:problem:cross-site", "{bad:?}");
    }
    for good in [
        &[("fanfare-csrf", "1")][..],
        &[("sec-fetch-site", "same-origin"), ("fanfare-csrf", "1")],
        &[("origin", "https://fanfare.example"), ("fanfare-csrf", "1")],
    ] {
        ask(&api, "POST", "/api/v1/tokens", body(), &with(good)).await.expect(201);
    }
    // Looking changes nothing, so a link from elsewhere works.
    ask(&api, "GET", "/api/v1/session", None, &with(&[("sec-fetch-site", "cross-site")])).await.expect(200);
    // Nor may it sign anybody in.
    let credentials = Some(json!({"email": "ada@b.example", "password": PASSWORD}));
    let cross = vec![("sec-fetch-site", "cross-site".to_owned())];
    ask(&api, "POST", "/api/v1/session", credentials, &cross).await.expect(403);
}

#[tokio::test]
async fn signing_in_fails_alike_whether_there_is_an_account_or_not() {
    let api = Api::start().await;
    account(&api, "ada@b.example", "viewer").await;
    let mut answers = Vec::new();
    for email in ["ada@b.example", "nobody@b.example"] {
        for attempt in 0..11 {
            let answer = sign_in(&api, email, "wrong password").await;
            assert_eq!(answer.status, if attempt < 10 { 401 } else { 429 }, "{email}, {attempt}");
            answers.push((answer.headers.get("retry-after").cloned(), answer.text));
        }
    }
    let (ada, nobody) = answers.split_at(11);
    assert_eq!(ada[0], nobody[0]);
    assert!(ada[10].0.as_ref().is_some_and(|wait| wait.to_str().unwrap().parse::<u64>().unwrap() > 0));
    // Whoever is kept out is so with the right password, too: or it could be found out.
    sign_in(&api, "ada@b.example", PASSWORD).await.expect(429);
}

#[tokio::test]
async fn accounts_are_made_changed_and_deleted() {
    let api = Api::start().await;
    let ada = account(&api, "ada@b.example", "admin").await;
    let again = json!({"name": "A", "email": "ADA@b.example", "role": "viewer", "password": PASSWORD});
    assert_eq!(api.post("/api/v1/users", again).await.pointers(409), ["/email"]);
    let bad = json!({"name": " ", "email": "nobody", "role": "viewer", "password": "short"});
    assert_eq!(api.post("/api/v1/users", bad).await.pointers(422), ["/name", "/email", "/password"]);
    let role = json!({"name": "A", "email": "a@b.example", "role": "owner", "password": PASSWORD});
    assert_eq!(api.post("/api/v1/users", role).await.pointers(422), ["/role"]);

    // The last administrator stays one.
    let path = format!("/api/v1/users/{ada}");
    api.delete(&path).await.expect(409);
    api.patch(&path, json!({"role": "viewer"})).await.expect(409);
    let grace = account(&api, "grace@b.example", "admin").await;
    let session = signed_in(&api, "ada@b.example").await;
    assert_eq!(api.patch(&path, json!({"role": "viewer", "name": "Ada"})).await.expect(200)["role"], "viewer");
    ask(&api, "GET", "/api/v1/session", None, &session).await.expect(401);
    api.delete(&format!("/api/v1/users/{grace}")).await.expect(409);

    let session = signed_in(&api, "ada@b.example").await;
    assert_eq!(api.patch(&path, json!({"email": "grace@b.example"})).await.pointers(409), ["/email"]);
    assert_eq!(api.patch(&path, json!({"password": "ada@b.example"})).await.pointers(422), ["/password"]);
    api.patch(&path, json!({"name": "Ada L."})).await.expect(200);
    let who = ask(&api, "GET", "/api/v1/session", None, &session).await.expect(200);
    assert_eq!(who["name"], "Ada L.", "a new name is in force at once, and ends nothing");
    api.patch(&path, json!({"password": "a password from the admin"})).await.expect(200);
    ask(&api, "GET", "/api/v1/session", None, &session).await.expect(401);

    let listed = api.get("/api/v1/users").await.expect(200);
    let emails: Vec<_> = listed.as_array().unwrap().iter().map(|user| user["email"].clone()).collect();
    assert_eq!(emails, ["ada@b.example", "grace@b.example"]);
    assert!(!listed.to_string().contains("argon2"));
    let session = session_of(&sign_in(&api, "ada@b.example", "a password from the admin").await);
    api.delete(&path).await.expect(204);
    ask(&api, "GET", "/api/v1/session", None, &session).await.expect(401);
    sign_in(&api, "ada@b.example", "a password from the admin").await.expect(401);
    api.delete(&path).await.expect(404);
    api.patch(&path, json!({})).await.expect(404);
}

#[tokio::test]
async fn tokens_do_what_they_are_limited_to() {
    let api = Api::start().await;
    let job = api.post("/api/v1/jobs", json!({"name": "nightly"})).await.expect(201)["id"].clone();
    api.post("/api/v1/jobs", json!({"name": "weekly"})).await.expect(201);
    let limited = |more: Value| {
        let mut body = json!({"name": "limited", "scope": "send"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    for (more, pointer) in [
        (json!({"event_types": ["nothing_of_the_kind"]}), "/event_types/0"),
        (json!({"jobs": [filled("{id}")]}), "/jobs/0"),
        (json!({"event_types": []}), "/event_types"),
        (json!({"event_types": ["user_login"], "scope": "read"}), "/event_types"),
        (json!({"expires_at": "2020-01-01T00:00:00Z"}), "/expires_at"),
        (json!({"name": ""}), "/name"),
        (json!({"scope": "all"}), "/scope"),
    ] {
        assert_eq!(api.post("/api/v1/tokens", limited(more)).await.pointers(422), [pointer]);
    }
    let events = bearer(&token(&api, limited(json!({"event_types": ["system_error"]}))).await);
    let runs = bearer(&token(&api, limited(json!({"jobs": [job]}))).await);
    let error = json!({"type": "system_error", "data": {"component": "c", "error": "e"}});
    let update = json!({"type": "update_available"});
    let run = Some(json!({"outcome": "success"}));
    ask(&api, "POST", "/api/v1/events", Some(error.clone()), &events).await.expect(202);
    ask(&api, "POST", "/api/v1/events", Some(update.clone()), &events).await.expect(403);
    ask(&api, "POST", "/api/v1/jobs/nightly/runs", run.clone(), &events).await.expect(403);
    let batch = Some(json!({"events": [error, update]}));
    let results = ask(&api, "POST", "/api/v1/events/batch", batch, &events).await.expect(202);
    assert_eq!((&results["results"][0]["status"], &results["results"][1]["status"]), (&json!(202), &json!(403)));
    for name in ["nightly", job.as_str().unwrap()] {
        ask(&api, "POST", &format!("/api/v1/jobs/{name}/runs"), run.clone(), &runs).await.expect(202);
    }
    ask(&api, "POST", "/api/v1/jobs/weekly/runs", run, &runs).await.expect(403);
    let event = Some(json!({"type": "system_error", "data": {"component": "c", "error": "e"}}));
    ask(&api, "POST", "/api/v1/events", event, &runs).await.expect(403);
}

#[tokio::test]
async fn a_token_is_shown_once_and_ends_when_it_is_deleted() {
    let api = Api::start().await;
    let made = api.post("/api/v1/tokens", json!({"name": "reader", "scope": "read"})).await;
    let location = made.headers["location"].to_str().unwrap().to_owned();
    let made = made.expect(201);
    let secret = made["token"].as_str().unwrap();
    assert_eq!(api.get("/api/v1/tokens").await.expect(200)[0]["last_used_at"], Value::Null);
    ask(&api, "GET", "/api/v1/channels", None, &bearer(secret)).await.expect(200);
    let listed = api.get("/api/v1/tokens").await.expect(200);
    assert!(!listed.to_string().contains(secret), "{listed}");
    assert!(listed[0]["last_used_at"].is_string() && listed[0]["created_by"] == "token:admin-token", "{listed}");
    api.delete(&location).await.expect(204);
    ask(&api, "GET", "/api/v1/channels", None, &bearer(secret)).await.expect(401);
    api.delete(&location).await.expect(404);

    let soon = jiff::Timestamp::now() + Duration::from_millis(300);
    let body = json!({"name": "short", "scope": "read", "expires_at": soon.to_string()});
    let short = token(&api, body).await;
    ask(&api, "GET", "/api/v1/channels", None, &bearer(&short)).await.expect(200);
    while jiff::Timestamp::now() <= soon {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    ask(&api, "GET", "/api/v1/channels", None, &bearer(&short)).await.expect(401);
}

/// The accounts are those whom events name by their ids, and their own life is told through the same system.
#[tokio::test]
async fn accounts_are_told_of_and_known_by_their_ids() {
    let api = Api::start().await;
    let grace = account(&api, "grace@b.example", "viewer").await;
    signed_in(&api, "grace@b.example").await;
    let told = async |event_type: &str| {
        for _ in 0..1_000 {
            let events = api.get("/api/v1/events").await.expect(200)["items"].clone();
            if let Some(event) = events.as_array().unwrap().iter().find(|event| event["type"] == event_type) {
                return event.clone();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{event_type} was never told");
    };
    for event_type in ["user_created", "user_login"] {
        let event = told(event_type).await;
        assert_eq!((&event["user"]["id"], &event["user"]["email"]), (&json!(grace), &json!("grace@b.example")));
        assert_eq!(event["data"]["user_name"], "Somebody");
    }
    let event = json!({"type": "user_login", "user": {"id": grace}});
    let explained = api.post("/api/v1/events/explain", event).await.expect(200);
    let said = explained["notification"]["message"].as_str().unwrap();
    assert!(said.contains("Somebody (grace@b.example)"), "{said}");
}

/// What the database holds does not let anybody in.
#[tokio::test]
async fn what_lets_in_is_kept_as_hashes_only() {
    let api = Arc::new(Api::start().await);
    account(&api, "ada@b.example", "viewer").await;
    let session = signed_in(&api, "ada@b.example").await;
    let token = token(&api, json!({"name": "t", "scope": "read"})).await;
    let secret = session[0].1.split_once('=').unwrap().1.to_owned();
    let files = std::fs::read_dir(api.dir()).unwrap();
    let bytes: Vec<u8> = files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect();
    let holds = |text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(holds("ada@b.example"), "this looks in the wrong place");
    for secret in [PASSWORD, &token, &secret] {
        assert!(!holds(secret), "{secret}");
    }
}

#[tokio::test]
async fn the_audit_says_who_changed_what() {
    let api = Api::start().await;
    account(&api, "ada@b.example", "admin").await;
    let session = signed_in(&api, "ada@b.example").await;
    let config = json!({"url": "https://hooks.example/s3cret-path", "headers": {"X-Key": "s3cret-key"}});
    let channel = json!({"name": "ops", "kind": "webhook", "config": config});
    let id = ask(&api, "POST", "/api/v1/channels", Some(channel), &session).await.expect(201)["id"].clone();
    let path = format!("/api/v1/channels/{}", id.as_str().unwrap());
    ask(&api, "PATCH", &path, Some(json!({"enabled": false})), &session).await.expect(200);
    ask(&api, "DELETE", &path, None, &session).await.expect(204);
    sign_in(&api, "ada@b.example", "wrong password").await.expect(401);
    sign_in(&api, "my password, in the wrong field", "x").await.expect(401);

    let entries = async |query: &str| {
        let answer = api.get(&format!("/api/v1/audit?{query}")).await.expect(200);
        answer["items"].as_array().unwrap().clone()
    };
    let all = entries("limit=200").await;
    let actions: Vec<_> = all.iter().rev().map(|entry| entry["action"].as_str().unwrap()).collect();
    let expected = [
        "user.create",
        "session.create",
        "channel.create",
        "channel.update",
        "channel.delete",
        "session.refuse",
        "session.refuse",
    ];
    assert_eq!(actions, expected);
    let text = Value::from(all.clone()).to_string();
    for secret in ["s3cret", PASSWORD, "argon2", "in the wrong field"] {
        assert!(!text.contains(secret), "{text}");
    }
    let update = &all[3];
    assert_eq!(
        (&update["actor"], &update["object"]),
        (&json!("user:ada@b.example"), &json!(format!("channel:{}", id.as_str().unwrap())))
    );
    let said = |document: &Value| (document["name"].clone(), document["enabled"].clone(), document["kind"].clone());
    assert_eq!(said(&update["before"]), (json!("ops"), json!(true), Value::Null));
    assert_eq!(said(&update["after"]), (json!("ops"), json!(false), Value::Null));

    assert_eq!(entries("action=channel").await.len(), 3);
    assert_eq!(entries("action=channel.update").await, std::slice::from_ref(update));
    assert_eq!(entries("actor=token:admin-token").await.len(), 1);
    assert_eq!(entries("object=channel").await.len(), 3);
    let at = update["at"].as_str().unwrap();
    assert!(entries(&format!("since={at}")).await.contains(update));
    assert!(!entries(&format!("until={at}")).await.contains(update));
    api.get("/api/v1/audit?since=yesterday").await.expect(422);
    api.get("/api/v1/audit?format=xml").await.expect(422);

    // Stretch by stretch it is the same, and so is the file.
    let first = api.get("/api/v1/audit?limit=4").await.expect(200);
    let rest = entries(&format!("limit=200&cursor={}", first["next_cursor"].as_str().unwrap())).await;
    assert_eq!([first["items"].as_array().unwrap().clone(), rest].concat(), all);
    let file = api.get("/api/v1/audit?format=jsonl").await;
    let lines: Vec<Value> = file.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, all);
    let table = api.get("/api/v1/audit?format=csv&action=channel").await;
    assert_eq!(table.text.lines().count(), 4);
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        let headers = [("authorization", format!("Bearer {TOKEN}"))];
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        api.raw(method, "/api/v1/audit", None, &headers).await.expect(405);
    }
}

/// Whoever only looks does not learn whom users' mail goes to.
#[tokio::test]
async fn addresses_of_users_are_masked_for_viewers() {
    let api = Api::start().await;
    let config = json!({
        "host": "127.0.0.1", "port": 9, "security": "none", "from": "f@mail.example", "to": ["ops@mail.example"]
    });
    let channel = json!({"name": "mail", "kind": "email", "config": config});
    let channel = api.post("/api/v1/channels", channel).await.expect(201)["id"].as_str().unwrap().to_owned();
    let settings = json!({
        "global_channels": [channel],
        "events": {"user_login": {"enabled": true, "notify_user": "also"}}
    });
    api.put("/api/v1/settings/notifications", settings).await.expect(200);
    account(&api, "viewer@b.example", "viewer").await;
    let viewer = signed_in(&api, "viewer@b.example").await;
    let event = json!({"type": "user_login", "user": {"name": "Grace", "email": "grace@b.example"}});
    let event = api.post("/api/v1/events", event).await.expect(202);
    let delivery = event["deliveries"][1]["id"].as_str().unwrap().to_owned();
    let id = event["id"].as_str().unwrap();
    for path in [
        "/api/v1/events".to_owned(),
        format!("/api/v1/events/{id}"),
        format!("/api/v1/deliveries?event_id={id}"),
        format!("/api/v1/deliveries/{delivery}"),
    ] {
        let (seen, all) = (ask(&api, "GET", &path, None, &viewer).await, api.get(&path).await);
        assert!(all.text.contains("user:grace@b.example"), "{}", all.text);
        assert!(seen.text.contains("user:g***@b.example"), "{}", seen.text);
        assert!(!seen.text.contains("grace@b.example"), "{}", seen.text);
    }
}

#[tokio::test]
async fn too_many_requests_are_turned_away_for_a_while() {
    let ten = std::num::NonZeroU32::new(10);
    let api = Api::start_with(|options| options.rate_limits.per_token = ten).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(fanfare_server::serve(listener, api.router.clone(), std::future::pending()));
    let path = "/api/v1/channels";
    // From this machine itself, without an end.
    for _ in 0..60 {
        assert_eq!(over_the_wire(address, path, "").await.status, 200);
    }
    // Through a proxy on this machine, whose word is taken: five seconds' worth at once.
    let elsewhere = "X-Forwarded-For: 203.0.113.7\r\n";
    let mut refused = None;
    for _ in 0..60 {
        let answer = over_the_wire(address, path, elsewhere).await;
        if answer.status == 429 {
            refused = Some(answer);
            break;
        }
        assert_eq!(answer.status, 200);
    }
    let refused = refused.expect("sixty at once");
    assert_eq!(refused.headers["retry-after"], "1");
    api.check("GET", path, &refused);
    assert_eq!(over_the_wire(address, path, "").await.status, 200);
    serving.abort();
}

/// Asks through a socket, with the admin token and these lines in the head.
async fn over_the_wire(address: std::net::SocketAddr, path: &str, lines: &str) -> Answer {
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let head =
        format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {TOKEN}\r\n{lines}\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
    Answer { status, headers, text: body.to_owned() }
}
