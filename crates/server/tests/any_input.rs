//! Bodies of any kind at the doors of intake: every answer is a refusal with a reason or a success, never our mistake.
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

mod common;

use common::{Api, TOKEN};
use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::json;

const DOORS: [&str; 4] =
    ["/api/v1/events", "/api/v1/events/batch", "/api/v1/events/explain", "/api/v1/jobs/nightly/runs"];

/// Something like a body: one that is right, with some of its bytes replaced; or any bytes.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let right = prop::sample::select(vec![
        json!({"type": "system_error", "data": {"component": "c", "error": "e"}, "occurred_at": "2026-03-29T12:00:00Z"}),
        json!({"type": "user_login", "data": {"user_name": "a"}, "user": {"id": "1", "email": "a@b.example"}}),
        json!({"type": "connection_offline", "data": {}, "condition": {"key": "k", "state": "firing"}}),
        json!({"events": [{"type": "system_error", "data": {"component": "c", "error": "e"}}, 3, []]}),
        json!({"outcome": "failure", "error": "x", "duration_ms": 3, "started_at": "2026-03-29T12:00:00Z"}),
    ]);
    let edits = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6);
    let edited = (right, edits).prop_map(|(right, edits)| {
        let mut bytes = right.to_string().into_bytes();
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes
    });
    prop_oneof![4 => edited, 1 => prop::collection::vec(any::<u8>(), 0..200)]
}

#[test]
fn no_body_is_our_mistake() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let api = runtime.block_on(Api::start());
    let bearer = format!("Bearer {TOKEN}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let run = |(door, body): (&str, Vec<u8>)| {
        let answer = runtime.block_on(api.raw("POST", door, Some(body.clone()), &headers));
        let what = format!("{door} {}: {} {}", String::from_utf8_lossy(&body), answer.status, answer.text);
        prop_assert!(!answer.status.is_server_error(), "{}", what);
        prop_assert!(answer.status.is_success() || answer.json()["title"].is_string(), "{}", what);
        Ok(())
    };
    TestRunner::default().run(&(prop::sample::select(DOORS.to_vec()), body()), run).unwrap();
}
