//! What a Gotify server gets, what its answers mean, and what cannot be configured.
#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use fanfare_core::{ChannelConfig, Field, Http, HttpChannel, Kind, Notification, PLACEHOLDER, SendError, Status};
use fanfare_gotify::{Gotify, GotifyConfig};
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

const TOKEN: &str = "AS3cretT0kenS3cret";

fn config(changes: Value) -> Value {
    let mut config = json!({"server_url": "https://push.example/gotify/", "app_token": TOKEN});
    fanfare_core::merge_patch(&mut config, &changes);
    config
}

fn gotify(changes: Value) -> Http<Gotify> {
    from_value::<GotifyConfig>(config(changes)).unwrap().build().unwrap()
}

fn kind() -> Kind {
    Kind::of::<GotifyConfig>()
}

fn request(changes: Value, notification: &Notification) -> Request<Bytes> {
    gotify(changes).0.request(notification, &info()).unwrap()
}

fn body(notification: &Notification) -> Value {
    serde_json::from_slice(request(json!({}), notification).body()).unwrap()
}

fn message(notification: &Notification) -> String {
    body(notification)["message"].as_str().unwrap().into()
}

fn failure() -> Notification {
    typical().remove(2).1
}

#[tokio::test]
async fn conforms() {
    conformance::check(&Subject::new(gotify(json!({})), &[TOKEN]).checked_by(rules::gotify::check)).await;
}

#[test]
fn what_people_see() {
    for (name, notification) in typical() {
        let mut body = body(&notification);
        let message = body["message"].take();
        let rest = serde_json::to_string(&body).unwrap();
        insta::assert_snapshot!(name, format!("{rest}\n\n{}", message.as_str().unwrap().replace("  \n", "··\n")));
    }
}

#[test]
fn the_token_goes_into_a_header() {
    let request = request(json!({}), &failure());
    assert_eq!(
        (request.method().as_str(), request.uri().to_string().as_str()),
        ("POST", "https://push.example/gotify/message")
    );
    assert_eq!(request.headers()["x-gotify-key"], TOKEN);
    assert_eq!(request.headers()["content-type"], "application/json");
}

#[test]
fn priorities_follow_the_status() {
    for status in [Status::Success, Status::Info, Status::Warning, Status::Failure] {
        for normal in 0..=10 {
            let said = Notification { status, ..failure() };
            let body: Value = serde_json::from_slice(request(json!({"priority": normal}), &said).body()).unwrap();
            assert_eq!(body["priority"], if status.is_success() { normal } else { normal.max(8) }, "{status:?}");
        }
    }
    let mut info = info();
    info.event_type = "test".into();
    let request = gotify(json!({})).0.request(&failure(), &info).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(request.body()).unwrap()["priority"], 1);
}

#[test]
fn data_is_never_markup() {
    let mut said = failure();
    said.message = "# not a heading\n- no list\n\n    no code\n[no](link)".into();
    said.fields = vec![Field { name: "**x**".into(), value: "a\n\n**Time:** never".into(), inline: false }];
    let expected = "❌ **Failed**\n\n\\# not a heading  \n\\- no list\n\n\u{a0}\u{a0}\u{a0}\u{a0}no code  \n\\[no](link)\n\n\
        **\\*\\*x\\*\\*:** a  \n\u{a0}\u{a0}\u{a0}\u{a0}\\*\\*Time:\\*\\* never  \n**Time:** 2026-03-14T01:02:03Z";
    assert_eq!(message(&said), expected);
}

#[test]
fn nothing_is_empty() {
    let mut said = failure();
    (said.title, said.message, said.badge) = ("\0".into(), " ".into(), Some("\n".into()));
    said.fields = vec![Field { name: "\n".into(), value: String::new(), inline: false }];
    assert_eq!(body(&said).get("title"), None);
    assert_eq!(message(&said), "❌ **Failed**\n\n**-:** -  \n**Time:** 2026-03-14T01:02:03Z");
}

#[test]
fn what_is_too_long_is_cut_in_order() {
    let mut said = failure();
    said.fields.truncate(1);
    said.message = "m".repeat(32_000);
    assert!(!message(&said).contains('…'));
    said.fields[0].value = "v".repeat(5_000);
    let cut = message(&said);
    assert!(cut.len() <= 32_768 && cut.contains("m… (+") && cut.contains("v… (+"), "{}", cut.len());
    said.fields = vec![said.fields[0].clone(); 9];
    let cut = message(&said);
    let message = cut.split("\n\n").nth(1).unwrap();
    assert!((16_000..=16_384).contains(&message.len()), "{}", message.len());
    assert!(cut.ends_with("  \n… (+7 fields)") && cut.len() <= 32_768, "{}", &cut[cut.len() - 40..]);
}

#[test]
fn a_tap_opens_the_link() {
    let tap = |said: &Notification| body(said)["extras"]["client::notification"]["click"]["url"].clone();
    assert_eq!(tap(&storage_limit()), "https://fanfare.example/storage?id=1&tab=usage");
    let mut said = storage_limit();
    said.link = Some(format!("https://h.example/{}", "x".repeat(9_000)));
    assert_eq!(tap(&said), Value::Null);
    assert!(message(&said).ends_with("**Link:** too long to be sent"));
    said.link = Some("javascript:alert(1)".into());
    assert_eq!(tap(&said), Value::Null);
    assert!(!message(&said).contains("Link"));
}

fn refusal(status: u16, body: &str) -> SendError {
    let response = Response::builder().status(status).body(body.to_owned().into()).unwrap();
    gotify(json!({})).0.receipt(&response, &info()).unwrap_err()
}

#[rstest]
#[case(400, "Bad Request", "Field 'message' is required", "rejected")]
#[case(
    401,
    "Unauthorized",
    "you need to provide a valid access token or user credentials to access this api",
    "misconfigured"
)]
#[case(403, "Forbidden", "you are not allowed to access this api", "misconfigured")]
#[case(404, "Not Found", "page not found", "misconfigured")]
fn answers(#[case] status: u16, #[case] phrase: &str, #[case] says: &str, #[case] outcome: &str) {
    let error = refusal(status, &json!({"error": phrase, "errorCode": status, "errorDescription": says}).to_string());
    assert_eq!((error.outcome(), error.detail), (outcome, format!("{status} {phrase}: {says}")));
}

#[test]
fn a_receipt_names_the_message() {
    let response = Response::new(json!({"id": 25, "appid": 5, "message": "m", "date": "2026"}).to_string().into());
    assert_eq!(gotify(json!({})).0.receipt(&response, &info()).unwrap().detail, "200 OK: message 25");
    let detail = refusal(503, r#"{"error": "Service Unavailable", "errorCode": 503}"#).detail;
    assert_eq!(detail, "503 Service Unavailable: Service Unavailable");
}

#[rstest]
#[case(json!({"server_url": null}), "", "missing field `server_url`")]
#[case(json!({"server_url": "push.example"}), "/server_url", "https://")]
#[case(json!({"server_url": "ws://push.example"}), "/server_url", "https://")]
#[case(json!({"server_url": "https://u:p@push.example"}), "/server_url", "user name")]
#[case(json!({"server_url": "https://push.example/message?token=A"}), "/server_url", "without ?")]
#[case(json!({"app_token": null}), "", "missing field `app_token`")]
#[case(json!({"app_token": ""}), "/app_token", "empty")]
#[case(json!({"app_token": "A b"}), "/app_token", "white space")]
#[case(json!({"app_token": "A\n"}), "/app_token", "white space")]
#[case(json!({"priority": -1}), "/priority", "0 to 10")]
#[case(json!({"priority": 11}), "/priority", "0 to 10")]
#[case(json!({"priority": "5"}), "/priority", "5")]
#[case(json!({"priority": 5.5}), "/priority", "5.5")]
#[case(json!({"token": "A"}), "/token", "unknown field")]
fn mistakes_name_their_place(#[case] changes: Value, #[case] pointer: &str, #[case] says: &str) {
    let faults = kind().build(&config(changes)).unwrap_err();
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert_eq!(faults[0].pointer, pointer);
    assert!(faults[0].detail.contains(says), "{faults:?}");
}

#[test]
fn the_token_is_read_when_it_is_used() {
    let channel = gotify(json!({"app_token": {"env": "TOKEN"}}));
    let vars = |value| Vars::new([("TOKEN", value)]);
    let request = channel.0.request(&failure(), &info_with(&vars("Ax"))).unwrap();
    assert_eq!(request.headers()["x-gotify-key"], "Ax");
    for vars in [Vars::default(), vars("to ken")] {
        let error = channel.0.request(&failure(), &info_with(&vars)).unwrap_err();
        assert_eq!(error.outcome(), "misconfigured");
        assert!(!error.detail.contains("to ken"));
    }
}

#[test]
fn the_token_is_shown_to_nobody_and_stays_with_its_host() {
    let stored = config(json!({}));
    let shown = kind().redact(&stored).unwrap();
    assert_eq!(shown, json!({"server_url": "https://push.example/gotify", "app_token": PLACEHOLDER, "priority": 5}));
    let change = |patch: Value| kind().change(&stored, &patch).unwrap().get("app_token").cloned();
    assert_eq!(change(shown), Some(json!(TOKEN)));
    assert_eq!(change(json!({"server_url": "https://push.example:443/other"})), Some(json!(TOKEN)));
    assert_eq!(change(json!({"server_url": "https://evil.example"})), None);
    assert_eq!(change(json!({"server_url": "http://push.example", "app_token": PLACEHOLDER})), None);
}

#[test]
fn the_form_is_as_promised() {
    insta::assert_json_snapshot!("config_schema", kind().config_schema());
}

#[test]
fn nothing_hostile_is_refused() {
    for said in hostile() {
        assert_eq!(rules::gotify::check(&request(json!({}), &said)), Ok(()), "{said:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn any_notification_is_taken(said in any_notification()) {
        prop_assert_eq!(rules::gotify::check(&request(json!({}), &said)), Ok(()));
    }
}
