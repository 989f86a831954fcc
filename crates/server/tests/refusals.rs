//! Bad input is the caller's error, says where, and leaves nothing behind.

#![allow(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

mod common;

use common::{Api, TOKEN};
use fanfare_testkit::Receiver;
use serde_json::{Value, json};

/// One bad request, and how it must be refused.
struct Bad {
    what: &'static str,
    request: (&'static str, String),
    body: Vec<u8>,
    status: u16,
    pointer: &'static str,
}

fn bad(
    what: &'static str,
    method: &'static str,
    path: impl Into<String>,
    body: impl Into<Body>,
    status: u16,
    pointer: &'static str,
) -> Bad {
    Bad { what, request: (method, path.into()), body: body.into().0, status, pointer }
}

struct Body(Vec<u8>);

impl From<Value> for Body {
    fn from(value: Value) -> Self {
        Self(value.to_string().into())
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&[u8]> for Body {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }
}

impl From<&str> for Body {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

const EVENTS: &str = "/api/v1/events";
const CHANNELS: &str = "/api/v1/channels";
const SETTINGS: &str = "/api/v1/settings/notifications";
const JOBS: &str = "/api/v1/jobs";
const NOBODY: &str = "01890000-0000-7000-8000-000000000000";

fn bad_events() -> Vec<Bad> {
    let event = |data: Value| json!({"type": "system_error", "data": data});
    let fine = json!({"component": "c", "error": "e"});
    let with = |name: &str, value: Value| {
        let mut event = event(fine.clone());
        event[name] = value;
        event
    };
    let run = format!("{JOBS}/nightly/runs");
    let deep = |levels: usize| {
        format!(r#"{{"type":"system_error","data":{{"x":{}{}}}}}"#, "[".repeat(levels), "]".repeat(levels))
    };
    vec![
        bad("nothing", "POST", EVENTS, "", 400, ""),
        bad("broken JSON", "POST", EVENTS, r#"{"type": "system_error", "#, 400, ""),
        bad("two documents", "POST", EVENTS, format!("{0}{0}", event(fine.clone())), 400, ""),
        bad("not UTF-8", "POST", EVENTS, &b"{\"type\": \"\xff\"}"[..], 400, ""),
        bad("a list", "POST", EVENTS, json!([event(fine.clone())]), 422, ""),
        bad("no type", "POST", EVENTS, json!({"data": {}}), 422, "/type"),
        bad("unknown type", "POST", EVENTS, json!({"type": "nothing_of_the_kind"}), 422, "/type"),
        bad("a job's type", "POST", EVENTS, json!({"type": "backup_success"}), 422, "/type"),
        bad("unknown member", "POST", EVENTS, with("date", json!("x")), 422, "/date"),
        bad("data missing", "POST", EVENTS, event(json!({"component": "c"})), 422, "/data/error"),
        bad(
            "data of the wrong type",
            "POST",
            EVENTS,
            event(json!({"component": 1, "error": "e"})),
            422,
            "/data/component",
        ),
        bad(
            "unknown data",
            "POST",
            EVENTS,
            event(json!({"component": "c", "error": "e", "more": 1})),
            422,
            "/data/more",
        ),
        bad("data is no object", "POST", EVENTS, event(json!("text")), 422, "/data"),
        bad(
            "data twice",
            "POST",
            EVENTS,
            r#"{"type":"system_error","data":{"component":"c","error":"e","error":"f"}}"#,
            422,
            "/data",
        ),
        bad("a member twice", "POST", EVENTS, r#"{"type":"system_error","type":"user_login"}"#, 422, "/type"),
        bad("time of another form", "POST", EVENTS, with("occurred_at", json!("yesterday")), 422, "/occurred_at"),
        bad("unknown member of user", "POST", EVENTS, with("user", json!({"mail": "a@b.example"})), 422, "/user/mail"),
        bad(
            "unknown state",
            "POST",
            EVENTS,
            with("condition", json!({"key": "k", "state": "maybe"})),
            422,
            "/condition/state",
        ),
        bad(
            "empty condition",
            "POST",
            EVENTS,
            with("condition", json!({"key": "", "state": "firing"})),
            422,
            "/condition/key",
        ),
        bad("empty key", "POST", EVENTS, with("idempotency_key", json!("")), 422, "/idempotency_key"),
        bad("long key", "POST", EVENTS, with("idempotency_key", json!("k".repeat(256))), 422, "/idempotency_key"),
        bad("too large", "POST", EVENTS, event(json!({"component": "c", "error": "e".repeat(256 * 1024)})), 413, ""),
        bad("too deep", "POST", EVENTS, deep(63), 400, ""),
        bad("far too deep", "POST", EVENTS, deep(100_000), 400, ""),
        bad("not too deep, and wrong", "POST", EVENTS, deep(62), 422, "/data/x"),
        bad("unknown parameter", "POST", format!("{EVENTS}?dry_run=true"), event(fine.clone()), 422, "/dry_run"),
        bad("no events", "POST", format!("{EVENTS}/batch"), json!({}), 422, "/events"),
        bad("empty batch", "POST", format!("{EVENTS}/batch"), json!({"events": []}), 422, "/events"),
        bad("too many", "POST", format!("{EVENTS}/batch"), json!({"events": vec![1; 1001]}), 422, "/events"),
        bad("batch too deep", "POST", format!("{EVENTS}/batch"), format!(r#"{{"events":[{}]}}"#, deep(63)), 400, ""),
        bad("batch too large", "POST", format!("{EVENTS}/batch"), "x".repeat(16 * 1024 * 1024 + 1), 413, ""),
        bad("broken batch", "POST", format!("{EVENTS}/batch"), r#"{"events": [{]}"#, 400, ""),
        bad(
            "explaining nonsense",
            "POST",
            format!("{EVENTS}/explain"),
            json!({"type": "nothing_of_the_kind"}),
            422,
            "/type",
        ),
        bad(
            "explaining both",
            "POST",
            format!("{EVENTS}/explain"),
            json!({"type": "system_error", "job": "nightly"}),
            422,
            "/type",
        ),
        bad("explaining a bad run", "POST", format!("{EVENTS}/explain"), json!({"job": "nightly"}), 422, "/outcome"),
        bad("no outcome", "POST", run.as_str(), json!({}), 422, "/outcome"),
        bad("unknown outcome", "POST", run.as_str(), json!({"outcome": "great"}), 422, "/outcome"),
        bad("negative size", "POST", run.as_str(), json!({"outcome": "success", "size_bytes": -1}), 422, "/size_bytes"),
        bad("unknown member of a run", "POST", run.as_str(), json!({"outcome": "success", "size": 1}), 422, "/size"),
        bad(
            "began after its end",
            "POST",
            run.as_str(),
            json!({"outcome": "success", "started_at": "2026-01-02T00:00:00Z", "occurred_at": "2026-01-01T00:00:00Z"}),
            422,
            "/started_at",
        ),
        bad(
            "run too large",
            "POST",
            run.as_str(),
            json!({"outcome": "failure", "error": "e".repeat(256 * 1024)}),
            413,
            "",
        ),
    ]
}

fn bad_configuration(channel: &str) -> Vec<Bad> {
    let one = format!("{CHANNELS}/{channel}");
    let make = |config: Value| json!({"name": "n", "kind": "webhook", "config": config});
    let event = |name: &str| format!("{SETTINGS}/events/{name}");
    let url = "https://example.org/hook";
    vec![
        bad("no name", "POST", CHANNELS, json!({"kind": "webhook", "config": {"url": url}}), 422, "/name"),
        bad("unknown kind", "POST", CHANNELS, json!({"name": "n", "kind": "pigeon", "config": {}}), 422, "/kind"),
        bad("no address", "POST", CHANNELS, make(json!({})), 422, "/config/url"),
        bad("no http", "POST", CHANNELS, make(json!({"url": "ftp://example.org/"})), 422, "/config/url"),
        bad("unknown config", "POST", CHANNELS, make(json!({"url": url, "verb": "PUT"})), 422, "/config/verb"),
        bad(
            "config twice",
            "POST",
            CHANNELS,
            format!(r#"{{"name":"n","kind":"webhook","config":{{"url":"{url}","url":"{url}"}}}}"#),
            422,
            "/config",
        ),
        bad("config is a text", "POST", CHANNELS, make(json!("x")), 422, "/config"),
        bad(
            "unknown delivery",
            "POST",
            CHANNELS,
            json!({"name": "n", "kind": "webhook", "config": {"url": url}, "delivery": {"speed": 1}}),
            422,
            "/delivery/speed",
        ),
        bad(
            "no concurrency",
            "POST",
            CHANNELS,
            json!({"name": "n", "kind": "webhook", "config": {"url": url}, "delivery": {"concurrency": 0}}),
            422,
            "/delivery/concurrency",
        ),
        bad("too much", "POST", CHANNELS, make(json!({"url": url, "body_template": "x".repeat(1024 * 1024)})), 413, ""),
        bad("too deep", "POST", CHANNELS, format!(r#"{{"config":{}{}}}"#, "[".repeat(64), "]".repeat(64)), 400, ""),
        bad("another kind", "PATCH", one.as_str(), json!({"kind": "email"}), 422, "/kind"),
        bad("a name of nothing", "PATCH", one.as_str(), json!({"name": null}), 422, "/name"),
        bad("a config of nothing", "PATCH", one.as_str(), json!({"config": null}), 422, "/config"),
        bad("no switch", "PATCH", one.as_str(), json!({"enabled": "yes"}), 422, "/enabled"),
        bad(
            "no number",
            "PATCH",
            one.as_str(),
            json!({"delivery": {"concurrency": "x"}}),
            422,
            "/delivery/concurrency",
        ),
        bad("unknown member", "PATCH", one.as_str(), json!({"id": channel}), 422, "/id"),
        bad("a list for a patch", "PATCH", one.as_str(), json!(["name"]), 422, ""),
        bad("no force", "DELETE", format!("{one}?force=perhaps"), "", 422, "/force"),
        bad(
            "unknown channel",
            "PUT",
            SETTINGS,
            json!({"global_channels": [channel, NOBODY]}),
            422,
            "/global_channels/1",
        ),
        bad("no channel", "PUT", SETTINGS, json!({"global_channels": ["first"]}), 422, "/global_channels/0"),
        bad(
            "unknown type",
            "PUT",
            SETTINGS,
            json!({"events": {"nothing_of_the_kind": {}}}),
            422,
            "/events/nothing_of_the_kind",
        ),
        bad("a job's type", "PUT", SETTINGS, json!({"events": {"backup_success": {}}}), 422, "/events/backup_success"),
        bad(
            "unknown setting",
            "PUT",
            SETTINGS,
            json!({"events": {"user_login": {"on": true}}}),
            422,
            "/events/user_login/on",
        ),
        bad(
            "unknown channel of a type",
            "PUT",
            SETTINGS,
            json!({"events": {"user_login": {"channels": [NOBODY]}}}),
            422,
            "/events/user_login/channels/0",
        ),
        bad(
            "no mail to tell",
            "PUT",
            SETTINGS,
            json!({"global_channels": [channel], "events": {"user_login": {"notify_user": "only"}}}),
            422,
            "/events/user_login/notify_user",
        ),
        bad("no mail to tell here", "PATCH", event("user_login"), json!({"notify_user": "also"}), 422, "/notify_user"),
        bad("about no user", "PATCH", event("system_error"), json!({"notify_user": "also"}), 422, "/notify_user"),
        bad(
            "negative hours",
            "PATCH",
            event("connection_offline"),
            json!({"reminder_hours": -1}),
            422,
            "/reminder_hours",
        ),
        bad("unknown and null", "PATCH", event("user_login"), json!({"on": null}), 422, "/on"),
        bad("settings of a job's type", "PATCH", event("backup_success"), json!({}), 422, ""),
        bad("no job name", "POST", JOBS, json!({}), 422, "/name"),
        bad("empty job name", "POST", JOBS, json!({"name": " "}), 422, "/name"),
        bad(
            "unknown channel of a job",
            "POST",
            JOBS,
            json!({"name": "j", "notifications": [{"channel_id": NOBODY, "condition": "always"}]}),
            422,
            "/notifications/0/channel_id",
        ),
        bad(
            "unknown condition",
            "POST",
            JOBS,
            json!({"name": "j", "notifications": [{"channel_id": channel, "condition": "never"}]}),
            422,
            "/notifications/0/condition",
        ),
        bad("too many seconds", "POST", JOBS, json!({"name": "j", "grace_s": 5_000_000_000_u64}), 422, "/grace_s"),
        bad(
            "deliveries that cannot be retried",
            "POST",
            "/api/v1/deliveries/retry",
            json!({"state": "delivered"}),
            422,
            "/state",
        ),
        bad("no state", "POST", "/api/v1/deliveries/retry", json!({}), 422, "/state"),
        bad("unknown filter", "GET", "/api/v1/deliveries?status=dead", "", 422, "/status"),
        bad("unknown state", "GET", "/api/v1/deliveries?state=lost", "", 422, "/state"),
        bad("no id", "GET", "/api/v1/deliveries?channel_id=first", "", 422, "/channel_id"),
        bad("too long a list", "GET", "/api/v1/deliveries?limit=201", "", 422, "/limit"),
        bad("an empty list", "GET", "/api/v1/events?limit=0", "", 422, "/limit"),
        bad("no cursor", "GET", "/api/v1/events?cursor=abc", "", 422, "/cursor"),
        bad("a short list has no pages", "GET", "/api/v1/channels?limit=3", "", 422, "/limit"),
    ]
}

#[tokio::test]
async fn bad_input_is_refused_with_its_place_and_leaves_nothing() {
    let api = Api::start().await;
    let receiver = Receiver::start().await;
    let channel = api.webhook("hook", &receiver).await;
    api.make_global(&[&channel]).await;
    api.post(JOBS, json!({"name": "nightly"})).await.expect(201);
    let before = state(&api).await;
    let mut surprises = Vec::new();
    for Bad { what, request: (method, path), body, status, pointer } in
        bad_events().into_iter().chain(bad_configuration(&channel))
    {
        let answer = api.send(method, &path, Some(body), &[]).await;
        let body: Value = serde_json::from_str(&answer.text).unwrap_or_default();
        let is_problem = answer.headers["content-type"] == "application/problem+json";
        let places = body["errors"].as_array().is_some_and(|errors| errors[0]["pointer"] == pointer);
        if answer.status != status || !is_problem || places != (status == 422) {
            surprises.push(format!("{what}: {} {}", answer.status, answer.text));
        }
    }
    assert!(surprises.is_empty(), "{surprises:#?}");
    assert_eq!(state(&api).await, before);
    assert_eq!(receiver.count(), 0);
}

/// Everything that a request could have changed.
async fn state(api: &Api) -> Vec<Value> {
    let mut state = Vec::new();
    for path in [EVENTS, "/api/v1/deliveries", CHANNELS, SETTINGS, JOBS] {
        state.push(api.get(path).await.expect(200));
    }
    state.push(api.get("/metrics").await.text.into());
    state
}

#[tokio::test]
async fn what_is_not_there_and_what_cannot_be_done_there() {
    let api = Api::start().await;
    let bearer = format!("Bearer {TOKEN}");
    let headers = [("authorization", bearer.as_str())];
    for path in ["/nothing", "/api", "/api/v1", "/api/v1/nothing", "/api/v1/events/", "/api/v1/nobody", "/ping/x"] {
        let answer = api.raw("GET", path, None, &headers).await;
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        answer.expect(404);
    }
    let answer = api.raw("DELETE", EVENTS, None, &headers).await;
    assert_eq!(answer.headers["allow"], "POST,GET,HEAD");
    assert_eq!(answer.expect(405)["type"], "urn:fanfare:problem:method");
    api.raw("GET", "/api/v1/jobs/%ff", None, &headers).await.expect(400);
}

#[tokio::test]
async fn only_json_is_read() {
    let api = Api::start().await;
    let body = || Some(br#"{"type": "system_error", "data": {"component": "c", "error": "e"}}"#.to_vec());
    let form = [("content-type", "application/x-www-form-urlencoded")];
    assert_eq!(api.send("POST", EVENTS, body(), &form).await.expect(415)["status"], 415);
    let utf8 = [("content-type", "application/json; charset=utf-8")];
    api.send("POST", EVENTS, body(), &utf8).await.expect(202);
    let bearer = format!("Bearer {TOKEN}");
    api.raw("POST", EVENTS, body(), &[("authorization", bearer.as_str())]).await.expect(202);
    let announced = [("authorization", bearer.as_str()), ("content-length", "99999999")];
    api.raw("POST", EVENTS, Some(b"{".into()), &announced).await.expect(413);
}
