//! What is sent over Twilio and what it costs, what the answers mean, and what cannot be configured.
#![allow(clippy::unwrap_used)]

use std::{collections::HashMap, time::Duration};

use bytes::Bytes;
use fanfare_core::{
    ChannelConfig, ErrorKind, Field, Http, HttpChannel, Kind, Notification, PLACEHOLDER, SendError, Status,
};
use fanfare_testkit::{
    Vars,
    conformance::{self, Subject},
    fixtures::{any_notification, hostile, info, info_with, typical},
    rules::{self, twilio::segments},
};
use fanfare_twilio::{Twilio, TwilioConfig};
use http::{Request, Response};
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, from_value, json};

const SID: &str = "AC0123456789abcdef0123456789ABCDEF";
const TOKEN: &str = "S3cretT0kenS3cretT0kenS3cretT0k";

fn config(changes: Value) -> Value {
    let mut config = json!({"account_sid": SID, "auth_token": TOKEN, "from": "+15005550006", "to": "+15551234567"});
    fanfare_core::merge_patch(&mut config, &changes);
    config
}

fn twilio(changes: Value) -> Http<Twilio> {
    from_value::<TwilioConfig>(config(changes)).unwrap().build().unwrap()
}

fn kind() -> Kind {
    Kind::of::<TwilioConfig>()
}

fn request(changes: Value, notification: &Notification) -> Request<Bytes> {
    twilio(changes).0.request(notification, &info()).unwrap()
}

fn form(request: &Request<Bytes>) -> HashMap<String, String> {
    url::form_urlencoded::parse(request.body()).into_owned().collect()
}

fn sms(notification: &Notification) -> String {
    form(&request(json!({}), notification)).remove("Body").unwrap()
}

fn failure() -> Notification {
    typical().remove(2).1
}

fn field(name: &str, value: &str) -> Field {
    Field { name: name.into(), value: value.into(), inline: true }
}

/// A failure with this title, message and fields.
fn said(title: &str, message: &str, fields: &[(&str, &str)]) -> Notification {
    let fields = fields.iter().map(|(name, value)| field(name, value)).collect();
    Notification { title: title.into(), message: message.into(), fields, ..failure() }
}

#[tokio::test]
async fn conforms() {
    conformance::check(&Subject::new(twilio(json!({})), &[TOKEN]).checked_by(rules::twilio::check)).await;
}

#[test]
fn what_people_read() {
    for (name, notification) in typical() {
        let sms = sms(&notification);
        insta::assert_snapshot!(name, format!("{sms}\n\n({} segments)", segments(&sms)));
    }
}

#[test]
fn a_form_with_basic_authorization() {
    let sent = request(json!({"api_url": "http://10.0.0.5:8080/twilio/"}), &failure());
    assert_eq!(sent.method(), "POST");
    assert_eq!(sent.uri().to_string(), format!("http://10.0.0.5:8080/twilio/2010-04-01/Accounts/{SID}/Messages.json"));
    assert_eq!(sent.headers()["content-type"], "application/x-www-form-urlencoded");
    let basic = "Basic QUMwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OUFCQ0RFRjpTM2NyZXRUMGtlblMzY3JldFQwa2VuUzNjcmV0VDBr";
    assert_eq!(sent.headers()["authorization"], basic);
    assert!(sent.body().starts_with(b"To=%2B15551234567&From=%2B15005550006&Body=Backup+Failed"), "{:?}", sent.body());
    assert_eq!(request(json!({}), &failure()).uri().host(), Some("api.twilio.com"));
}

#[test]
fn a_messaging_service_chooses_the_number() {
    let sid = format!("MG{}", "0".repeat(32));
    let form = form(&request(json!({"from": sid}), &failure()));
    assert_eq!((form.get("MessagingServiceSid"), form.get("From")), (Some(&sid), None));
}

#[rstest]
#[case("Storage Limit", Some("Alert"), Status::Failure, "Alert: Storage Limit")]
#[case("Backup Partial", Some("Partial"), Status::Warning, "Backup Partial")]
#[case("Backup Failed", None, Status::Failure, "Backup Failed")]
#[case("Nightly", None, Status::Failure, "Failed: Nightly")]
#[case("Nightly", None, Status::Warning, "Warning: Nightly")]
#[case("Nightly", None, Status::Success, "Nightly")]
#[case("\0", None, Status::Info, "Info")]
fn the_first_line_says_how_things_stand(
    #[case] title: &str,
    #[case] badge: Option<&str>,
    #[case] status: Status,
    #[case] line: &str,
) {
    let said = Notification { status, badge: badge.map(Into::into), ..said(title, "", &[]) };
    assert_eq!(sms(&said), format!("{line}\n2026-03-14 01:02 UTC"));
}

#[test]
fn signs_with_a_plain_twin_do_not_double_the_price() {
    let text = sms(&said("Error – „Nightly“", "It’s over…\n\n  5\u{a0}GB ✓", &[("A", " "), ("⚠\u{fe0f}", "`x`\ny")]));
    assert_eq!(text, "Error - \"Nightly\"\nIt's over...\n5 GB OK\nA: -\n!: 'x' y\n2026-03-14 01:02 UTC");
    let other = sms(&said("Error – Zoë", "…", &[]));
    assert_eq!(other, "Error – Zoë\n…\n2026-03-14 01:02 UTC");
}

#[test]
fn four_fields_are_told_and_the_others_counted() {
    let all = [("A", "1"), ("B", "2"), ("C", "3"), ("D", "4"), ("E", "5"), ("Time", "2026-03-14T01:02:03Z")];
    let ends = |count: usize| sms(&said("Failed", "m", &all[..count]));
    assert_eq!(ends(4), "Failed\nm\nA: 1\nB: 2\nC: 3\nD: 4\n2026-03-14 01:02 UTC");
    assert_eq!(ends(6), "Failed\nm\nA: 1\nB: 2\nC: 3\nD: 4\n2026-03-14 01:02 UTC\n... (+1 field)");
    let time_first = [all[5], all[0], all[1], all[2], all[3], all[4]];
    let text = sms(&said("Failed", "m", &time_first));
    assert_eq!(text, "Failed\nm\nTime: 2026-03-14T01:02:03Z\nA: 1\nB: 2\nC: 3\n... (+2 fields)");
}

#[rstest]
#[case("x")]
#[case("€")]
#[case("ж")]
#[case("👍")]
fn three_segments_are_used_and_no_more(#[case] letter: &str) {
    let long = letter.repeat(900);
    let fields: Vec<(&str, &str)> = vec![("Name", &long); 6];
    let text = sms(&said("Failed", &long, &fields));
    assert_eq!(segments(&text), 3, "{text}");
    let gsm = letter == "x" || letter == "€";
    let mark = if gsm { "... (+" } else { "… (+" };
    assert!(text.contains(&format!("{letter}{mark}")) && text.contains(" fields)"), "{text}");
    assert!(!gsm || !text.contains('…'), "{text}");

    let alone = sms(&said("Failed", &long, &[]));
    assert_eq!(segments(&alone), 3, "{alone}");
    assert!(alone.ends_with("characters)\n2026-03-14 01:02 UTC"), "{alone}");
}

#[test]
fn what_fits_is_whole() {
    let text = sms(&said("Failed", &"x".repeat(400), &[("A", "1")]));
    assert!(text.contains(&"x".repeat(400)) && text.contains("A: 1") && !text.contains("..."), "{text}");
    assert_eq!(segments(&text), 3);
}

fn answer(status: u16, retry_after: Option<&str>, body: &Value) -> SendError {
    let mut response = Response::builder().status(status);
    if let Some(value) = retry_after {
        response = response.header("retry-after", value);
    }
    twilio(json!({})).0.receipt(&response.body(body.to_string().into()).unwrap(), &info()).unwrap_err()
}

#[rstest]
#[case(400, 21_211, "misconfigured")]
#[case(400, 21_212, "misconfigured")]
#[case(400, 21_408, "misconfigured")]
#[case(400, 21_603, "misconfigured")]
#[case(400, 21_604, "misconfigured")]
#[case(400, 21_606, "misconfigured")]
#[case(400, 21_608, "misconfigured")]
#[case(400, 21_610, "misconfigured")]
#[case(400, 21_612, "misconfigured")]
#[case(400, 21_614, "misconfigured")]
#[case(400, 21_602, "rejected")]
#[case(400, 21_617, "rejected")]
#[case(400, 21_658, "rejected")]
#[case(400, 21_611, "temporary")]
#[case(401, 20_003, "misconfigured")]
#[case(403, 20_003, "misconfigured")]
#[case(404, 20_404, "misconfigured")]
#[case(429, 20_429, "rate_limited")]
#[case(500, 20_500, "unknown")]
#[case(503, 20_503, "unknown")]
fn codes(#[case] status: u16, #[case] code: u32, #[case] outcome: &str) {
    let body = json!({"code": code, "message": "out of\ncheese", "more_info": "https://www.twilio.com/docs", "status": status});
    let error = answer(status, None, &body);
    assert_eq!((error.outcome(), error.status), (outcome, Some(status)));
    assert!(error.detail.ends_with(&format!(": out of cheese ({code})")), "{}", error.detail);
}

#[test]
fn a_limit_says_how_long_to_wait() {
    let error = answer(429, Some("7"), &json!({"code": 20_429, "message": "Too Many Requests", "status": 429}));
    assert_eq!(error.kind, ErrorKind::RateLimited { after: Some(Duration::from_secs(7)) });
    assert_eq!(error.detail, "429 Too Many Requests: Too Many Requests (20429)");
}

#[rstest]
#[case(json!({"sid": "SM1", "status": "queued", "num_segments": "2"}), "201 Created: queued, message SM1, 2 segments")]
#[case(json!({"sid": "SM1", "status": "accepted", "num_segments": "1"}), "201 Created: accepted, message SM1, 1 segment")]
#[case(json!({"sid": "SM1"}), "201 Created: taken, message SM1")]
#[case(json!({"id": "x"}), "201 Created: {\"id\":\"x\"}")]
fn a_receipt_says_what_was_queued(#[case] body: Value, #[case] detail: &str) {
    let response = Response::builder().status(201).body(body.to_string().into()).unwrap();
    assert_eq!(twilio(json!({})).0.receipt(&response, &info()).unwrap().detail, detail);
}

#[rstest]
#[case(json!({"account_sid": "AC123"}), "/account_sid", "32 hexadecimal")]
#[case(json!({"account_sid": SID.replace("AC", "SK")}), "/account_sid", "32 hexadecimal")]
#[case(json!({"account_sid": format!("{SID}/x")}), "/account_sid", "32 hexadecimal")]
#[case(json!({"account_sid": null}), "", "missing field `account_sid`")]
#[case(json!({"auth_token": ""}), "/auth_token", "empty")]
#[case(json!({"auth_token": "a b"}), "/auth_token", "white space")]
#[case(json!({"auth_token": null}), "", "missing field `auth_token`")]
#[case(json!({"from": ""}), "/from", "a sender is")]
#[case(json!({"from": "15005550006"}), "/from", "a sender is")]
#[case(json!({"from": "Fanfare Operations"}), "/from", "a sender is")]
#[case(json!({"to": "0155512345"}), "/to", "country code")]
#[case(json!({"to": "+1 555 123"}), "/to", "without spaces")]
#[case(json!({"to": "+1234567890123456"}), "/to", "country code")]
#[case(json!({"to": ""}), "/to", "country code")]
#[case(json!({"api_url": "api.twilio.com"}), "/api_url", "https://")]
#[case(json!({"api_url": "https://a:b@api.twilio.com"}), "/api_url", "user name")]
#[case(json!({"sid": SID}), "/sid", "unknown field")]
fn mistakes_name_their_place(#[case] changes: Value, #[case] pointer: &str, #[case] says: &str) {
    let faults = kind().build(&config(changes)).unwrap_err();
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert_eq!(faults[0].pointer, pointer);
    assert!(faults[0].detail.contains(says), "{faults:?}");
}

#[test]
fn all_mistakes_are_told_at_once() {
    let all = json!({"account_sid": "x", "auth_token": "", "from": "", "to": "x"});
    let faults = kind().build(&config(all)).unwrap_err();
    let pointers: Vec<_> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
    assert_eq!(pointers, ["/account_sid", "/auth_token", "/from", "/to"]);
}

#[test]
fn the_token_is_read_when_it_is_used() {
    let channel = twilio(json!({"auth_token": {"env": "TOKEN"}}));
    let vars = |value| Vars::new([("TOKEN", value)]);
    assert!(channel.0.request(&failure(), &info_with(&vars("t"))).is_ok());
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
    let expected = json!({"auth_token": PLACEHOLDER, "api_url": "https://api.twilio.com"});
    assert_eq!(shown, config(expected));
    let change = |patch: Value| kind().change(&stored, &patch).unwrap().get("auth_token").cloned();
    assert_eq!(change(shown), Some(json!(TOKEN)));
    assert_eq!(change(json!({"to": "+15005550009"})), Some(json!(TOKEN)));
    assert_eq!(change(json!({"api_url": "https://evil.example"})), None);
}

#[test]
fn the_form_is_as_promised() {
    insta::assert_json_snapshot!("config_schema", kind().config_schema());
}

#[test]
fn nothing_hostile_is_refused() {
    for said in hostile() {
        assert_eq!(rules::twilio::check(&request(json!({}), &said)), Ok(()), "{said:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn any_notification_is_taken(said in any_notification()) {
        prop_assert_eq!(rules::twilio::check(&request(json!({}), &said)), Ok(()));
    }
}
