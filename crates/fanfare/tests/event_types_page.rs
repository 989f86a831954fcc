//! The page that tells how to write an event type, held to what is read.

#![allow(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use fanfare::{
    Preview,
    core::{Catalog, EventTypeId},
    registry,
};
use serde_json::Value;

const PAGE: &str = include_str!("../../../docs/event-types.md");

/// The files that the page shows: names and texts.
fn files() -> Vec<(String, &'static str)> {
    let blocks = PAGE.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let file = |text: &'static str| {
        let id = text.lines().find_map(|line| line.strip_prefix("id = \"")).unwrap();
        (format!("{}.toml", id.trim_end_matches('"')), text)
    };
    blocks.map(file).collect()
}

#[test]
fn every_example_can_be_read_and_told() {
    let files = files();
    let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["certificate_expires.toml", "disk_filling.toml", "disk_fine.toml"]);
    assert!(names.iter().all(|name| PAGE.contains(&format!("`{name}`"))), "each stands under its name");
    let catalog = Catalog::builtin().unwrap();
    let catalog = catalog.with_types(files.iter().map(|(name, text)| (name.as_str(), *text))).unwrap();
    let at = "2026-03-29T01:30:00Z".parse().unwrap();
    let said = |id: &str| {
        let preview = Preview::of_kind(&registry(), &catalog, "webhook", id, at).unwrap();
        serde_json::from_str::<Value>(&preview.payload).unwrap()
    };
    assert_eq!(said("certificate_expires")["message"], "It is valid for 7 more days.");
    let disk = said("disk_filling");
    assert_eq!(disk["title"], "db-1: /var is 91.5% full");
    let message =
        "4 GB are left; it will be full on 2026-03-31 04:00 UTC.\n- /var/log/syslog.1 (syslog)\n- /var/cache/big.bin\n";
    assert_eq!(disk["message"], message);
    assert_eq!(said("disk_fine")["title"], "db-1: /var has room again");
    let fine = catalog.get("disk_fine").unwrap();
    assert_eq!((fine.builtin, fine.resolves.as_slice()), (false, &[EventTypeId::from("disk_filling")][..]));
}

/// The keys that a place of a file can have, as the parser names them when it meets another one.
fn keys(text: &str) -> Vec<String> {
    let error = Catalog::builtin().unwrap().with_type("t.toml", text).unwrap_err().to_string();
    let listed = error.split("expected").nth(1).unwrap_or_else(|| panic!("{error}"));
    listed.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn every_key_is_explained() {
    let head = "id = \"t\"\nname = \"T\"\ndescription = \"T.\"\ncategory = \"c\"\ndefault_enabled = true\n";
    let mut all = keys("nothing = 1");
    // Only types that come with Fanfare have it.
    all.retain(|key| key != "layer");
    all.extend(keys(&format!("{head}data = [{{ nothing = 1 }}]")));
    all.extend(keys(&format!("{head}data = [{{ name = \"x\", type = \"nothing\" }}]")));
    all.extend(keys(&format!("{head}[wording]\nnothing = 1")));
    all.extend(keys(&format!("{head}[wording]\nfields = [{{ nothing = 1 }}]")));
    all.extend(keys(&format!("{head}[wording]\nvariants = [{{ nothing = 1 }}]")));
    all.extend(keys(&format!("{head}notify_user = {{ nothing = 1 }}")));
    assert!(all.len() > 40, "{all:?}");
    let explained = |key: &String| {
        [format!("`{key}`"), format!("`[{key}]`"), format!("`[[wording.{key}]]`")].iter().any(|k| PAGE.contains(k))
    };
    let missing: Vec<_> = all.iter().filter(|key| !explained(key) && !PAGE.contains(&format!("{key} = …"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
