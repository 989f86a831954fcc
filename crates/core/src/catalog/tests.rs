use std::collections::BTreeSet;

use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::{Fault, Status, User};

fn builtin() -> Catalog {
    Catalog::builtin().unwrap()
}

fn object(value: Value) -> serde_json::Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is no object"),
    }
}

#[test]
fn every_file_in_the_folder_is_in_the_catalog() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/catalog");
    let files: BTreeSet<String> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let listed = builtin::FILES.iter().map(|(file, _)| (*file).to_owned()).collect();
    assert_eq!(files, listed);
}

#[test]
fn event_types_stand_in_their_groups() {
    let order: Vec<_> = builtin().iter().map(|t| format!("{} {}", t.category, t.id)).collect();
    insta::assert_snapshot!(order.join("\n"), @r"
    auth user_login
    auth user_created
    restore restore_complete
    restore restore_failure
    system config_backup
    system system_error
    storage storage_usage_spike
    storage storage_limit_warning
    storage storage_missing_backup
    updates update_available
    backup integrity_check_failure
    health connection_offline
    health connection_online
    health db_version_changed
    jobs backup_success
    jobs backup_partial
    jobs backup_failure
    jobs run_missed
    jobs run_recovered
    ");
}

#[test]
fn the_registry_is_as_agreed() {
    let rows: Vec<_> = builtin()
        .iter()
        .map(|t| {
            let layer = if t.layer == Layer::Job { "job" } else { "system" };
            let on = if t.default_enabled { "on" } else { "off" };
            let user = if t.notify_user.is_some() { "user" } else { "-" };
            let resolves = t.resolves.iter().map(|id| id.as_str()).collect::<Vec<_>>().join(",");
            let reminder = t.reminder_hours.map(|hours| hours.to_string()).unwrap_or("-".into());
            format!("{}: {layer} {on} {user} {reminder} [{}] [{resolves}]", t.id, t.condition.join(","))
        })
        .collect();
    insta::assert_snapshot!(rows.join("\n"), @r"
    user_login: system off user - [] []
    user_created: system off user - [] []
    restore_complete: system on - - [] []
    restore_failure: system on - - [] []
    config_backup: system off - - [] []
    system_error: system on - - [] []
    storage_usage_spike: system on - 24 [storage_name] []
    storage_limit_warning: system on - 24 [storage_name] []
    storage_missing_backup: system on - 24 [storage_name] []
    update_available: system on - 168 [latest_version] []
    integrity_check_failure: system on - - [] []
    connection_offline: system on - 24 [adapter_id] []
    connection_online: system on - - [adapter_id] [connection_offline]
    db_version_changed: system on - - [] []
    backup_success: job on - - [] []
    backup_partial: job on - - [] []
    backup_failure: job on - - [] []
    run_missed: job on - 24 [job_name] []
    run_recovered: job on - - [job_name] [run_missed]
    ");
}

#[test]
fn status_follows_the_colour() {
    for event_type in &builtin() {
        let wordings = [Some(&event_type.wording), event_type.user_wording.as_ref()].into_iter().flatten();
        let all = wordings.flat_map(|w| w.variants.iter().map(|v| w.variant(v)).chain([w.clone()]).collect::<Vec<_>>());
        for wording in all {
            let expected: &[Status] = match wording.color.to_string().as_str() {
                "#22c55e" | "#8b5cf6" => &[Status::Success],
                "#ef4444" => &[Status::Failure],
                "#f59e0b" | "#f97316" => &[Status::Warning],
                // Blue is either news or a warning.
                "#3b82f6" => &[Status::Info, Status::Warning],
                other => panic!("{}: {other} is not one of our colours", event_type.id),
            };
            assert!(expected.contains(&wording.status), "{}: {:?}", event_type.id, wording.status);
        }
    }
}

#[test]
fn a_field_has_a_clean_shape() {
    let catalog = builtin();
    let shape = |id: &str, field: &str| serde_json::to_value(catalog.get(id).unwrap().field(field).unwrap()).unwrap();
    insta::assert_json_snapshot!([
        shape("system_error", "details"),
        shape("storage_limit_warning", "limit_bytes"),
        shape("connection_offline", "adapter_type"),
        shape("integrity_check_failure", "errors"),
    ]);
}

#[track_caller]
fn check(id: &str, data: Value, user: Option<&User>) -> Result<Value, Vec<String>> {
    let checked = builtin().get(id).unwrap().check(object(data), user);
    checked.map(Value::Object).map_err(|faults| faults.iter().map(Fault::to_string).collect())
}

#[test]
fn null_is_absent() {
    let data = json!({"component": "x", "error": "", "details": null});
    assert_eq!(check("system_error", data, None), Ok(json!({"component": "x", "error": ""})));
    let data = json!({"component": null, "error": "y"});
    let faults = check("system_error", data, None).unwrap_err();
    assert_eq!(faults, ["/data/component: component is required: a text"]);
}

#[test]
fn the_user_fills_what_is_absent() {
    let user = User { id: None, name: Some("Ada".into()), email: Some("ada@b.example".into()) };
    let filled = json!({"user_name": "Ada", "email": "ada@b.example"});
    assert_eq!(check("user_login", json!({}), Some(&user)), Ok(filled.clone()));
    assert_eq!(check("user_login", json!({"email": null}), Some(&user)), Ok(filled));
    let own = json!({"user_name": "Countess", "email": "c@b.example"});
    assert_eq!(check("user_login", own.clone(), Some(&user)), Ok(own));
    assert!(check("user_login", json!({"user_name": "Ada"}), Some(&User::default())).is_err());
    let unrelated = json!({"component": "x", "error": "y"});
    assert_eq!(check("system_error", unrelated.clone(), Some(&user)), Ok(unrelated));
}

#[rstest]
#[case("system_error", json!({"component": 1, "error": true}), &[
    "/data/component: component must be a text, not a number",
    "/data/error: error must be a text, not a boolean",
])]
#[case("system_error", json!({"component": "x", "error": "y", "detials": "z"}), &[
    "/data/detials: system_error has no \"detials\": did you mean details?",
])]
#[case("system_error", json!({"component": "x", "error": "y", "a/b": null}), &[
    "/data/a~1b: system_error has no \"a/b\": its data are component, error, details",
])]
#[case("user_login", json!({"userName": "x", "email": "y"}), &[
    "/data/userName: user_login has no \"userName\": did you mean user_name?",
    "/data/user_name: user_name is required: a text",
])]
#[case("restore_complete", json!({"duration": 1, "size": 2}), &[
    "/data/duration: restore_complete has no \"duration\": did you mean duration_ms?",
    "/data/size: restore_complete has no \"size\": did you mean size_bytes?",
])]
#[case("restore_complete", json!({"duration_ms": -1, "size_bytes": 1.0}), &[
    "/data/duration_ms: duration_ms must be a whole number (ms), 0 or more, not -1",
    "/data/size_bytes: size_bytes must be a whole number (bytes), 0 or more, not 1.0",
])]
#[case("restore_complete", json!({"size_bytes": u64::MAX, "duration_ms": "5"}), &[
    "/data/duration_ms: duration_ms must be a whole number (ms), 0 or more, not a text",
])]
#[case("config_backup", json!({"encrypted": "yes"}), &["/data/encrypted: encrypted must be true or false, not a text"])]
#[case("run_missed", json!({"job_name": "x", "expected_at": "2026-03-29"}), &[
    "/data/expected_at: expected_at must be a time such as 2026-03-29T01:30:00Z (RFC 3339), not such a text",
])]
#[case("connection_online", json!({"adapter_name": "x", "adapter_type": "disk", "adapter_id": "y"}), &[
    "/data/adapter_type: adapter_type must be one of \"database\", \"storage\", not another text",
])]
fn faults(#[case] id: &str, #[case] data: Value, #[case] expected: &[&str]) {
    assert_eq!(check(id, data, None).unwrap_err(), expected);
}

#[test]
fn members_of_a_list_are_checked() {
    let data = |errors: Value| json!({"total_files": 3, "failed": 1, "passed": 2, "skipped": 0, "trigger_type": "Manual", "errors": errors});
    let errors = json!([{"file": "a", "actual": null}, {"actual": "x", "file": 1, "size": 5}, 7, {}]);
    let faults = check("integrity_check_failure", data(errors), None).unwrap_err();
    insta::assert_snapshot!(faults.join("\n"));
    let checked = check("integrity_check_failure", data(json!([{"file": "a", "actual": null}])), None).unwrap();
    assert_eq!(checked["errors"], json!([{"file": "a"}]));
    assert!(check("integrity_check_failure", data(json!([])), None).is_ok());
}

#[rstest]
#[case("2026-03-29T01:30:00Z", true)]
#[case("2026-03-29T01:30:00.123+02:00", true)]
#[case("2026-03-29t01:30:00z", true)]
#[case("2026-03-29T01:30:00", false)]
#[case("2026-03-29", false)]
#[case("20260329T013000Z", false)]
#[case("2026-03-29T01:30:00+02:00[Europe/Berlin]", false)]
#[case("2026-02-30T01:30:00Z", false)]
#[case("", false)]
fn times(#[case] text: &str, #[case] fits: bool) {
    assert_eq!(check("run_missed", json!({"job_name": "x", "expected_at": text}), None).is_ok(), fits);
}

#[test]
fn the_users_address() {
    let catalog = builtin();
    let login = catalog.get("user_login").unwrap();
    let data = object(json!({"user_name": "Ada", "email": "Ada <ada@b.example>"}));
    let user = |email: &str| User { email: Some(email.into()), ..User::default() };
    assert_eq!(login.user_email(&data, None), Some("ada@b.example"));
    assert_eq!(login.user_email(&data, Some(&user("x@y.example"))), Some("x@y.example"));
    assert_eq!(login.user_email(&data, Some(&user("nobody"))), Some("ada@b.example"));
    assert_eq!(catalog.get("system_error").unwrap().user_email(&data, None), None);

    // Where none is an address, it is known what was given.
    let none = object(json!({"user_name": "Ada", "email": "somebody"}));
    assert_eq!(login.user_email(&none, None), Some("somebody"));
    assert_eq!(login.user_email(&none, Some(&user("nobody"))), Some("nobody"));
    assert_eq!(login.user_email(&none, Some(&user(" "))), Some("somebody"));
    let blank = object(json!({"user_name": "Ada", "email": ""}));
    assert_eq!(login.user_email(&blank, Some(&user(""))), None);
}

#[test]
fn what_an_event_lacks_of_its_user() {
    let catalog = builtin();
    let lacks = |event_type: &str, data: Value, user: Value| {
        let user: User = serde_json::from_value(user).unwrap();
        catalog.get(event_type).unwrap().lacks_of_user(&object(data), &user)
    };
    assert_eq!(lacks("user_login", json!({}), json!({"id": "7"})), (true, true));
    assert_eq!(lacks("user_login", json!({"user_name": null, "email": " "}), json!({})), (true, true));
    assert_eq!(lacks("user_login", json!({"user_name": "Ada"}), json!({})), (false, true));
    assert_eq!(lacks("user_login", json!({"email": "a@b.example"}), json!({})), (true, false));
    assert_eq!(lacks("user_login", json!({}), json!({"name": "Ada", "email": "a@b.example"})), (false, false));
    assert_eq!(lacks("user_login", json!({}), json!({"name": "Ada", "email": ""})), (false, true));
    assert_eq!(lacks("system_error", json!({}), json!({"id": "7"})), (false, false));
}

#[test]
fn a_user_with_an_id_need_not_be_known_by_name_and_address() {
    let user = |members: Value| -> User { serde_json::from_value(members).unwrap() };
    let checked = |data: Value, user: &User| check("user_login", data, Some(user));
    let id = user(json!({"id": "7"}));
    assert_eq!(checked(json!({}), &id).unwrap(), json!({"user_name": "7"}));
    assert_eq!(checked(json!({"user_name": "Ada", "email": null}), &id).unwrap(), json!({"user_name": "Ada"}));
    let named = user(json!({"id": "7", "name": "Ada", "email": "a@b.example"}));
    let whole = json!({"user_name": "Ada", "email": "a@b.example"});
    assert_eq!(checked(json!({}), &named).unwrap(), whole);
    for unnamed in [user(json!({})), user(json!({"id": ""})), user(json!({"name": "Ada"}))] {
        assert!(checked(json!({}), &unnamed).is_err(), "{unnamed:?}");
    }
}

#[test]
fn conditions_have_keys() {
    let catalog = builtin().with_type("t.toml", &file(r#"condition = ["a", "n"]"#, "")).unwrap();
    let key = |id: &str, data: Value| catalog.get(id).unwrap().condition_key(&object(data));
    assert_eq!(key("connection_offline", json!({"adapter_id": "db"})).as_deref(), Some("db"));
    assert_eq!(key("t", json!({"a": "x\"y", "n": 3})).as_deref(), Some(r#"["x\"y",3]"#));
    assert_eq!(key("system_error", json!({})), None);
}

/// A file with two data, and more keys before and after them.
fn file(keys: &str, tables: &str) -> String {
    format!(
        r##"id = "t"
name = "T"
description = "A thing happened."
category = "storage"
default_enabled = true
{keys}
data = [
    {{ name = "a", type = "string", description = "A text." }},
    {{ name = "n", type = "integer", description = "A number." }},
    {{ name = "o", type = "string", required = false, description = "Perhaps a text." }},
]

[wording]
title = "T"
message = ""
status = "info"
color = "#3b82f6"
{tables}

[sample]
a = "x"
n = 1
"##
    )
}

#[test]
fn more_event_types() {
    let mut catalog = builtin();
    assert!(catalog.iter().all(|t| t.builtin));
    catalog = catalog.with_type("t.toml", &file("", "")).unwrap();
    let added = catalog.get("t").unwrap();
    assert!(!added.builtin);
    let position = catalog.iter().position(|t| t.id.as_str() == "t").unwrap();
    assert_eq!(catalog.iter().nth(position - 1).unwrap().id.as_str(), "storage_missing_backup");

    let again = catalog.with_type("t.toml", &file("", "")).unwrap_err();
    assert_eq!(
        again.to_string(),
        "t.toml, line 1: id: t is already the name of an event type, in t.toml: choose another name"
    );
}

#[test]
fn added_types_may_refer_to_each_other() {
    let ends = file(r#"resolves = ["u"]"#, "").replace("data = [", "condition = [\"a\"]\ndata = [");
    let begins = file("condition = [\"a\"]", "").replace(r#"id = "t""#, r#"id = "u""#);
    let files = [("t.toml", ends.as_str()), ("u.toml", begins.as_str())];
    assert!(builtin().with_types(files).is_ok());
    assert!(builtin().with_type("t.toml", &ends).is_err());
}

#[rstest]
#[case::no_toml("id =", "", "t.toml, line 6")]
#[case::unknown_key("colour = 1", "", "t.toml, line 6: colour: unknown field `colour`")]
#[case::unknown_key_of_the_wording("", "colour = 1", "t.toml, line 18: wording.colour: unknown field `colour`")]
#[case::colour(
    "",
    "[user]\ntitle = ''\nmessage = ''\nstatus = 'info'\ncolor = 'blue'",
    "t.toml, line 22: user.color: a colour is written #rrggbb"
)]
#[case::status("", "[user]\nstatus = 'bad'", "t.toml, line 19: user.status: unknown variant `bad`")]
#[case::when(
    "",
    "fields = [{ name = '', value = '', when = 'z' }]",
    "t.toml, line 18: wording.fields[0].when: no datum is called z"
)]
#[case::when_value(
    "",
    "fields = [{ name = '', value = '', when = { n = 'x' } }]",
    "t.toml, line 18: wording.fields[0].when.n: n must be a whole number, not a text"
)]
#[case::when_type(
    "",
    "fields = [{ name = '', value = '', when = 3 }]",
    "t.toml, line 18: wording.fields[0].when: invalid type: integer `3`, expected the name of a datum"
)]
#[case::unknown_key_of_a_field(
    "",
    "fields = [{ name = '', value = '', wide = true }]",
    "t.toml, line 18: wording.fields[0].wide: unknown field `wide`"
)]
#[case::variant(
    "",
    "variants = [{ when = { z = true } }]",
    "t.toml, line 18: wording.variants[0].when.z: no datum is called z"
)]
#[case::unknown_key_of_a_variant(
    "",
    "variants = [{ when = 'a', colour = 1 }]",
    "t.toml, line 18: wording.variants[0].colour: unknown field `colour`"
)]
#[case::condition("condition = ['z']", "", "t.toml, line 6: condition[0]: no datum is called z")]
#[case::optional_condition("condition = ['o']", "", "t.toml, line 6: condition[0]: o must be required")]
#[case::resolves(
    "condition = ['a']\nresolves = ['nothing']",
    "",
    "t.toml, line 7: resolves[0]: there is no event type nothing"
)]
#[case::resolves_other_data(
    "condition = ['a']\nresolves = ['connection_offline']",
    "",
    "t.toml, line 7: resolves[0]: connection_offline is identified by"
)]
#[case::resolves_no_condition(
    "condition = ['a']\nresolves = ['system_error']",
    "",
    "t.toml, line 7: resolves[0]: system_error names no condition"
)]
#[case::resolves_without_condition("resolves = ['connection_offline']", "", "t.toml, line 6: resolves: what ends a")]
#[case::notify_user("notify_user = { email = 'z' }", "", "t.toml, line 6: notify_user.email: no datum is called z")]
#[case::notify_user_type("notify_user = { name = 'n' }", "", "t.toml, line 6: notify_user.name: n must be of type")]
#[case::job("layer = 'job'", "", "t.toml, line 6: layer: the runs of jobs are told by Fanfare's own types")]
#[case::user_wording(
    "",
    "[user]\ntitle = ''\nmessage = ''\nstatus = 'info'\ncolor = '#000000'",
    "t.toml, line 18: user: a wording for the user needs notify_user"
)]
#[case::reminder("reminder_hours = -1", "", "t.toml, line 6: reminder_hours: this is a number of hours, 0 or more")]
fn mistakes(#[case] keys: &str, #[case] tables: &str, #[case] expected: &str) {
    let error = builtin().with_type("t.toml", &file(keys, tables)).unwrap_err().to_string();
    assert!(error.starts_with(expected), "{error}");
    assert!(!error.contains('\n'), "{error}");
}

#[rstest]
#[case::id(r#"id = "t""#, r#"id = "T-1""#, "t.toml, line 1: id: an id is lower-case")]
#[case::file_name(r#"id = "t""#, r#"id = "u""#, "t.toml, line 1: id: the file must be called u.toml")]
#[case::missing(r#"name = "T""#, "", "t.toml, line 1: missing field `name`")]
#[case::empty(r#"name = "T""#, r#"name = " ""#, "t.toml, line 2: name: name must not be empty")]
#[case::data_name(r#"name = "a""#, r#"name = "A""#, "t.toml, line 8: data[0].name: a name is lower-case")]
#[case::twice(r#"name = "n""#, r#"name = "a""#, "t.toml, line 9: data[1].name: a is declared twice")]
#[case::time(r#"name = "o""#, r#"name = "timestamp""#, "t.toml, line 10: data[2].name: the time of an event")]
#[case::kind(r#""integer""#, r#""int""#, "t.toml, line 9: data[1].type: unknown variant `int`")]
#[case::values(r#""integer""#, r#""enum""#, "t.toml, line 7: data[1]: the type enum needs values")]
#[case::minimum(r#""string", d"#, r#""string", minimum = 0, d"#, "t.toml, line 7: data[0]: minimum is for the types")]
#[case::sample("n = 1", "n = \"1\"", "t.toml, line 22: sample.n: n must be a whole number, not a text")]
#[case::sample_key("n = 1", "n = 1\nm = 1", "t.toml, line 23: sample.m: t has no \"m\"")]
#[case::sample_lacks("n = 1", "", "t.toml, line 20: sample.n: n is required: a whole number")]
fn more_mistakes(#[case] from: &str, #[case] to: &str, #[case] expected: &str) {
    let text = file("", "").replacen(from, to, 1);
    let error = builtin().with_type("t.toml", &text).unwrap_err().to_string();
    assert!(error.starts_with(expected), "{error}");
}

#[test]
fn an_overlay_wins_over_variants() {
    let catalog = builtin();
    let wording = &catalog.get("db_version_changed").unwrap().wording;
    let overlay: Overlay = serde_json::from_value(json!({"title": "New version", "badge": ""})).unwrap();
    let changed = wording.clone().with(&overlay);
    let downgrade = changed.variant(&changed.variants[0]);
    assert_eq!((changed.title.as_str(), downgrade.title.as_str()), ("New version", "New version"));
    assert_eq!(downgrade.badge.as_deref(), Some(""));
    assert_eq!(downgrade.status, Status::Warning);
    assert!(serde_json::from_value::<Overlay>(json!({"titel": "x"})).is_err());
}
