//! Templates of any kind: nothing panics, nothing runs away, and what was taken keeps within its limits with any data.
//! `PROPTEST_CASES` makes it look longer.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use fanfare_core::{
    Catalog,
    catalog::{OwnText, OwnWording},
};
use fanfare_template::{MAX_BYTES, Renderer};
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Map, Value};

const TYPES: [&str; 3] = ["system_error", "user_login", "storage_limit_warning"];

/// What templates are made of, whole and broken, what other engines would run, and what ours takes away.
const PIECES: &[&str] = &[
    "{{component}}",
    "{{error}}",
    "{{user_name}}",
    "{{details}}",
    "{{{error}}}",
    "{{& error}}",
    "{{~error~}}",
    "{{#if details}}",
    "{{else}}",
    "{{else if error}}",
    "{{^}}",
    "{{/if}}",
    "{{#unless error}}",
    "{{/unless}}",
    "{{#each details}}",
    "{{this}}",
    "{{@index}}",
    "{{@root.error}}",
    "{{../error}}",
    "{{/each}}",
    "{{default details \"none\"}}",
    "{{plural usage_percent \"one\" \"many\"}}",
    "{{list details}}",
    "{{bytes current_bytes}}",
    "{{log error}}",
    "{{lookup this \"error\"}}",
    "{{#with this}}",
    "{{/with}}",
    "{{> error}}",
    "{{#> layout}}",
    "{{#*inline \"a\"}}",
    "{{* decorator}}",
    "{{!-- comment --}}",
    "\\{{error}}",
    "{{\"literal\"}}",
    "{{1}}",
    "{{(default details error)}}",
    "{{#if (",
    "{{",
    "}}",
    "{{{{raw}}}}",
    "{{{{/raw}}}}",
    "{{constructor.constructor}}",
    "{{__proto__}}",
    "${PATH} $(id) <%= 7*7 %> {% include '/etc/passwd' %}",
    "plain ä 👍\n",
];

fn template() -> impl Strategy<Value = String> {
    let piece = prop_oneof![6 => prop::sample::select(PIECES).prop_map(str::to_owned), 1 => ".{0,12}"];
    let mixed = prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat());
    // One piece over and over: depth and length.
    let repeated = (prop::sample::select(PIECES), 1_usize..3_000).prop_map(|(piece, times)| piece.repeat(times));
    prop_oneof![6 => mixed, 1 => repeated]
}

fn text() -> impl Strategy<Value = OwnText> {
    (prop::option::of(template()), prop::option::of(template())).prop_map(|(title, message)| OwnText {
        title,
        message,
        fields: None,
    })
}

/// Data of the right names and any shape, large ones among them.
fn data() -> impl Strategy<Value = Map<String, Value>> {
    let value = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        prop::sample::select(PIECES).prop_map(Value::from),
        (1_usize..20_000).prop_map(|times| "x{{error}}".repeat(times).into()),
    ];
    let names = ["component", "error", "details", "user_name", "email", "usage_percent", "current_bytes"];
    prop::collection::vec((prop::sample::select(names.to_vec()), value), 0..6)
        .prop_map(|members| members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

proptest! {
    #[test]
    fn any_template_is_refused_or_keeps_within_its_limits(
        own in (text(), prop::option::of(text())), data in data(), of in prop::sample::select(TYPES.to_vec()),
    ) {
        let catalog = Catalog::builtin().unwrap();
        let renderer = Renderer::new(&catalog).unwrap();
        let event_type = catalog.get(of).unwrap();
        let (text, user) = own;
        let own = OwnWording { title: text.title, message: text.message, fields: None, user };
        match renderer.own_to_save(event_type, &own) {
            Err(faults) => {
                prop_assert!(!faults.is_empty());
                prop_assert!(faults.iter().all(|fault| fault.pointer.is_empty() || fault.pointer.starts_with('/')));
            }
            Ok(taken) => {
                let Ok(data) = event_type.check(data, None) else { return Ok(()) };
                let began = Instant::now();
                for said in [taken.render(&data, Timestamp::UNIX_EPOCH), taken.render_user(&data, Timestamp::UNIX_EPOCH)] {
                    let Some(Ok(said)) = said else { continue };
                    let fields = said.fields.iter().map(|field| field.name.len() + field.value.len()).sum::<usize>();
                    prop_assert!(said.title.len() + said.message.len() + fields <= MAX_BYTES + 1_000);
                    // Nothing of the machine comes into it, and nothing is computed that was only written down.
                    prop_assert!(!said.message.contains("root:") && !said.message.contains("/usr/bin"), "{}", said.message);
                }
                prop_assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
            }
        }
    }
}
