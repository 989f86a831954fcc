//! What is published on ntfy, what its answers mean, and what cannot be configured.
#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use fanfare_core::{ChannelConfig, Field, Http, HttpChannel, Kind, Notification, PLACEHOLDER, SendError};
use fanfare_ntfy::{Ntfy, NtfyConfig};
use fanfare_testkit::{
    Vars,
    conformance::{self, Subject},
    fixtures::{any_notification, hostile, info, info_with, storage_limit, typical},
    rules,
};
use http::{Request, Response};
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, from_value, json};

const TOKEN: &str = "tk_S3cretT0kenS3cretT0ken";

fn config(changes: Value) -> Value {
    let mut config = json!({"topic": "ops-alerts"});
    fanfare_core::merge_patch(&mut config, &changes);
    config
}

fn ntfy(changes: Value) -> Http<Ntfy> {
    from_value::<NtfyConfig>(config(changes)).unwrap().build().unwrap()
}

fn kind() -> Kind {
    Kind::of::<NtfyConfig>()
}

fn request(changes: Value, notification: &Notification) -> Request<Bytes> {
    ntfy(changes).0.request(notification, &info()).unwrap()
}

fn body(notification: &Notification) -> Value {
    serde_json::from_slice(request(json!({}), notification).body()).unwrap()
}

fn failure() -> Notification {
    typical().remove(2).1
}

#[tokio::test]
async fn conforms() {
    let channel = ntfy(json!({"server_url": "https://push.example/ntfy", "access_token": TOKEN}));
    conformance::check(&Subject::new(channel, &[TOKEN]).checked_by(rules::ntfy::check)).await;
}

#[test]
fn what_people_see() {
    for (name, notification) in typical() {
        insta::assert_json_snapshot!(name, body(&notification));
    }
}

#[test]
fn a_test_says_that_it_is_one() {
    let mut info = info();
    (info.event_type, info.job) = ("test".into(), None);
    let request = ntfy(json!({})).0.request(&typical()[3].1, &info).unwrap();
    let body: Value = serde_json::from_slice(request.body()).unwrap();
    assert_eq!((&body["priority"], &body["tags"]), (&json!(2), &json!(["test_tube"])));
}

#[rstest]
#[case(json!({}), "https://ntfy.sh/", None)]
#[case(json!({"server_url": "http://10.0.0.5:8080/push//", "access_token": "tk_x"}), "http://10.0.0.5:8080/push/", Some("Bearer tk_x"))]
fn requests_go_to_the_root(#[case] changes: Value, #[case] uri: &str, #[case] authorization: Option<&str>) {
    let request = request(changes, &failure());
    assert_eq!((request.method().as_str(), request.uri().to_string().as_str()), ("POST", uri));
    assert_eq!(request.headers()["content-type"], "application/json");
    assert_eq!(request.headers().get("authorization").map(|value| value.to_str().unwrap()), authorization);
}

#[test]
fn priorities_follow_the_status() {
    for (name, said) in typical() {
        for normal in 1..=5 {
            let body: Value = serde_json::from_slice(request(json!({"priority": normal}), &said).body()).unwrap();
            assert_eq!(body["priority"], if said.status.is_success() { normal } else { 5 }, "{name}");
        }
    }
}

#[rstest]
#[case("Alert", &["x", "warning", "Alert"])]
#[case("skull", &["x", "warning", "badge skull"])]
#[case("+1", &["x", "warning", "badge +1"])]
#[case("a, b\n", &["x", "warning", "a b"])]
#[case("\0", &["x", "warning"])]
fn badges_are_words(#[case] badge: &str, #[case] tags: &[&str]) {
    let mut said = failure();
    said.badge = Some(badge.into());
    let mut info = info();
    (info.event_type, info.job) = ("system_error".into(), None);
    let request = ntfy(json!({})).0.request(&said, &info).unwrap();
    let body: Value = serde_json::from_slice(request.body()).unwrap();
    assert_eq!(body["tags"], json!(tags));
}

#[test]
fn nothing_is_empty() {
    let mut said = failure();
    (said.title, said.message) = ("\0".into(), " ".into());
    said.fields = vec![Field { name: "\n".into(), value: String::new(), inline: false }];
    let body = body(&said);
    assert_eq!(body.get("title"), None);
    assert_eq!(body["message"], "-: -\nTime: 2026-03-14T01:02:03Z");
}

#[test]
fn a_value_cannot_look_like_another_field() {
    let mut said = failure();
    said.fields.truncate(1);
    said.fields[0].value = "x\r\nTime: never".into();
    assert!(body(&said)["message"].as_str().unwrap().contains("Job: x\n    Time: never\nTime: 2026"));
}

#[test]
fn what_is_too_long_is_cut_in_order() {
    let mut said = failure();
    said.fields.truncate(1);
    said.message = "m".repeat(4_000);
    let whole = body(&said)["message"].as_str().unwrap().to_owned();
    assert!(whole.len() < 4_096 && !whole.contains('…'), "{whole}");

    // The longest value first, then the message down to a half, then the last fields.
    said.fields[0].value = "v".repeat(1_200);
    let cut = body(&said)["message"].as_str().unwrap().to_owned();
    assert!(cut.len() <= 4_096 && cut.contains("m… (+") && cut.contains("v… (+"), "{cut}");
    said.fields = vec![said.fields[0].clone(); 5];
    let cut = body(&said)["message"].as_str().unwrap().to_owned();
    let message = cut.split("\n\n").next().unwrap();
    assert!(message.len() > 2_000 && message.len() <= 2_048, "{}", message.len());
    assert!(cut.ends_with("\n… (+4 fields)") && cut.len() <= 4_096, "{cut}");
}

#[test]
fn escaping_does_not_cost_room_unless_it_has_to() {
    let mut said = failure();
    said.fields.clear();
    said.message = "a\"\n".repeat(1_300);
    assert!(!body(&said)["message"].as_str().unwrap().contains('…'));
    said.message = "\"".repeat(4_050);
    said.title = "\"".repeat(200);
    said.link = Some(format!("https://h.example/{}", "x".repeat(1_900)));
    let request = request(json!({}), &said);
    assert_eq!(rules::ntfy::check(&request), Ok(()));
    assert!(body(&said)["message"].as_str().unwrap().contains("\"… (+"));
}

#[test]
fn a_link_is_whole_or_not_there() {
    assert_eq!(body(&storage_limit())["click"], "https://fanfare.example/storage?id=1&tab=usage");
    let mut said = storage_limit();
    said.link = Some(format!("https://h.example/{}", "x".repeat(9_000)));
    let body = body(&said);
    assert_eq!(body.get("click"), None);
    assert!(body["message"].as_str().unwrap().ends_with("\nLink: too long to be sent"));
    said.link = Some("javascript:alert(1)".into());
    assert_eq!(self::body(&said).get("click"), None);
}

fn answer(status: u16, retry_after: Option<&str>, body: Value) -> SendError {
    let mut response = Response::builder().status(status);
    if let Some(value) = retry_after {
        response = response.header("retry-after", value);
    }
    ntfy(json!({})).0.receipt(&response.body(body.to_string().into()).unwrap(), &info()).unwrap_err()
}

#[rstest]
#[case(400, 40_009, "misconfigured")]
#[case(400, 40_010, "misconfigured")]
#[case(400, 40_014, "rejected")]
#[case(401, 40_101, "misconfigured")]
#[case(403, 40_301, "misconfigured")]
#[case(404, 40_401, "misconfigured")]
#[case(413, 41_303, "rejected")]
#[case(429, 42_901, "rate_limited")]
#[case(429, 42_908, "rate_limited")]
#[case(500, 50_001, "temporary")]
#[case(507, 50_701, "temporary")]
fn codes(#[case] status: u16, #[case] code: u32, #[case] outcome: &str) {
    let error = answer(status, None, json!({"code": code, "http": status, "error": "out of\ncheese"}));
    assert_eq!((error.outcome(), error.status), (outcome, Some(status)));
    assert!(error.detail.ends_with(&format!(": out of cheese ({code})")), "{}", error.detail);
}

// The attempt is made at 2026-03-14T01:02:33.5Z.
#[rstest]
#[case(42_901, None, Some(5_000))]
#[case(42_901, Some("60"), Some(60_000))]
#[case(42_908, None, Some(((22 * 60 + 57) * 60 + 26) * 1_000 + 500 + 1_000))]
#[case(42_909, None, None)]
fn how_long_a_limit_lasts(#[case] code: u32, #[case] retry_after: Option<&str>, #[case] millis: Option<u64>) {
    let link = "https://ntfy.sh/docs/publish/#limitations";
    let error = answer(429, retry_after, json!({"code": code, "http": 429, "error": "limit reached", "link": link}));
    let after = millis.map(std::time::Duration::from_millis);
    assert_eq!(error.kind, fanfare_core::ErrorKind::RateLimited { after });
    assert_eq!(error.detail, format!("429 Too Many Requests: limit reached ({code}, see {link})"));
}

#[test]
fn a_receipt_names_the_message() {
    let taken = json!({"id": "xE73Iyuabi", "time": 1_773_450_153, "event": "message", "topic": "ops-alerts"});
    let response = Response::new(taken.to_string().into());
    assert_eq!(ntfy(json!({})).0.receipt(&response, &info()).unwrap().detail, "200 OK: message xE73Iyuabi");
}

#[rstest]
#[case(json!({"topic": ""}), "/topic", "1 to 64")]
#[case(json!({"topic": "a b"}), "/topic", "letters")]
#[case(json!({"topic": "https://ntfy.sh/ops"}), "/topic", "name alone")]
#[case(json!({"topic": "ö"}), "/topic", "letters")]
#[case(json!({"topic": "x".repeat(65)}), "/topic", "1 to 64")]
#[case(json!({"topic": "v1"}), "/topic", "another topic")]
#[case(json!({"topic": "docs"}), "/topic", "another topic")]
#[case(json!({"topic": null}), "", "missing field `topic`")]
#[case(json!({"server_url": "ntfy.sh"}), "/server_url", "https://")]
#[case(json!({"server_url": "ftp://ntfy.sh"}), "/server_url", "https://")]
#[case(json!({"server_url": "https://u:p@ntfy.sh"}), "/server_url", "user name")]
#[case(json!({"server_url": "https://ntfy.sh/?auth=x"}), "/server_url", "without ?")]
#[case(json!({"access_token": ""}), "/access_token", "empty")]
#[case(json!({"access_token": "tk x"}), "/access_token", "white space")]
#[case(json!({"access_token": "tk_x\n"}), "/access_token", "white space")]
#[case(json!({"priority": 0}), "/priority", "1 to 5")]
#[case(json!({"priority": 6}), "/priority", "1 to 5")]
#[case(json!({"priority": "high"}), "/priority", "high")]
#[case(json!({"priority": 3.5}), "/priority", "3.5")]
#[case(json!({"token": "tk_x"}), "/token", "unknown field")]
fn mistakes_name_their_place(#[case] changes: Value, #[case] pointer: &str, #[case] says: &str) {
    let faults = kind().build(&config(changes)).unwrap_err();
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert_eq!(faults[0].pointer, pointer);
    assert!(faults[0].detail.contains(says), "{faults:?}");
}

#[test]
fn all_mistakes_are_told_at_once() {
    let faults = kind().build(&config(json!({"topic": "a/b", "access_token": " ", "priority": 9}))).unwrap_err();
    let pointers: Vec<_> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
    assert_eq!(pointers, ["/topic", "/access_token", "/priority"]);
}

#[test]
fn the_token_is_read_when_it_is_used() {
    let channel = ntfy(json!({"access_token": {"env": "TOKEN"}}));
    let vars = |value| Vars::new([("TOKEN", value)]);
    let request = channel.0.request(&failure(), &info_with(&vars("tk_x"))).unwrap();
    assert_eq!(request.headers()["authorization"], "Bearer tk_x");
    for vars in [Vars::default(), vars("to ken")] {
        let error = channel.0.request(&failure(), &info_with(&vars)).unwrap_err();
        assert_eq!(error.outcome(), "misconfigured");
        assert!(!error.detail.contains("to ken"));
    }
}

#[test]
fn the_token_is_shown_to_nobody_and_stays_with_its_host() {
    let stored = config(json!({"access_token": TOKEN}));
    let shown = kind().redact(&stored).unwrap();
    assert_eq!(
        shown,
        json!({"server_url": "https://ntfy.sh", "topic": "ops-alerts", "access_token": PLACEHOLDER, "priority": 3})
    );
    let change = |patch: Value| kind().change(&stored, &patch).unwrap().get("access_token").cloned();
    assert_eq!(change(shown), Some(json!(TOKEN)));
    assert_eq!(change(json!({"server_url": "https://NTFY.sh:443/sub/"})), Some(json!(TOKEN)));
    assert_eq!(change(json!({"server_url": "https://evil.example"})), None);
    assert_eq!(change(json!({"server_url": "http://ntfy.sh", "access_token": PLACEHOLDER})), None);
}

#[test]
fn the_form_is_as_promised() {
    insta::assert_json_snapshot!("config_schema", kind().config_schema());
}

#[test]
fn nothing_hostile_is_refused() {
    for said in hostile() {
        assert_eq!(rules::ntfy::check(&request(json!({}), &said)), Ok(()), "{said:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn any_notification_is_taken(said in any_notification()) {
        prop_assert_eq!(rules::ntfy::check(&request(json!({}), &said)), Ok(()));
    }
}
