use fanfare_core::{Catalog, EventType, Notification, catalog::Overlay};
use jiff::Timestamp;
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Map, Value, json};

use crate::{MAX_BYTES, Renderer, TemplateError};

fn catalog() -> Catalog {
    Catalog::builtin().unwrap()
}

fn time() -> Timestamp {
    "2026-03-29T01:30:00.5Z".parse().unwrap()
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is no object"),
    }
}

/// The notification of the sample with some data changed; null takes one away.
#[track_caller]
fn rendered(id: &str, changes: Value) -> Notification {
    let catalog = catalog();
    let event_type = catalog.get(id).unwrap();
    let mut data = event_type.sample.clone();
    data.extend(object(changes));
    let data = event_type.check(data, None).unwrap();
    Renderer::new(&catalog).unwrap().render(event_type, &data, time()).unwrap()
}

#[test]
fn every_sample() {
    let catalog = catalog();
    let renderer = Renderer::new(&catalog).unwrap();
    for event_type in &catalog {
        let id = &event_type.id;
        insta::assert_json_snapshot!(
            format!("sample_{id}"),
            renderer.render(event_type, &event_type.sample, time()).unwrap()
        );
        if event_type.user_wording.is_some() {
            insta::assert_json_snapshot!(
                format!("user_{id}"),
                renderer.render_user(event_type, &event_type.sample, time()).unwrap()
            );
        }
    }
}

#[test]
fn every_sample_without_what_is_optional() {
    let catalog = catalog();
    let renderer = Renderer::new(&catalog).unwrap();
    for event_type in &catalog {
        let mut data = event_type.sample.clone();
        data.retain(|name, _| event_type.field(name).unwrap().required);
        if data == event_type.sample {
            continue;
        }
        let notification = renderer.render(event_type, &data, time()).unwrap();
        insta::assert_json_snapshot!(format!("bare_{}", event_type.id), notification);
    }
}

#[rstest]
#[case::offline("connection_offline", json!({"adapter_type": "storage", "consecutive_failures": 1}))]
#[case::online("connection_online", json!({"adapter_type": "storage"}))]
#[case::downgrade("db_version_changed", json!({"is_downgrade": true, "previous_version": null}))]
#[case::plain("config_backup", json!({"encrypted": false}))]
#[case::shrunk("storage_usage_spike", json!({"change_percent": -33.333, "current_bytes": 715827882}))]
#[case::sound("integrity_check_failure", json!({"errors": [], "failed": 0}))]
#[case::few("integrity_check_failure", json!({"errors": [{"file": "a"}, {"file": "b"}], "failed": 2}))]
#[case::zero("backup_success", json!({"duration_ms": 0, "size_bytes": 0, "source_name": ""}))]
fn variants(#[case] id: &str, #[case] changes: Value) {
    let name = std::thread::current().name().unwrap().rsplit("::").next().unwrap().to_owned();
    let name = name.trim_start_matches(|c: char| !c.is_ascii_digit()).trim_start_matches(|c: char| !c.is_alphabetic());
    insta::assert_json_snapshot!(format!("variant_{name}"), rendered(id, changes));
}

#[rstest]
#[case("https://example.com/r", Some("https://example.com/r"))]
#[case("HTTP://example.com", Some("HTTP://example.com"))]
#[case("javascript:alert(1)", None)]
#[case("https://", None)]
#[case("https://example.com/a b", None)]
#[case("", None)]
fn a_link_is_a_web_address(#[case] url: &str, #[case] link: Option<&str>) {
    assert_eq!(rendered("update_available", json!({"release_url": url})).link.as_deref(), link);
}

#[test]
fn too_much_text_is_shortened() {
    let error = "x".repeat(200 * 1024);
    let notification = rendered("system_error", json!({"error": error, "details": "ä".repeat(1000)}));
    let texts = notification.fields.iter().flat_map(|field| [&field.name, &field.value]);
    let total: usize = texts.chain([&notification.title, &notification.message]).map(String::len).sum();
    assert!(total <= MAX_BYTES, "{total}");
    assert!(total > MAX_BYTES - 200, "{total}");
    let value = &notification.fields[1].value;
    let (kept, mark) = value.split_once('…').unwrap();
    assert_eq!(mark, format!(" (+{} characters)", error.len() - kept.len()));
    assert_eq!(notification.fields[2].value, "ä".repeat(1000));
}

#[test]
fn a_template_without_end_is_stopped() {
    let catalog = catalog();
    let event_type = catalog.get("integrity_check_failure").unwrap();
    let overlay = overlay(json!({"message": "{{#each errors}}{{list ../errors \"file\" 500}}{{/each}}"}));
    let compiled = Renderer::new(&catalog).unwrap().compile(event_type, &event_type.wording.clone().with(&overlay));
    let items = vec![json!({"file": "x".repeat(400)}); 500];
    let mut data = event_type.sample.clone();
    data.insert("errors".into(), Value::Array(items));
    let message = compiled.unwrap().render(&data, time()).unwrap().message;
    assert!(message.ends_with(" characters)") && message.len() <= MAX_BYTES);
}

fn overlay(value: Value) -> Overlay {
    serde_json::from_value(value).unwrap()
}

/// What is wrong with `system_error` when `changes` stand in place of its wording.
#[track_caller]
fn mistake(changes: Value) -> TemplateError {
    let catalog = catalog();
    let event_type = catalog.get("system_error").unwrap();
    let wording = event_type.wording.clone().with(&overlay(changes));
    Renderer::new(&catalog).unwrap().compile(event_type, &wording).unwrap_err()
}

#[rstest]
#[case(json!({"title": "{{nope}}"}), "wording.title: line 1, column 1: no datum is called nope")]
#[case(json!({"title": "{{upper nope}}"}), "wording.title: line 1, column 1: no datum is called nope")]
#[case(json!({"title": "{{#if nope}}x{{/if}}"}), "wording.title: line 1, column 1: no datum is called nope")]
#[case(json!({"title": "{{#if details}}{{nope}}{{/if}}"}), "wording.title: line 1, column 16: no datum is called nope")]
#[case(json!({"title": "{{#unless details}}{{nope}}{{/unless}}"}), "wording.title: line 1, column 20: no datum is called nope")]
#[case(json!({"title": "{{lower error}}"}), "wording.title: line 1, column 1: no helper is called lower")]
#[case(json!({"badge": "{{#if error}}"}), "wording.badge: line 1")]
#[case(json!({"message": "{{> error}}"}), "wording.message: line 1, column 1: partials and decorators are not available")]
#[case(json!({"link": "{{error"}), "wording.link: line 1")]
#[case(json!({"fields": [{"name": "a", "value": "{{nope}}"}]}), "wording.fields[0].value: line 1, column 1: no datum is called nope")]
#[case(json!({"fields": [{"name": "{{nope}}", "value": ""}]}), "wording.fields[0].name: line 1, column 1: no datum is called nope")]
#[case(json!({"fields": [{"name": "", "value": "", "when": "nope"}]}), "wording.fields[0].when: no datum is called nope")]
fn mistakes(#[case] changes: Value, #[case] expected: &str) {
    let error = mistake(changes);
    assert!(format!("{}: {}", error.key, error.detail).starts_with(expected), "{error}");
    let error = error.to_string();
    assert!(error.starts_with("system_error.toml, line "), "{error}");
    assert!(!error.contains('\n'), "{error}");
}

/// A file of an event type with one text, two data and a variant.
fn file(message: &str, datum: &str, variant: &str) -> String {
    format!(
        r##"id = "t"
name = "T"
description = "A thing happened."
category = "system"
default_enabled = true
notify_user = {{ name = "{datum}" }}
data = [
    {{ name = "{datum}", type = "string", description = "A text." }},
    {{ name = "word", type = "enum", values = ["a", "b"], description = "A word." }},
]

[wording]
title = "T"
message = '{message}'
status = "info"
color = "#3b82f6"
variants = [{{ when = {{ word = "b" }}, message = '{variant}' }}]

[user]
title = "U"
message = '{message}'
status = "info"
color = "#3b82f6"

[sample]
{datum} = "x"
word = "a"
"##
    )
}

#[rstest]
#[case("{{nope}}", "text", "", "t.toml, line 14: wording.message: line 1, column 1: no datum is called nope")]
#[case(
    "",
    "text",
    "{{nope}}",
    "t.toml, line 17: wording.variants[0].message: line 1, column 1: no datum is called nope"
)]
#[case("", "text", "{{#if text}}", "t.toml, line 17: wording.variants[0].message: line 1")]
#[case(
    r#"{{#if (eq word "b")}}{{nope}}{{/if}}"#,
    "text",
    "x",
    "t.toml, line 14: wording.message: line 1, column 22: no datum is called nope"
)]
#[case("", "upper", "", "t.toml, line 8: data[0].name: upper means something else in templates")]
#[case("", "this", "", "t.toml, line 8: data[0].name: this means something else in templates")]
fn mistakes_in_files(#[case] message: &str, #[case] datum: &str, #[case] variant: &str, #[case] expected: &str) {
    let catalog = catalog().with_type("t.toml", &file(message, datum, variant)).unwrap();
    let error = Renderer::new(&catalog).unwrap_err().to_string();
    assert!(error.starts_with(expected), "{error}");
}

/// A renderer and a type whose message is `message`, over `text`, `things` and `n`.
fn custom(message: &str) -> (Renderer, std::sync::Arc<EventType>) {
    let more = r#"
    { name = "n", type = "number", required = false, description = "A number." },
    { name = "things", type = "list", required = false, description = "A list.", items = [
        { name = "m", description = "A member." },
    ] },
]"#;
    let text = file(message, "text", message).replacen("\n]", more, 1);
    let catalog = catalog().with_type("t.toml", &text).unwrap();
    (Renderer::new(&catalog).unwrap(), catalog.get("t").unwrap().clone())
}

#[rstest]
#[case(r#"{{default text "none"}}"#, json!({"text": ""}), "none")]
#[case(r#"{{default n "none"}}"#, json!({"n": 0}), "0")]
#[case(r#"{{plural n "one" "many"}}"#, json!({"n": 1}), "one")]
#[case(r#"{{plural n "one" "many"}}"#, json!({"n": 1.0}), "one")]
#[case(r#"{{plural n "one" "many"}}"#, json!({}), "many")]
#[case(r#"{{list things "m" 2}}"#, json!({"things": [{"m": "a"}, {"m": "b"}]}), "a, b")]
#[case(r#"{{list things "m" 2}}"#, json!({"things": [{"m": "a"}, {"m": "b"}, {"m": "c"}]}), "a, b (+1 more)")]
#[case(r#"{{list things "other" 2}}"#, json!({"things": [{"m": "a"}]}), "")]
#[case(r#"{{list things "m" 2}}"#, json!({}), "")]
#[case("{{#each things}}<{{m}}>{{/each}}", json!({"things": [{"m": "a"}, {"m": "{{b}}"}]}), "<a><{{b}}>")]
#[case("{{#if (lt n 0)}}-{{else}}+{{/if}}", json!({"n": -1.5}), "-")]
#[case("{{#if n}}y{{else}}n{{/if}}", json!({"n": 0}), "n")]
#[case(r#"{{#if (and (eq word "a") (not n))}}y{{/if}}"#, json!({}), "y")]
#[case(r"\{{text}}", json!({}), "{{text}}")]
#[case("{{{text}}}", json!({"text": "<&>"}), "<&>")]
#[case("{{ text }} {{text}}", json!({"text": "<&\"'>"}), "<&\"'> <&\"'>")]
#[case("{{~text~}} }}", json!({"text": "x"}), "x}}")]
#[case("{{number n}}|{{n}}", json!({"n": 50.0}), "50|50.0")]
#[case("{{occurred_at}} {{date_time occurred_at}}", json!({}), "2026-03-29T01:30:00.5Z 2026-03-29 01:30 UTC")]
#[case("{{bytes text}} {{percent word}} {{seconds n}}", json!({"text": "x"}), "x a ")]
fn templates(#[case] message: &str, #[case] changes: Value, #[case] expected: &str) {
    let (renderer, event_type) = custom(message);
    let mut data = event_type.sample.clone();
    data.extend(object(changes));
    let data = event_type.check(data, None).unwrap();
    assert_eq!(renderer.render(&event_type, &data, time()).unwrap().message, expected);
}

/// Any text: Unicode, control characters, and what templates are made of.
fn any_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("{{error}}".to_owned()),
        Just("{{#if x}}".to_owned()),
        Just("}}".to_owned()),
        Just("\\{{".to_owned()),
        Just("\u{0}\r\n\u{202e}".to_owned()),
        any::<String>(),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn data_are_never_templates(component in any_text(), error in any_text(), details in any_text()) {
        let catalog = catalog();
        let event_type = catalog.get("system_error").unwrap();
        let renderer = Renderer::new(&catalog).unwrap();
        let data = json!({"component": &component, "error": &error, "details": &details});
        let data = event_type.check(object(data), None).unwrap();
        let said = renderer.render(event_type, &data, time()).unwrap();
        prop_assert_eq!(said.message, format!("Error in {component}: {error}"));
        prop_assert_eq!(&said.fields[0].value, &component);
        prop_assert_eq!(&said.fields[1].value, &error);
        let shown = said.fields.iter().find(|field| field.name == "Details").map(|field| field.value.as_str());
        prop_assert_eq!(shown, (!details.is_empty()).then_some(details.as_str()));
    }

    #[test]
    fn data_are_never_templates_in_templates(name in any_text(), address in any_text(), by in any_text()) {
        let catalog = catalog();
        let event_type = catalog.get("user_login").unwrap();
        let renderer = Renderer::new(&catalog).unwrap();
        let data = object(json!({"user_name": &name, "email": &address, "ip_address": &by}));
        let said = renderer.render_user(event_type, &data, time()).unwrap();
        let from = if by.is_empty() { String::new() } else { format!(" from {by}") };
        let start = format!("Hello {name}, you signed in on 2026-03-29 01:30 UTC{from}.\n");
        prop_assert!(said.message.starts_with(&start), "{}", said.message);
    }
}
