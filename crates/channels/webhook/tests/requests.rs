//! What a webhook sends: golden requests, headers, signatures, and any text whatsoever.
#![allow(clippy::unwrap_used)]

use fanfare_core::{ChannelConfig, Http, HttpChannel, Notification, Secret};
use fanfare_testkit::{
    Vars,
    conformance::{self, Subject},
    fixtures::{any_notification, info, info_with, typical},
    rules,
};
use fanfare_webhook::{Webhook, WebhookConfig};
use jiff::Timestamp;
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, from_value, json};
use standardwebhooks::Webhook as Reference;

const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// The webhook of a configuration, to which an address is added where it has none.
/// So many headers, each of its own name.
fn many(count: usize) -> Value {
    (0..count).map(|n| (format!("X-{n}"), json!("v"))).collect::<serde_json::Map<_, _>>().into()
}

fn webhook(mut config: Value) -> Http<Webhook> {
    config.as_object_mut().unwrap().entry("url").or_insert(json!("https://hooks.example/in?key=k3y"));
    from_value::<WebhookConfig>(config).unwrap().build().unwrap()
}

fn request(config: Value, notification: &Notification) -> http::Request<bytes::Bytes> {
    webhook(config).0.request(notification, &info()).unwrap()
}

fn first() -> Notification {
    typical().remove(0).1
}

#[tokio::test]
async fn conforms() {
    let channel = webhook(json!({
        "url": "https://hooks.example/in/P4thS3cret?key=Qu3ryS3cret",
        "authorization": "Bearer 4uthS3cret",
        "headers": {"X-Key": "H34derS3cret"},
        "signing_secret": SECRET,
    }));
    let secrets = ["P4thS3cret", "Qu3ryS3cret", "4uthS3cret", "H34derS3cret", &SECRET["whsec_".len()..]];
    conformance::check(&Subject::new(channel, &secrets).checked_by(rules::webhook::check)).await;
}

#[test]
fn default_bodies() {
    for (name, notification) in typical() {
        let body = request(json!({}), &notification).into_body();
        insta::assert_snapshot!(name, std::str::from_utf8(&body).unwrap());
    }
}

#[test]
fn headers_of_a_full_configuration() {
    let request = request(
        json!({
            "method": "PUT",
            "authorization": "Bearer t",
            "headers": {"X-Title": "Grüße", "content-type": "text/plain"},
            "signing_secret": SECRET,
            "body_template": "{{title}}",
        }),
        &first(),
    );
    let headers =
        request.headers().iter().map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())));
    let mut lines = vec![format!("{} {}", request.method(), request.uri())];
    lines.extend(headers);
    lines[1..].sort();
    insta::assert_snapshot!(
        "full_request",
        format!("{}\n\n{}", lines.join("\n"), String::from_utf8_lossy(request.body()))
    );
}

#[rstest]
#[case("GET")]
#[case("HEAD")]
fn get_and_head_carry_headers_only(#[case] method: &str) {
    let request = request(json!({"method": method, "headers": {"X-Key": "k"}}), &first());
    assert_eq!(request.method(), method);
    assert!(request.body().is_empty());
    assert_eq!(request.headers()["x-key"], "k");
    assert!(request.headers().contains_key("webhook-id") && !request.headers().contains_key("content-type"));
}

#[rstest]
#[case(json!({}))]
#[case(json!({"method": "GET"}))]
#[case(json!({"body_template": "[{{message}}]"}))]
fn the_reference_accepts_the_signature(#[case] mut config: Value) {
    let new = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    config["signing_secret"] = json!(format!("{new} {SECRET}"));
    let mut info = info();
    info.at = Timestamp::now();
    let request = webhook(config).0.request(&first(), &info).unwrap();
    for secret in [new, SECRET] {
        Reference::new(secret).unwrap().verify(request.body(), request.headers()).unwrap();
    }
    let other = Reference::new("whsec_BAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap();
    assert!(other.verify(request.body(), request.headers()).is_err());
}

#[test]
fn each_attempt_has_its_time_and_all_have_one_id() {
    let channel = webhook(json!({"signing_secret": SECRET}));
    let mut later = info();
    later.at += std::time::Duration::from_secs(30);
    let [a, b] = [info(), later].map(|info| channel.0.request(&first(), &info).unwrap());
    assert_eq!(a.headers()["webhook-id"], b.headers()["webhook-id"]);
    assert_eq!(a.headers()["webhook-timestamp"], "1773450153");
    assert_eq!(b.headers()["webhook-timestamp"], "1773450183");
    assert_ne!(a.headers()["webhook-signature"], b.headers()["webhook-signature"]);
    assert_eq!(a.body(), b.body());
}

#[test]
fn variables_are_read_when_they_are_used() {
    let config = json!({
        "url": {"env": "URL"}, "authorization": {"env": "AUTH"},
        "headers": {"X-Key": {"env": "KEY"}}, "signing_secret": {"env": "SIGN"},
    });
    let channel = webhook(config);
    let set = [("URL", "https://h.example/x"), ("AUTH", "Bearer t"), ("KEY", "k"), ("SIGN", SECRET)];
    let request = channel.0.request(&first(), &info_with(&Vars::new(set))).unwrap();
    assert_eq!(request.uri(), "https://h.example/x");
    assert_eq!(request.headers()["authorization"], "Bearer t");
    assert_eq!(request.headers()["x-key"], "k");

    for (name, wrong) in [("URL", "ftp://h.example/"), ("AUTH", "to\nken"), ("KEY", "k\0"), ("SIGN", "whsec_short")] {
        for value in [None, Some(wrong)] {
            let others = set.into_iter().filter(|(other, _)| *other != name);
            let vars = Vars::new(others.chain(value.map(|value| (name, value))));
            let error = channel.0.request(&first(), &info_with(&vars)).unwrap_err();
            assert_eq!(error.outcome(), "misconfigured", "{name} {value:?}");
            assert!(!error.detail.contains(wrong), "{error}");
        }
    }
}

#[rstest]
#[case(json!({"headers": many(65)}), "/headers", "64 headers")]
#[case(json!({"headers": {"bad name": "x"}}), "/headers/bad name", "letters")]
#[case(json!({"headers": {"": "x"}}), "/headers/", "letters")]
#[case(json!({"headers": {"a/b": "x"}}), "/headers/a~1b", "letters")]
#[case(json!({"headers": {"X-A": "a\r\nInjected: b"}}), "/headers/X-A", "line breaks")]
#[case(json!({"headers": {"X-A": "a\0"}}), "/headers/X-A", "control")]
#[case(json!({"headers": {"X-A": "1", "x-a": "2"}}), "/headers/x-a", "twice")]
#[case(json!({"headers": {"Webhook-Id": "x"}}), "/headers/Webhook-Id", "cannot be replaced")]
#[case(json!({"headers": {"webhook-timestamp": "1"}}), "/headers/webhook-timestamp", "cannot be replaced")]
#[case(json!({"headers": {"WEBHOOK-SIGNATURE": "x"}}), "/headers/WEBHOOK-SIGNATURE", "cannot be replaced")]
#[case(json!({"headers": {"Host": "x"}}), "/headers/Host", "cannot be replaced")]
#[case(json!({"headers": {"Content-Length": "0"}}), "/headers/Content-Length", "cannot be replaced")]
#[case(json!({"authorization": "a\nb"}), "/authorization", "line breaks")]
#[case(json!({"content_type": "json"}), "/content_type", "application/json")]
#[case(json!({"content_type": "a/b\nc"}), "/content_type", "application/json")]
#[case(json!({"signing_secret": "hunter2"}), "/signing_secret", "whsec_")]
#[case(json!({"signing_secret": "whsec_c2hvcnQ="}), "/signing_secret", "24 to 64 bytes")]
#[case(json!({"body_template": "{{nope}}"}), "/body_template", "{{title}}")]
#[case(json!({"body_template": "not json {{title}}"}), "/body_template", "not valid JSON")]
#[case(json!({"method": "HEAD", "body_template": "{}"}), "/body_template", "GET and HEAD")]
#[case(json!({"content_type": "text/plain", "headers": {"Content-Type": "application/json"},
              "body_template": "{{title}} not json"}), "/body_template", "not valid JSON")]
fn mistakes_name_their_place(#[case] mut config: Value, #[case] pointer: &str, #[case] says: &str) {
    config["url"] = json!("https://hooks.example/");
    let faults = from_value::<WebhookConfig>(config).unwrap().build().unwrap_err();
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert_eq!(faults[0].pointer, pointer);
    assert!(faults[0].detail.contains(says), "{faults:?}");
}

#[test]
fn all_mistakes_are_told_at_once() {
    let config =
        json!({"url": "https://h.example/", "content_type": "x", "authorization": "\n", "signing_secret": "x"});
    let faults = from_value::<WebhookConfig>(config).unwrap().build().unwrap_err();
    let pointers: Vec<_> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
    assert_eq!(pointers, ["/content_type", "/authorization", "/signing_secret"]);
}

#[rstest]
#[case(json!({}))]
#[case(json!({"url": "https://h.example/", "method": "DELETE"}))]
#[case(json!({"url": "https://h.example/", "methd": "POST"}))]
#[case(json!({"url": "ftp://h.example/"}))]
fn documents_of_another_form_are_refused(#[case] config: Value) {
    assert!(from_value::<WebhookConfig>(config).is_err());
}

#[test]
fn text_types_take_templates_raw() {
    let config = json!({"content_type": "text/plain; charset=utf-8", "body_template": "\"{{title}}\"\n{{fields}}"});
    let mut said = first();
    said.title = "a \"b\"".into();
    said.fields.truncate(1);
    let request = request(config, &said);
    assert_eq!(request.body(), "\"a \"b\"\"\nJob: Nightly");
    assert_eq!(request.headers()["content-type"], "text/plain; charset=utf-8");
}

#[test]
fn the_form_is_as_promised() {
    let schema = fanfare_core::Kind::of::<WebhookConfig>().config_schema();
    insta::assert_json_snapshot!("config_schema", schema);
}

#[test]
fn secrets_stay_secret_when_shown() {
    let config = WebhookConfig {
        authorization: Some(Secret::new("Bearer t")),
        ..from_value(json!({"url": "https://h.example/k"})).unwrap()
    };
    assert_eq!(
        serde_json::to_value(&config).unwrap(),
        json!({
            "url": "https://h.example/…", "method": "POST", "content_type": "application/json",
            "authorization": fanfare_core::PLACEHOLDER, "headers": {},
        })
    );
}

proptest! {
    #[test]
    fn any_text_comes_back_from_the_default_body(said in any_notification()) {
        let body: Value = serde_json::from_slice(request(json!({}), &said).body()).unwrap();
        let info = info();
        let expected = json!({
            "title": said.title, "message": said.message, "success": said.status.is_success(), "status": said.status,
            "color": said.color, "timestamp": said.time, "event_type": info.event_type, "event_id": info.event_id,
            "fields": said.fields,
        });
        prop_assert_eq!(&body, &expected);
        let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        prop_assert_eq!(names(&body), names(&expected));
    }
}
