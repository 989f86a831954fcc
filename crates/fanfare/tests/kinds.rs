//! What every kind of channel brings along besides its code.
#![allow(clippy::unwrap_used)]

use std::{
    fs,
    path::{Path, PathBuf},
};

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    fs::read_to_string(top().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn every_key_of_a_configuration_is_on_the_kinds_page() {
    for kind in fanfare::registry().kinds() {
        let path = format!("docs/channels/{}.md", kind.kind);
        let page = read(&path);
        for key in kind.config_schema()["properties"].as_object().unwrap().keys() {
            let row = page.lines().any(|line| line.starts_with('|') && line.contains(&format!("`{key}`")));
            assert!(row, "{path} has no row for `{key}`");
        }
    }
}

#[test]
fn the_overview_names_every_kind() {
    let overview = read("docs/channels/README.md");
    for kind in fanfare::registry().kinds() {
        let link = format!("| [{kind}]({kind}.md) |", kind = kind.kind);
        assert!(overview.contains(&link), "docs/channels/README.md has no row {link}");
        let limits = format!("\n| {} |", kind.kind);
        assert!(overview.contains(&limits), "docs/channels/README.md says nothing of the limits of {}", kind.kind);
    }
}

#[test]
fn every_crate_says_what_it_is() {
    for kind in fanfare::registry().kinds() {
        let path = format!("crates/channels/{}/README.md", kind.kind);
        let readme = read(&path);
        assert!(readme.starts_with(&format!("# fanfare-{}\n", kind.kind)), "{path} begins with another name");
        let page = format!("docs/channels/{}.md", kind.kind);
        assert!(readme.contains(&page), "{path} does not lead to {page}");
    }
}

/// E-mail has another parser in its own tests.
#[test]
fn every_kind_over_http_has_its_services_rules() {
    for kind in fanfare::registry().kinds().filter(|kind| kind.kind != "email") {
        let path = format!("crates/testkit/src/rules/{}.rs", kind.kind);
        assert!(read(&path).contains("pub fn check(request: &Request<Bytes>)"), "{path}");
    }
}

#[test]
fn the_sample_of_every_configuration_works() {
    for kind in fanfare::registry().kinds() {
        let sample = kind.sample().unwrap_or_else(|| panic!("{kind:?} has no #[schemars(example = sample())]"));
        kind.build(&sample).unwrap_or_else(|faults| panic!("{kind:?} refuses its sample: {faults:?}"));
        let described = kind.description.ends_with('.') && !kind.name.is_empty();
        assert!(described, "{kind:?} has a sentence for a description, not {:?}", kind.description);
    }
}
