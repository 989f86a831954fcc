//! Who may call what, asked of the real server: every operation of its own document.

use std::collections::BTreeSet;

use fanfare_tests::{Api, Server};
use http::Method;
use serde_json::{Value, json};

const PASSWORD: &str = "correct horse battery";

/// What an anonymous caller gets, as the contract lists it.
const OPEN: &[(&str, &str)] = &[
    ("get", "/healthz"),
    ("get", "/readyz"),
    ("get", "/api/v1/setup"),
    ("post", "/api/v1/setup"),
    ("post", "/api/v1/session"),
    ("get", "/ping/{key}"),
    ("head", "/ping/{key}"),
    ("post", "/ping/{key}"),
    ("get", "/ping/{key}/{signal}"),
    ("head", "/ping/{key}/{signal}"),
    ("post", "/ping/{key}/{signal}"),
];

/// What a viewer may change: the own password and the own sessions.
const OWN: &[(&str, &str)] = &[("delete", "/api/v1/session"), ("put", "/api/v1/session/password")];

/// Reading that takes a body.
const READS: &[(&str, &str)] = &[("post", "/api/v1/events/explain")];

/// Every operation, and an address for it that stands for nothing.
async fn operations(server: &Server) -> Vec<(String, String, Value)> {
    let document = server.api().exchange(Method::GET, "/api/openapi.json", &[], "").await.unwrap().json();
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            all.push((method.clone(), path.clone(), operation.clone()));
        }
    }
    assert!(all.len() > 40, "{}", all.len());
    all
}

/// A path with something in place of its parameters, where there is one; and a body that could do something.
fn filled(path: &str, there: &Value) -> String {
    let kind = path.split('/').nth(3).unwrap_or_default();
    let id = there[kind].as_str().unwrap_or("00000000-0000-7000-8000-000000000000");
    path.replace("{id}", id).replace("{type}", "system_error").replace("{key}", "nobody").replace("{signal}", "fail")
}

fn body(path: &str) -> Value {
    match path {
        "/api/v1/channels" => json!({ "name": "c", "kind": "webhook", "config": { "url": "https://a.example/" } }),
        "/api/v1/jobs" => json!({ "name": "j" }),
        "/api/v1/users" => json!({ "name": "n", "email": "n@b.example", "role": "admin", "password": PASSWORD }),
        "/api/v1/tokens" => json!({ "name": "t", "scope": "admin" }),
        "/api/v1/users/{id}" => json!({ "role": "admin" }),
        "/api/v1/channels/{id}" | "/api/v1/jobs/{id}" => json!({ "name": "changed" }),
        "/api/v1/settings/outbound" => json!({ "allow_networks": ["127.0.0.0/8"] }),
        "/api/v1/settings/notifications/events/{type}" => json!({ "enabled": false }),
        "/api/v1/events" | "/api/v1/events/explain" => {
            json!({ "type": "system_error", "data": { "component": "c", "error": "e" } })
        }
        "/api/v1/jobs/{id}/runs" => json!({ "outcome": "failure" }),
        "/api/v1/export" => json!({ "passphrase": "correct horse battery staple" }),
        _ => json!({}),
    }
}

/// One of everything.
async fn furnished() -> (Server, Value) {
    let mut server = Server::prepare(&[]);
    server.unset("FANFARE_ALLOW_NETWORKS");
    server.restart().await;
    let api = server.api();
    let text = |value: &Value| value["id"].as_str().unwrap().to_owned();
    let channel = api.webhook("ops", "https://a.example/hook".into()).await;
    let job = api.job("nightly", &[(&channel, "always")]).await;
    let user = json!({ "name": "Grace", "email": "grace@b.example", "role": "viewer", "password": PASSWORD });
    let user = text(&api.post("/users", user).await);
    let token = text(&api.post("/tokens", json!({ "name": "t", "scope": "read" })).await);
    let there = json!({ "channels": channel, "jobs": job, "users": user, "tokens": token });
    (server, there)
}

async fn seen(api: &Api) -> Value {
    let mut seen = json!({});
    for path in ["channels", "jobs", "settings/notifications", "settings/outbound", "users", "tokens"] {
        let mut shown = api.get(&format!("/{path}")).await;
        for one in shown.as_array_mut().into_iter().flatten() {
            for name in ["last_used_at", "last_sign_in_at"] {
                let _ = one.as_object_mut().unwrap().remove(name);
            }
        }
        seen[path] = shown;
    }
    seen
}

#[tokio::test]
async fn an_anonymous_caller_gets_what_the_contract_lists() {
    let (server, there) = furnished().await;
    let before = seen(server.api()).await;
    let visitor = server.api().with_token(None);
    let mut open = BTreeSet::new();
    for (method, path, _) in operations(&server).await {
        let address = filled(&path, &there);
        let verb: Method = method.to_uppercase().parse().unwrap();
        let json = [("content-type", "application/json")];
        let reply = visitor.exchange(verb, &address, &json, body(&path).to_string()).await.unwrap();
        if reply.status != 401 {
            open.insert((method, path));
        } else {
            assert!(!reply.text().contains("ops") && !reply.text().contains("nightly"), "{path}: {}", reply.text());
        }
    }
    let listed: BTreeSet<_> = OPEN.iter().map(|&(method, path)| (method.to_owned(), path.to_owned())).collect();
    let more: Vec<_> = open.difference(&listed).collect();
    assert!(more.is_empty(), "an anonymous caller gets more than the contract lists: {more:?}");
    // What is no operation: pages send to the sign-in, and there is nothing behind other paths.
    for path in ["/", "/channels", "/jobs", "/history", "/settings", "/api/docs", "/api/docs/", "/metrics"] {
        let reply = visitor.exchange(Method::GET, path, &[], "").await.unwrap();
        assert!(!reply.is_ok() && !reply.text().contains("nightly"), "{path}: {} {}", reply.status, reply.text());
    }
    assert_eq!(seen(server.api()).await, before);
}

/// Pages and what is no page: each says to the browser what it may do with it.
#[tokio::test]
async fn answers_are_strict_with_browsers() {
    let (server, _) = furnished().await;
    for path in
        ["/sign-in", "/", "/channels", "/jobs", "/history", "/tokens", "/api/docs/", "/api/v1/channels", "/healthz"]
    {
        let reply = server.api().exchange(Method::GET, path, &[], "").await.unwrap();
        assert_eq!(reply.status, 200, "{path}");
        let says =
            |name: &str| reply.headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
        assert_eq!(
            (says("x-content-type-options").as_str(), says("cache-control").as_str()),
            ("nosniff", "no-store"),
            "{path}"
        );
        assert!(reply.headers.keys().all(|name| !name.as_str().starts_with("access-control-")), "{path}");
        if says("content-type").starts_with("text/html") {
            // The API's document is shown by a library that writes styles; no script but ours runs there either.
            let policy = says("content-security-policy").replace("style-src 'self' 'unsafe-inline'", "");
            for part in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"] {
                assert!(policy.contains(part) && !policy.contains("unsafe"), "{path}: {policy}");
            }
            assert!(["same-origin", "no-referrer"].contains(&says("referrer-policy").as_str()), "{path}");
            assert!(!reply.text().contains("src=\"http") && !reply.text().contains("href=\"//"), "{path}");
        }
    }
}

#[tokio::test]
async fn a_viewer_changes_nothing_but_the_own_password_and_sessions() {
    let (server, there) = furnished().await;
    let visitor = server.api().with_token(None);
    let sign_in = json!({ "email": "grace@b.example", "password": PASSWORD });
    let reply = visitor.call(Method::POST, "/session", Some(&sign_in)).await;
    let cookie = reply.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let before = seen(server.api()).await;
    let (mut refused, mut may_read) = (0, 0);
    for (method, path, operation) in operations(&server).await {
        let is = |list: &[(&str, &str)]| list.contains(&(method.as_str(), path.as_str()));
        if is(OPEN) || is(OWN) {
            continue;
        }
        // Without an end, and refused behind the rule.
        let address = match path.as_str() {
            "/api/v1/deliveries/stream" => format!("{path}?until=never"),
            _ => filled(&path, &there),
        };
        let headers = [
            ("content-type", "application/json"),
            ("cookie", cookie.as_str()),
            ("fanfare-csrf", "1"),
            ("sec-fetch-site", "same-origin"),
        ];
        let verb: Method = method.to_uppercase().parse().unwrap();
        let reads = verb == Method::GET || is(READS);
        let text = if verb == Method::GET { String::new() } else { body(&path).to_string() };
        let reply = visitor.exchange(verb, &address, &headers, text).await.unwrap();
        let what = format!("{method} {path}: {} {}", reply.status, reply.text());
        if !reads {
            // A new route that changes something and lets viewers in fails here.
            assert_eq!(reply.status, 403, "{what}");
            refused += 1;
        } else if operation["security"].to_string().contains("viewer") {
            assert!(![401, 403].contains(&reply.status), "{what}");
            may_read += 1;
        } else {
            assert_eq!(reply.status, 403, "{what}");
        }
    }
    assert!(refused > 20 && may_read > 10, "{refused} {may_read}");
    assert_eq!(seen(server.api()).await, before);
    // The server itself tells of accounts that were made and used.
    let own = ["user_created", "user_login"];
    let told = server.api().all("/events").await;
    assert!(told.iter().all(|event| own.contains(&event["type"].as_str().unwrap())), "{told:?}");
}
