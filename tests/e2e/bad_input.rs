//! What is refused, how, and that nothing of it is kept.

use bytes::Bytes;
use fanfare_testkit::Receiver;
use fanfare_tests::{Api, PATIENCE, Problem, Server};
use http::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Everything that the ledger and the configuration show.
async fn everything(api: &Api) -> Value {
    let metrics = api.metrics().await;
    json!({
        "events": api.all("/events").await,
        "deliveries": api.all("/deliveries").await,
        "accepted": metrics.accepted,
        "states": metrics.states,
        "channels": api.get("/channels").await,
        "jobs": api.get("/jobs").await,
        "settings": api.get("/settings/notifications").await,
    })
}

/// Requests that must be refused. Looks at all of them before it complains of one.
struct Refusals<'a> {
    api: &'a Api,
    wrong: Vec<String>,
}

impl<'a> Refusals<'a> {
    fn of(api: &'a Api) -> Self {
        Self { api, wrong: Vec::new() }
    }

    /// A JSON body that must be refused with this status and these pointers.
    async fn check(&mut self, method: Method, path: &str, body: Value, status: u16, pointers: &[&str]) {
        let problem = self.api.call(method.clone(), path, Some(&body)).await.problem();
        self.note(&format!("{method} {path} {body}"), &problem, status, pointers);
    }

    /// Bytes that must be refused with one of these statuses.
    async fn check_bytes(&mut self, path: &str, body: impl Into<Bytes>, statuses: &[u16]) {
        let (whole, headers) = (format!("/api/v1{path}"), [("content-type", "application/json")]);
        match self.api.exchange(Method::POST, &whole, &headers, body).await {
            Ok(reply) if statuses.contains(&reply.status) => drop(reply.problem()),
            Ok(reply) => self.wrong.push(format!("POST {path}: {} {}, not {statuses:?}", reply.status, reply.text())),
            Err(error) => self.wrong.push(format!("POST {path}: {error}, not {statuses:?}")),
        }
    }

    fn note(&mut self, what: &str, problem: &Problem, status: u16, pointers: &[&str]) {
        let mut found = problem.pointers.clone();
        found.sort_unstable();
        let mut errors = problem.document["errors"].as_array().into_iter().flatten();
        let explained = errors.all(|error| error["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
        if problem.status != status || found != pointers || !explained {
            self.wrong.push(format!("{what}\n  is answered {}\n  not {status} {pointers:?}", problem.document));
        }
    }

    #[track_caller]
    fn end(self) {
        assert!(self.wrong.is_empty(), "{}", self.wrong.join("\n"));
    }
}

/// A server with one channel, which is global, one job, and one event in the ledger.
async fn prepare(server: &Server, receiver: &Receiver) -> (String, String) {
    let api = server.api();
    let channel = api.webhook("ops", receiver.url("/")).await;
    api.make_global(&[&channel]).await;
    let job = api.job("nightly", &[(&channel, "always")]).await;
    api.post("/events", json!({ "type": "system_error", "data": { "component": "a", "error": "b" } })).await;
    api.settled().await;
    (channel, job)
}

/// What a client is told who announces a body and waits to be asked for it: at once, and without sending it.
async fn answer_to_announced(api: &Api, path: &str, length: usize) -> u16 {
    let mut stream = TcpStream::connect(api.url().trim_start_matches("http://")).await.unwrap();
    let head = format!(
        "POST /api/v1{path} HTTP/1.1\r\nhost: fanfare\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\nexpect: 100-continue\r\n\r\n",
        api.token(),
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    timeout(PATIENCE, stream.read_exact(&mut answer)).await.expect("an answer").unwrap();
    let answer = std::str::from_utf8(&answer).unwrap();
    answer.strip_prefix("HTTP/1.1 ").unwrap().parse().unwrap()
}

/// The longest body of an event or run, in bytes.
const EVENT: usize = 256 * 1024;

/// The longest body of a batch, in bytes.
const BATCH: usize = 16 * 1024 * 1024;

const NOBODY: &str = "0198a2b0-0000-7000-8000-000000000000";

/// Rule: Who hears of a job's runs?
#[tokio::test]
async fn bad_events_are_refused_and_leave_no_trace() {
    let (server, receiver) = (Server::start().await, Receiver::start().await);
    prepare(&server, &receiver).await;
    let api = server.api();
    let before = everything(api).await;
    let mut refusals = Refusals::of(api);
    let event = |data: Value| json!({ "type": "system_error", "data": data });

    for broken in ["", "{", "{\"type\": \"system_error\", ", "nonsense", "{\"type\": \"system_error\"}}", "\u{feff}{}"]
    {
        for path in ["/events", "/events/batch", "/events/explain", "/jobs/nightly/runs"] {
            refusals.check_bytes(path, broken, &[400]).await;
        }
    }
    refusals.check_bytes("/events", &b"{\"type\": \"\xff\xfe\"}"[..], &[400, 422]).await;
    for path in ["/events", "/events/explain"] {
        let cases: [(Value, &[&str]); 14] = [
            (json!([]), &["/type"]),
            (json!("system_error"), &[""]),
            (json!({}), &["/type"]),
            (json!({ "type": 7, "data": {} }), &["/type"]),
            (json!({ "type": "no_such_type", "data": {} }), &["/type"]),
            (json!({ "type": "backup_success", "data": { "job_name": "x" } }), &["/type"]),
            (event(json!({})), &["/data/component", "/data/error"]),
            (event(json!({ "component": 1, "error": ["x"] })), &["/data/component", "/data/error"]),
            (event(json!({ "component": "a", "error": "b", "a/b~c": 1 })), &["/data/a~1b~0c"]),
            (event(json!({ "component": null, "error": "b" })), &["/data/component"]),
            (event(json!([1])), &["/data"]),
            (
                json!({ "type": "system_error", "data": { "component": "a", "error": "b" }, "colour": "red" }),
                &["/colour"],
            ),
            (
                json!({ "type": "system_error", "data": { "component": "a", "error": "b" }, "occurred_at": "yesterday" }),
                &["/occurred_at"],
            ),
            (
                json!({ "type": "storage_limit_warning", "data": {
                    "storage_name": "s", "current_bytes": "1", "limit_bytes": 2, "usage_percent": {}
                } }),
                &["/data/current_bytes", "/data/usage_percent"],
            ),
        ];
        for (body, pointers) in cases {
            // A list is not an object: the place is the list itself.
            let pointers = if body.is_array() { &[""] } else { pointers };
            refusals.check(Method::POST, path, body, 422, pointers).await;
        }
    }

    // Too large and too deep.
    let too_large = event(json!({ "component": "a", "error": "x".repeat(EVENT) })).to_string();
    for path in ["/events", "/events/explain", "/jobs/nightly/runs"] {
        refusals.check_bytes(path, too_large.clone(), &[413]).await;
        assert_eq!(answer_to_announced(api, path, EVENT + 1).await, 413, "{path}");
    }
    refusals.check_bytes("/events/batch", vec![b' '; BATCH + 1], &[413]).await;
    assert_eq!(answer_to_announced(api, "/events/batch", BATCH + 1).await, 413);
    let large = event(json!({ "component": "a", "error": "x".repeat(EVENT - 70) }));
    assert!(large.to_string().len() <= EVENT);
    api.post("/events/explain", large).await;
    let deep = |levels: usize| {
        let value = format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        format!("{{\"type\": \"system_error\", \"data\": {{\"component\": \"a\", \"error\": {value}}}}}")
    };
    for levels in [63, 64, 1_000, 100_000] {
        refusals.check_bytes("/events", deep(levels), &[400, 422]).await;
    }
    let deep_list = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    refusals.check_bytes("/events/batch", format!("{{\"events\": {deep_list}}}"), &[400, 422]).await;

    // Idempotency keys.
    let body = event(json!({ "component": "a", "error": "b" })).to_string();
    let with = async |headers: &[(&str, &str)], body: String| {
        api.exchange(Method::POST, "/api/v1/events", headers, body).await.unwrap().problem()
    };
    let mut other: Value = serde_json::from_str(&body).unwrap();
    other["idempotency_key"] = "one".into();
    let problem = with(&[("idempotency-key", "another")], other.to_string()).await;
    refusals.note("two keys", &problem, 422, &["/idempotency_key"]);
    let problem = with(&[("idempotency-key", &"k".repeat(256))], body.clone()).await;
    refusals.note("a long key", &problem, 422, &["/idempotency_key"]);
    assert_eq!(with(&[("content-type", "text/plain")], body.clone()).await.status, 415);

    // A batch of the wrong form is refused as a whole.
    refusals.check(Method::POST, "/events/batch", json!({ "events": {} }), 422, &["/events"]).await;
    let many = vec![event(json!({ "component": "a", "error": "b" })); 1_001];
    refusals.check(Method::POST, "/events/batch", json!({ "events": many }), 422, &["/events"]).await;

    refusals.end();
    assert_eq!(everything(api).await, before);
    assert_eq!(receiver.count(), 1);
}

#[tokio::test]
async fn in_a_batch_a_bad_event_hinders_no_other() {
    let (server, receiver) = (Server::start().await, Receiver::start().await);
    prepare(&server, &receiver).await;
    let api = server.api();
    let good = |error: &str| json!({ "type": "system_error", "data": { "component": "a", "error": error } });
    let events = json!([good("1"), { "type": "no_such_type" }, good("2"), { "type": "system_error", "data": {} }, 5]);
    let answer = api.post("/events/batch", json!({ "events": events })).await;
    let results = answer["results"].as_array().unwrap();
    let statuses: Vec<_> = results.iter().map(|result| result["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [202, 422, 202, 422, 422]);
    assert_eq!(results[1]["problem"]["errors"][0]["pointer"], "/type");
    assert_eq!(results[3]["problem"]["errors"][0]["pointer"], "/data/component");
    api.settled().await;
    assert_eq!((api.all("/events").await.len(), receiver.count()), (3, 3));
    assert_eq!(results[2]["id"], api.all("/events").await[0]["id"], "in the order of the batch");
}

#[tokio::test]
async fn bad_runs_are_refused_and_leave_no_trace() {
    let (server, receiver) = (Server::start().await, Receiver::start().await);
    let (_, job) = prepare(&server, &receiver).await;
    let api = server.api();
    let before = everything(api).await;
    let mut refusals = Refusals::of(api);
    let success = || json!({ "outcome": "success" });
    refusals.check(Method::POST, "/jobs/no-such-job/runs", success(), 404, &[]).await;
    refusals.check(Method::POST, &format!("/jobs/{NOBODY}/runs"), success(), 404, &[]).await;
    for path in ["/jobs/nightly/runs".to_owned(), format!("/jobs/{job}/runs")] {
        let cases = [
            (json!({}), "/outcome"),
            (json!({ "outcome": "fine" }), "/outcome"),
            (json!({ "outcome": "success", "duration_ms": -1 }), "/duration_ms"),
            (json!({ "outcome": "success", "size_bytes": "1 MB" }), "/size_bytes"),
            (json!({ "outcome": "success", "duration": 1 }), "/duration"),
            (json!({ "outcome": "success", "started_at": "noon" }), "/started_at"),
            (
                json!({
                    "outcome": "success",
                    "started_at": "2026-03-29T02:00:00Z",
                    "occurred_at": "2026-03-29T01:00:00Z",
                }),
                "/started_at",
            ),
        ];
        for (body, pointer) in cases {
            refusals.check(Method::POST, &path, body, 422, &[pointer]).await;
        }
    }
    refusals
        .check(Method::POST, "/events/explain", json!({ "job": "no-such-job", "outcome": "success" }), 404, &[])
        .await;
    refusals
        .check(Method::POST, "/events/explain", json!({ "job": "nightly", "outcome": "x" }), 422, &["/outcome"])
        .await;
    refusals.end();
    assert_eq!(everything(api).await, before);
    assert_eq!(receiver.count(), 1);
}

#[tokio::test]
async fn a_bad_configuration_is_refused_and_changes_nothing() {
    let (server, receiver) = (Server::start().await, Receiver::start().await);
    let (channel, job) = prepare(&server, &receiver).await;
    let api = server.api();
    let before = everything(api).await;
    let mut refusals = Refusals::of(api);

    let webhook = |config: Value| json!({ "name": "new", "kind": "webhook", "config": config });
    let good = || json!({ "url": "https://hooks.example.com/a" });
    let with = |name: &str, value: Value| {
        let mut config = good();
        config[name] = value;
        webhook(config)
    };
    let channels = [
        (json!({ "kind": "webhook", "config": good() }), vec!["/name"]),
        (json!({ "name": "new", "kind": "pigeon", "config": good() }), vec!["/kind"]),
        (json!({ "name": "new", "kind": "webhook" }), vec!["/config"]),
        (webhook(json!({})), vec!["/config/url"]),
        (webhook(json!({ "url": "ftp://example.com/a" })), vec!["/config/url"]),
        (webhook(json!({ "url": "not a url" })), vec!["/config/url"]),
        (webhook(json!({ "url": 5 })), vec!["/config/url"]),
        (with("colour", json!("red")), vec!["/config/colour"]),
        (with("method", json!("DELETE")), vec!["/config/method"]),
        (with("content_type", json!("two\nlines")), vec!["/config/content_type"]),
        (with("headers", json!({ "bad name": "x" })), vec!["/config/headers/bad name"]),
        (with("headers", json!({ "X-A": "line\nbreak" })), vec!["/config/headers/X-A"]),
        (with("authorization", json!("line\nbreak")), vec!["/config/authorization"]),
        (with("body_template", json!("{\"text\": \"{{titel}}\"}")), vec!["/config/body_template"]),
        (with("body_template", json!("{\"text\": {{title}")), vec!["/config/body_template"]),
        (with("signing_secret", json!("short")), vec!["/config/signing_secret"]),
        (json!({ "name": "", "kind": "webhook", "config": good() }), vec!["/name"]),
        (json!({ "name": "new", "kind": "webhook", "config": good(), "extra": 1 }), vec!["/extra"]),
        (
            json!({ "name": "new", "kind": "webhook", "config": good(), "delivery": { "concurrency": 0 } }),
            vec!["/delivery/concurrency"],
        ),
    ];
    for (body, pointers) in channels {
        refusals.check(Method::POST, "/channels", body, 422, &pointers).await;
    }
    let path = format!("/channels/{channel}");
    refusals.check(Method::PATCH, &path, json!({ "config": { "url": "gopher://x" } }), 422, &["/config/url"]).await;
    refusals.check(Method::PATCH, &path, json!({ "config": { "colour": 1 } }), 422, &["/config/colour"]).await;
    refusals.check(Method::PATCH, &format!("/channels/{NOBODY}"), json!({ "name": "x" }), 404, &[]).await;
    refusals.check(Method::DELETE, &path, json!({}), 409, &[]).await;

    let jobs = [
        (json!({ "notifications": [] }), 422, "/name"),
        (json!({ "name": "nightly", "notifications": [] }), 409, "/name"),
        (
            json!({ "name": "a", "notifications": [{ "channel_id": channel, "condition": "always" },
                { "channel_id": NOBODY, "condition": "always" }] }),
            422,
            "/notifications/1/channel_id",
        ),
        (
            json!({ "name": "a", "notifications": [{ "channel_id": channel, "condition": "sometimes" }] }),
            422,
            "/notifications/0/condition",
        ),
        (json!({ "name": "a", "notifications": [{ "condition": "always" }] }), 422, "/notifications/0/channel_id"),
        (json!({ "name": "a", "notifications": [], "expect_every_s": -5 }), 422, "/expect_every_s"),
    ];
    for (body, status, pointer) in jobs {
        refusals.check(Method::POST, "/jobs", body, status, &[pointer]).await;
    }
    let unknown = json!({ "notifications": [{ "channel_id": NOBODY, "condition": "always" }] });
    refusals.check(Method::PATCH, &format!("/jobs/{job}"), unknown, 422, &["/notifications/0/channel_id"]).await;

    let settings = [
        (json!({ "global_channels": [NOBODY] }), "/global_channels/0"),
        (json!({ "global_channels": ["ops"] }), "/global_channels/0"),
        (json!({ "events": { "no_such_type": {} } }), "/events/no_such_type"),
        (json!({ "events": { "system_error": { "channels": [channel, NOBODY] } } }), "/events/system_error/channels/1"),
        (json!({ "events": { "system_error": { "enabled": "yes" } } }), "/events/system_error/enabled"),
        (json!({ "events": { "system_error": { "reminder_hours": -1 } } }), "/events/system_error/reminder_hours"),
        (json!({ "events": { "user_login": { "notify_user": "also" } } }), "/events/user_login/notify_user"),
        (json!({ "event": {} }), "/event"),
    ];
    for (body, pointer) in settings {
        refusals.check(Method::PUT, "/settings/notifications", body, 422, &[pointer]).await;
    }
    let one = "/settings/notifications/events";
    let system_error = format!("{one}/system_error");
    refusals.check(Method::PATCH, &system_error, json!({ "channels": [NOBODY] }), 422, &["/channels/0"]).await;
    refusals.check(Method::PATCH, &system_error, json!({ "chanels": [] }), 422, &["/chanels"]).await;
    refusals.check(Method::PATCH, &format!("{one}/no_such_type"), json!({}), 404, &[]).await;

    refusals.end();
    assert_eq!(everything(api).await, before);
}

#[tokio::test]
async fn who_may_not_ask_gets_no_answer() {
    let (server, receiver) = (Server::start().await, Receiver::start().await);
    prepare(&server, &receiver).await;
    let api = server.api();
    let before = everything(api).await;
    let event = json!({ "type": "system_error", "data": { "component": "a", "error": "b" } });
    for token in [None, Some("wrong"), Some("")] {
        let stranger = api.with_token(token);
        let problem = stranger.call(Method::POST, "/events", Some(&event)).await.problem();
        assert_eq!(problem.status, 401, "{token:?}");
        for path in ["/events", "/deliveries", "/channels", "/jobs", "/event-types", "/settings/notifications"] {
            assert_eq!(stranger.call(Method::GET, path, None).await.problem().status, 401, "{token:?} {path}");
        }
        for path in ["/metrics", "/api/openapi.json", "/api/docs"] {
            let reply = stranger.exchange(Method::GET, path, &[], Bytes::new()).await.unwrap();
            assert_eq!(reply.status, 401, "{token:?} {path}");
        }
        for path in ["/healthz", "/readyz"] {
            assert!(stranger.answers(path).await, "{path}");
        }
    }
    assert_eq!(api.call(Method::GET, "/nothing", None).await.problem().status, 404);
    assert_eq!(api.call(Method::GET, &format!("/events/{NOBODY}"), None).await.problem().status, 404);
    assert_eq!(api.call(Method::GET, &format!("/deliveries/{NOBODY}"), None).await.problem().status, 404);
    assert!((400..500).contains(&api.call(Method::GET, "/deliveries/first", None).await.problem().status));
    assert_eq!(api.call(Method::PUT, "/events", Some(&event)).await.problem().status, 405);
    for query in ["limit=0", "limit=201", "limit=x", "cursor=%00", "state=lost", "chanel_id=1", "channel_id=1"] {
        let problem = api.call(Method::GET, &format!("/deliveries?{query}"), None).await.problem();
        assert!([400, 422].contains(&problem.status), "{query}: {problem:?}");
    }
    assert_eq!(everything(api).await, before);
}
