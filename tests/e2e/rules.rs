//! Every rule of `docs/rules.md` has an end-to-end test that names it, in a line `/// Rule: …` above it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

const PAGE: &str = include_str!("../../docs/rules.md");

/// Rules whose tests are still to come.
const TO_COME: &[&str] = &[];

/// The questions of the page, in its order.
fn questions() -> Vec<&'static str> {
    let rows = PAGE.lines().filter_map(|line| line.strip_prefix("| ")).skip(1);
    rows.filter_map(|row| row.split(" | ").next()).collect()
}

/// The tests that name each rule.
fn tests() -> BTreeMap<String, Vec<String>> {
    let mut tests = BTreeMap::<_, Vec<_>>::new();
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("e2e");
    for file in fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
        if file.extension().is_none_or(|extension| extension != "rs") || file.ends_with("rules.rs") {
            continue;
        }
        let (mut named, mut is_test) = (Vec::new(), false);
        for line in fs::read_to_string(&file).unwrap().lines().map(str::trim) {
            if let Some(rule) = line.strip_prefix("/// Rule: ") {
                named.push(rule.to_owned());
            } else if line.starts_with("#[tokio::test") {
                is_test = true;
            } else if let Some(rest) = line.strip_prefix("async fn ") {
                let name = rest.split('(').next().unwrap();
                for rule in named.drain(..) {
                    assert!(is_test, "{name} in {} names a rule and is no test", file.display());
                    tests.entry(rule).or_default().push(name.to_owned());
                }
                is_test = false;
            }
        }
        assert_eq!(named, Vec::<String>::new(), "{} ends with rules above no test", file.display());
    }
    tests
}

#[test]
fn every_rule_has_a_test_that_names_it() {
    let (questions, tests) = (questions(), tests());
    assert!(questions.len() >= 20, "{questions:?}");
    let known: BTreeSet<_> = questions.iter().copied().collect();
    assert_eq!(known.len(), questions.len(), "a question stands there twice");
    for (rule, names) in &tests {
        assert!(known.contains(rule.as_str()), "{names:?} name the rule {rule:?}, which docs/rules.md does not have");
    }
    let without: Vec<_> = questions.into_iter().filter(|question| !tests.contains_key(*question)).collect();
    assert_eq!(without, TO_COME, "left: rules without a test; right: those whose tests are still to come");
}
