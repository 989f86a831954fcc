//! What an operator can fill in, and what is wrong with it.
#![allow(clippy::unwrap_used)]

use fanfare_core::{Kind, PLACEHOLDER};
use fanfare_email::{EmailConfig, Security};
use rstest::rstest;
use serde_json::{Value, from_value, json};

fn config(changes: Value) -> Value {
    let mut config = json!({"host": "mail.example", "from": "a@mail.example", "to": ["b@mail.example"]});
    fanfare_core::merge_patch(&mut config, &changes);
    config
}

fn kind() -> Kind {
    Kind::of::<EmailConfig>()
}

#[rstest]
#[case(json!({}))]
#[case(json!({"security": "none"}))]
#[case(json!({"security": "tls", "port": 65535}))]
#[case(json!({"host": "192.168.1.4", "username": "u", "password": "p"}))]
#[case(json!({"host": "[::1]", "username": "", "password": ""}))]
#[case(json!({"host": "Bücher.example.", "username": "u", "password": {"env": "FANFARE_VAR_SMTP"}}))]
#[case(json!({"from": "Fanfare <a@mail.example>", "to": ["B <b@mail.example>", "b@mail.example"]}))]
fn what_can_be_used(#[case] changes: Value) {
    kind().build(&config(changes)).unwrap();
}

#[rstest]
#[case(json!({"host": ""}), "/host", "alone")]
#[case(json!({"host": "smtp://mail.example"}), "/host", "alone")]
#[case(json!({"host": "mail.example:587"}), "/host", "alone")]
#[case(json!({"host": "mail.example/x"}), "/host", "alone")]
#[case(json!({"host": "mail example"}), "/host", "alone")]
#[case(json!({"host": "mail.example\r\nRCPT"}), "/host", "alone")]
#[case(json!({"host": "mail.example\0"}), "/host", "alone")]
#[case(json!({"port": 0}), "/port", "1 to 65535")]
#[case(json!({"port": 65536}), "/port", "65536")]
#[case(json!({"port": "587"}), "/port", "587")]
#[case(json!({"security": "ssl"}), "/security", "starttls")]
#[case(json!({"security": "none", "username": "u", "password": "p"}), "/username", "encryption")]
#[case(json!({"security": "none", "username": "u"}), "/username", "encryption")]
#[case(json!({"username": "u"}), "/password", "needs a password")]
#[case(json!({"password": "p"}), "/username", "needs a username")]
#[case(json!({"username": "u\r\n", "password": "p"}), "/username", "control")]
#[case(json!({"username": "u", "password": "p\0"}), "/password", "control")]
#[case(json!({"from": "fanfare"}), "/from", "looks like")]
#[case(json!({"from": "a@mail.example\r\nBcc: x@y.example"}), "/from", "line breaks")]
#[case(json!({"from": "a@mail.example, c@mail.example"}), "/from", "looks like")]
#[case(json!({"to": []}), "/to", "at least one")]
#[case(json!({"to": vec!["b@mail.example"; 101]}), "/to", "100 addresses")]
#[case(json!({"to": ["b@mail.example", "b"]}), "/to/1", "looks like")]
#[case(json!({"to": ["B\n <b@mail.example>"]}), "/to/0", "line breaks")]
#[case(json!({"to": "b@mail.example"}), "/to", "sequence")]
#[case(json!({"tls": true}), "/tls", "unknown field")]
fn mistakes_name_their_place(#[case] changes: Value, #[case] pointer: &str, #[case] says: &str) {
    let faults = kind().build(&config(changes)).unwrap_err();
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert_eq!(faults[0].pointer, pointer);
    assert!(faults[0].detail.contains(says), "{faults:?}");
}

#[test]
fn all_mistakes_are_told_at_once() {
    let all = json!({"host": "a b", "port": 0, "username": "u", "from": "x", "to": ["y", "b@mail.example", "z"]});
    let faults = kind().build(&config(all)).unwrap_err();
    let pointers: Vec<_> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
    assert_eq!(pointers, ["/host", "/port", "/password", "/from", "/to/0", "/to/2"]);
}

#[test]
fn ports_follow_from_the_encryption() {
    let port = |security: Security| security.default_port();
    assert_eq!([Security::None, Security::Starttls, Security::Tls].map(port), [25, 587, 465]);
    assert_eq!(from_value::<EmailConfig>(config(json!({}))).unwrap().security, Security::Starttls);
}

#[test]
fn recipients_are_told_bare() {
    let to = json!({"to": ["B <b@mail.example>", "C@mail.example"]});
    assert!(kind().accepts_recipient);
    assert_eq!(kind().recipients(&config(to)).unwrap(), ["b@mail.example", "C@mail.example"]);
}

#[test]
fn the_password_is_shown_to_nobody_and_kept() {
    let stored = config(json!({"username": "u", "password": "s3cr3t"}));
    let shown = kind().redact(&stored).unwrap();
    assert_eq!(shown["password"], PLACEHOLDER);
    assert_eq!(kind().change(&stored, &shown).unwrap()["password"], "s3cr3t");
    for same in [json!({"port": 2525}), json!({"host": "MAIL.example."}), json!({"security": "tls"})] {
        assert_eq!(kind().change(&stored, &same).unwrap()["password"], "s3cr3t", "{same}");
    }
    let debug = format!("{:?}", from_value::<EmailConfig>(stored).unwrap());
    assert!(!debug.contains("s3cr3t"), "{debug}");
}

#[test]
fn the_password_does_not_follow_to_another_host() {
    let stored = config(json!({"username": "u", "password": "s3cr3t"}));
    for patch in [json!({"host": "evil.example"}), json!({"host": "evil.example", "password": PLACEHOLDER})] {
        let changed = kind().change(&stored, &patch).unwrap();
        assert_eq!(changed.get("password"), None);
        assert_eq!(kind().build(&changed).unwrap_err()[0].pointer, "/password");
    }
    let given = kind().change(&stored, &json!({"host": "other.example", "password": "new"})).unwrap();
    assert_eq!(given["password"], "new");
}

#[test]
fn the_form_is_as_promised() {
    insta::assert_json_snapshot!("config_schema", kind().config_schema());
}
