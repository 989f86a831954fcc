//! Own wordings: `fanfare event-types wording`, `fanfare jobs wording`, and `fanfare explain --wording`.

use std::{io::Read, path::Path};

use serde_json::{Map, Value, json};

use super::Session;
use crate::{args::WordingArgs, failure::Failure, output::Screen};

/// The texts of a wording.
const TEXTS: [&str; 3] = ["title", "message", "fields"];

/// The event types that tell of a job's runs.
const OF_RUNS: [&str; 5] = ["backup_success", "backup_partial", "backup_failure", "run_missed", "run_recovered"];

pub(super) async fn of_event_type(args: WordingArgs, session: &Session) -> Result<(), Failure> {
    let Some(new) = new(&args, |wording| filled(filled(wording, &TEXTS), &["user"]))? else {
        let answer = session.client.get(&["settings", "notifications"], &[]).await?;
        let settings: Value = answer.read()?;
        let own = settings["events"].get(&args.name).ok_or_else(|| {
            Failure::Failed(format!("the settings have no event type {:?}: fanfare event-types list", args.name))
        })?;
        return session.show_part(own, shown);
    };
    let answer =
        session.client.patch(&["settings", "notifications", "events", &args.name], &json!({ "wording": new })).await?;
    session.show_part(&answer.read::<Value>()?, shown)
}

pub(super) async fn of_job(args: WordingArgs, session: &Session) -> Result<(), Failure> {
    let id = session.job(&args.name).await?;
    let answer = match new(&args, |wording| filled(wording, &OF_RUNS))? {
        Some(new) => session.client.patch(&["jobs", &id], &json!({ "wording": new })).await?,
        None => session.client.get(&["jobs", &id], &[]).await?,
    };
    session.show_part(&answer.read::<Value>()?, shown)
}

/// The change of a wording that is asked for, as a merge patch that leaves nothing of the old one.
fn new(args: &WordingArgs, whole: impl Fn(Map<String, Value>) -> Map<String, Value>) -> Result<Option<Value>, Failure> {
    let Some(file) = &args.set else { return Ok(args.reset.then_some(Value::Null)) };
    Ok(Some(match read(file)? {
        Value::Object(wording) => {
            let parts = whole(wording).into_iter().map(|(name, part)| match part {
                Value::Object(text) => (name, Value::Object(filled(text, &TEXTS))),
                other => (name, other),
            });
            Value::Object(parts.collect())
        }
        other => other,
    }))
}

/// With a null for each of these members that is not there, which takes out what is saved.
fn filled(mut members: Map<String, Value>, names: &[&str]) -> Map<String, Value> {
    for name in names {
        members.entry(*name).or_insert(Value::Null);
    }
    members
}

/// A wording in a file, or on standard input.
pub(super) fn read(file: &Path) -> Result<Value, Failure> {
    let wrong = |why: String| Failure::WrongUse(format!("the wording in {}: {why}", file.display()));
    let mut text = String::new();
    let read = match file.to_str() {
        Some("-") => std::io::stdin().read_to_string(&mut text).map(drop),
        _ => std::fs::read_to_string(file).map(|read| text = read),
    };
    read.map_err(|error| wrong(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| wrong(format!("this is no JSON: {error}")))
}

fn shown(of: &Value, _: &Screen) -> String {
    match of.get("wording").filter(|wording| wording.as_object().is_some_and(|members| !members.is_empty())) {
        Some(wording) => serde_json::to_string_pretty(wording).unwrap_or_default(),
        None => "No wording of its own: the event type's words are used.".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(text: &str, whole: impl Fn(Map<String, Value>) -> Map<String, Value>) -> Value {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("wording.json");
        std::fs::write(&file, text).unwrap();
        let args = WordingArgs { name: "x".into(), set: Some(file), reset: false };
        new(&args, whole).unwrap().unwrap()
    }

    #[test]
    fn what_is_set_leaves_nothing_of_what_was() {
        let event_type = patch(r#"{"title": "T", "user": {"message": "M"}}"#, |w| filled(filled(w, &TEXTS), &["user"]));
        let expected = json!({ "title": "T", "message": null, "fields": null,
            "user": { "title": null, "message": "M", "fields": null } });
        assert_eq!(event_type, expected);
        let job = patch(r#"{"backup_failure": {"title": "T"}}"#, |w| filled(w, &OF_RUNS));
        assert_eq!(job["backup_failure"], json!({ "title": "T", "message": null, "fields": null }));
        assert_eq!((job.as_object().unwrap().len(), &job["run_missed"]), (5, &Value::Null));
        let reset = WordingArgs { name: "x".into(), set: None, reset: true };
        assert_eq!(new(&reset, |w| w).unwrap(), Some(Value::Null));
        let show = WordingArgs { name: "x".into(), set: None, reset: false };
        assert_eq!(new(&show, |w| w).unwrap(), None);
    }

    #[test]
    fn a_file_that_is_no_wording_is_wrong_use() {
        let missing = read(Path::new("/no/such/file.json")).unwrap_err();
        assert_eq!(missing.code(), 2);
        assert!(missing.words().unwrap().starts_with("the wording in /no/such/file.json: "));
    }
}
