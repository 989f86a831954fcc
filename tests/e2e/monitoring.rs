//! The dashboard and the alert rules ask for what the server measures, and for all of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use bytes::Bytes;
use fanfare_testkit::{Answer, Postgres, Receiver};
use fanfare_tests::{PATIENCE, Server, until};
use http::Method;
use serde_json::{Value, json};

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// Labels that the one who scrapes puts on everything.
const SCRAPED: [&str; 2] = ["instance", "job"];

/// What is measured: names with their labels, and the values that each label has.
type Measured = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// What an expression asks for: a name, and what it demands of which label.
#[derive(Debug, PartialEq)]
struct Asked {
    name: String,
    labels: Vec<(String, Option<String>)>,
}

fn operations(file: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/operations").join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The expressions of all panels, those in rows included.
fn of_dashboard(panel: &Value, found: &mut Vec<String>) {
    for target in panel["targets"].as_array().into_iter().flatten() {
        found.push(target["expr"].as_str().expect("a target has an expression").to_owned());
    }
    for inner in panel["panels"].as_array().into_iter().flatten() {
        of_dashboard(inner, found);
    }
}

/// The expressions of the rules: each stands on the line of its `expr`, or indented below.
fn of_rules(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut inside = None;
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        if let Some((before, rest)) = line.split_once("expr:") {
            inside = Some(before.len());
            found.push(rest.trim().trim_start_matches('|').to_owned());
        } else if inside.is_some_and(|at| indent > at) {
            let last = found.last_mut().unwrap();
            last.push(' ');
            last.push_str(line.trim());
        } else {
            inside = None;
        }
    }
    found
}

/// What an expression asks of Fanfare: its selectors.
fn asked(expression: &str) -> Vec<Asked> {
    let mut found = Vec::new();
    for (at, _) in expression.match_indices("fanfare_") {
        let rest = &expression[at..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let (name, rest) = rest.split_at(end);
        let mut labels = Vec::new();
        if let Some(inside) = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
            for matcher in inside.0.split(',') {
                let (label, value) = matcher.split_once('=').expect("a matcher has a value");
                let exact = value.strip_prefix('"').map(|value| value.trim_end_matches('"').to_owned());
                labels.push((label.trim().trim_end_matches('!').to_owned(), exact));
            }
        }
        found.push(Asked { name: name.to_owned(), labels });
    }
    found
}

/// The labels by which an expression groups.
fn grouped(expression: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for word in ["by (", "without (", "on (", "ignoring ("] {
        for (at, _) in expression.match_indices(word) {
            let inside = expression[at + word.len()..].split(')').next().unwrap();
            found.extend(inside.split(',').map(|label| label.trim().to_owned()));
        }
    }
    found
}

/// Reads the text that the server answers with.
fn measured(text: &str) -> Measured {
    let mut measured = Measured::new();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let series = line.rsplit_once(' ').expect("a value").0;
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let known = measured.entry(name.to_owned()).or_default();
        for label in labels.trim_end_matches('}').split(',').filter(|label| !label.is_empty()) {
            let (label, value) = label.split_once('=').expect("a label has a value");
            known.entry(label.to_owned()).or_default().insert(value.trim_matches('"').to_owned());
        }
    }
    measured
}

/// The name under which a measure is described.
fn family(name: &str) -> &str {
    ["_bucket", "_count", "_sum"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name)
}

/// A server that has measured everything there is: it has a lease, and has delivered and failed.
async fn busy(postgres: &Postgres) -> String {
    postgres.create("fanfare");
    let server =
        Server::start_with(&[("FANFARE_DATABASE_URL", &postgres.url("fanfare")), ("FANFARE_SECRET_KEY", KEY)]).await;
    let receiver = Receiver::start().await;
    receiver.answer(Answer::status(422));
    let channel = server.api().webhook("ops", receiver.url("/")).await;
    server.api().make_global(&[&channel]).await;
    for error in ["refused", "taken"] {
        let data = json!({ "component": "test", "error": error });
        server.api().post("/events", json!({ "type": "system_error", "data": data })).await;
        server.api().settled().await;
    }
    until("every measure", PATIENCE, async || {
        let reply = server.api().exchange(Method::GET, "/metrics", &[], Bytes::new()).await.unwrap();
        let text = reply.text().to_owned();
        let all = ["fanfare_lease_renewed_timestamp_seconds ", "outcome=\"delivered\"", "outcome=\"rejected\""];
        all.iter().all(|part| text.contains(part)).then_some(text)
    })
    .await
}

#[tokio::test]
async fn the_dashboard_and_the_alert_rules_ask_for_what_is_measured() {
    let postgres = Postgres::start().await;
    let measured = measured(&busy(&postgres).await);
    let (dashboard, rules) = (operations("grafana-dashboard.json"), operations("alerts.yml"));
    let dashboard: Value = serde_json::from_str(&dashboard).unwrap();
    let mut expressions = Vec::new();
    of_dashboard(&dashboard, &mut expressions);
    assert!(expressions.len() >= 10, "{expressions:?}");
    let of_rules = of_rules(&rules);
    assert_eq!(of_rules.len(), rules.matches("- alert:").count(), "{of_rules:?}");
    assert!(of_rules.len() >= 6, "{of_rules:?}");
    expressions.extend(of_rules);

    let mut used = BTreeSet::new();
    for expression in &expressions {
        let asked = asked(expression);
        let mut labels: BTreeSet<&str> = SCRAPED.into();
        for Asked { name, labels: demanded } in &asked {
            let known = measured.get(name).unwrap_or_else(|| panic!("{name} is not measured: {expression}"));
            labels.extend(known.keys().map(String::as_str));
            used.insert(family(name).to_owned());
            for (label, exact) in demanded {
                if SCRAPED.contains(&label.as_str()) {
                    continue;
                }
                let values = known.get(label).unwrap_or_else(|| panic!("{name} has no label {label}: {expression}"));
                assert!(exact.as_ref().is_none_or(|exact| values.contains(exact)), "{exact:?}: {expression}");
            }
        }
        for label in grouped(expression) {
            assert!(labels.contains(label.as_str()), "nothing here has a label {label}: {expression}");
        }
    }
    // And the other way round: what is measured can be seen, and is explained.
    let explained = operations("metrics.md");
    for name in measured.keys().map(|name| family(name)).collect::<BTreeSet<_>>() {
        assert!(used.contains(name), "{name} is on no panel and in no rule");
        assert!(explained.contains(&format!("`{name}")), "{name} is not in docs/operations/metrics.md");
    }
}

#[test]
fn expressions_are_read() {
    let expression = "sum by (state, le) (rate(fanfare_a_bucket{state=\"dead\", instance=~\"$i\"}[5m])) / fanfare_b";
    let label = |label: &str, exact: Option<&str>| (label.to_owned(), exact.map(str::to_owned));
    assert_eq!(
        asked(expression),
        [
            Asked {
                name: "fanfare_a_bucket".into(),
                labels: vec![label("state", Some("dead")), label("instance", None)]
            },
            Asked { name: "fanfare_b".into(), labels: Vec::new() }
        ]
    );
    assert_eq!(grouped(expression).into_iter().collect::<Vec<_>>(), ["le", "state"]);
    assert_eq!(of_rules("  - alert: A\n    expr: |\n      a\n      > b\n    for: 5m\n    expr: c\n"), [" a > b", "c"]);
}
