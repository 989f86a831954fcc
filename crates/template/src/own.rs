//! An administrator's own wording of an event type: what is allowed in it, and how it is used.

use std::time::Duration;

use fanfare_core::{
    EventType, Fault, Notification,
    catalog::{OwnText, OwnWording, Wording},
};
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::{
    Compiled, MAX_BYTES, RenderError, Renderer,
    error::pointer,
    limit::{Budget, MAX_TIME},
    probe,
    text::Text,
};

/// The most fields of a wording.
const MAX_FIELDS: usize = 50;

/// How often a text that took too long is tried, since it is not its fault if the machine is busy.
const TRIES: usize = 4;

/// An own wording, compiled.
#[derive(Clone, Debug)]
pub struct Own {
    ordinary: Option<Compiled>,
    user: Option<Compiled>,
}

impl Own {
    /// What an event says by this wording; `None` where the wording leaves that to the type.
    ///
    /// # Errors
    /// Where it cannot be said, within the limits. Nothing is lost by that: the type's own words remain.
    pub fn render(&self, data: &Map<String, Value>, at: Timestamp) -> Option<Result<Notification, RenderError>> {
        self.ordinary.as_ref().map(|compiled| within(compiled, data, at, MAX_TIME))
    }

    /// What an event says to the user it is about; `None` where the wording leaves that to the type's own words for the
    /// user, or where the type has none, to what everybody reads.
    ///
    /// # Errors
    /// As for [`Own::render`].
    pub fn render_user(&self, data: &Map<String, Value>, at: Timestamp) -> Option<Result<Notification, RenderError>> {
        self.user.as_ref().map(|compiled| within(compiled, data, at, MAX_TIME))
    }
}

fn within(
    compiled: &Compiled,
    data: &Map<String, Value>,
    at: Timestamp,
    time: Duration,
) -> Result<Notification, RenderError> {
    compiled.say(data, at, &Budget::within(time)).map(|(notification, _)| notification)
}

impl Renderer {
    /// Compiles an own wording. Everything that can be seen without data is checked, on every way through each text.
    ///
    /// # Errors
    /// All that is wrong, with pointers into the wording; details begin with line and column where it is in a text.
    pub fn own(&self, event_type: &EventType, own: &OwnWording) -> Result<Own, Vec<Fault>> {
        let text = own.text();
        let mut faults = check_text("", &text, event_type);
        if let Some(user) = &own.user {
            faults.extend(check_text("/user", user, event_type));
            if event_type.notify_user.is_none() {
                let detail = format!("{} is about no user: take this out", event_type.id);
                faults.push(Fault::new("/user", detail));
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let wording = event_type.wording.clone().with(&text.clone().into());
        let to_user = event_type.user_wording.clone().unwrap_or_else(|| wording.clone());
        let to_user = own.user.clone().filter(|user| !user.is_empty()).map(|user| to_user.with(&user.into()));
        let compile = |wording: &Wording, place: &str| {
            event_type
                .check_wording(wording)
                .and_then(|()| Compiled::new(self.registry.clone(), event_type, wording))
                .map_err(|(key, detail)| vec![Fault::new(format!("{place}{}", pointer(&key)), detail)])
        };
        let ordinary = (!text.is_empty()).then(|| compile(&wording, "")).transpose()?;
        Ok(Own { ordinary, user: to_user.map(|wording| compile(&wording, "/user")).transpose()? })
    }

    /// Compiles an own wording that is to be saved, and tries it on the type's sample and on the hardest data there are.
    ///
    /// # Errors
    /// As for [`Renderer::own`]; where it fails on some data, these are described.
    pub fn own_to_save(&self, event_type: &EventType, own: &OwnWording) -> Result<Own, Vec<Fault>> {
        let compiled = self.own(event_type, own)?;
        let mut faults = Vec::new();
        for (compiled, place) in [(&compiled.ordinary, ""), (&compiled.user, "/user")] {
            faults.extend(compiled.as_ref().and_then(|compiled| try_out(compiled, place, event_type, MAX_TIME)));
        }
        if faults.is_empty() { Ok(compiled) } else { Err(faults) }
    }
}

/// Tries a wording on many data; the first that it fails on.
fn try_out(compiled: &Compiled, place: &str, event_type: &EventType, time: Duration) -> Option<Fault> {
    let fair =
        probe::data(event_type, &event_type.wording).into_iter().map(|data| ("the data are as in the sample", data));
    fair.chain(probe::worst(event_type)).find_map(|(what, data)| {
        let fault = |key: &str, detail: String| Fault::new(format!("{place}{}", pointer(key)), detail);
        let mut said = compiled.say(&data, Timestamp::UNIX_EPOCH, &Budget::within(time));
        for _ in 1..TRIES {
            if !matches!(said, Err(RenderError::TooSlow { .. })) {
                break;
            }
            said = compiled.say(&data, Timestamp::UNIX_EPOCH, &Budget::within(time));
        }
        match said {
            Err(error) => {
                let (key, detail) = error.into_problem();
                Some(fault(&key, format!("{detail}, where {what}: make it simpler")))
            }
            Ok((_, true)) => {
                let detail = format!("all texts together come out longer than {} KiB", MAX_BYTES / 1024);
                Some(fault("", format!("{detail}, where {what}: repeat less of the data")))
            }
            Ok((said, false)) if said.title.trim().is_empty() => {
                let advice = "say something besides the data, or use {{default NAME \"text\"}}";
                Some(fault("title", format!("the title comes out empty, where {what}: {advice}")))
            }
            Ok(_) => None,
        }
    })
}

/// Checks each text by itself.
fn check_text(place: &str, text: &OwnText, event_type: &EventType) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut check = |key: String, source: &str, must_say: bool| {
        let detail = match Text::compile(source, &event_type.fields) {
            Err(detail) => detail,
            Ok(_) if must_say && source.trim().is_empty() => {
                "this must not be empty: null brings the type's own back".into()
            }
            Ok(_) => return,
        };
        faults.push(Fault::new(format!("{place}{key}"), detail));
    };
    if let Some(title) = &text.title {
        check("/title".into(), title, true);
    }
    if let Some(message) = &text.message {
        check("/message".into(), message, false);
    }
    for (i, field) in text.fields.iter().flatten().enumerate() {
        check(format!("/fields/{i}/name"), &field.name, true);
        check(format!("/fields/{i}/value"), &field.value, false);
    }
    if text.fields.as_ref().is_some_and(|fields| fields.len() > MAX_FIELDS) {
        faults.push(Fault::new(format!("{place}/fields"), format!("there can be at most {MAX_FIELDS} fields")));
    }
    faults
}

#[cfg(test)]
mod tests {
    use fanfare_core::Catalog;
    use serde_json::json;

    use super::*;

    fn saved(id: &str, wording: Value) -> Result<Own, Vec<Fault>> {
        let catalog = Catalog::builtin().unwrap();
        let own: OwnWording = serde_json::from_value(wording).unwrap();
        Renderer::new(&catalog).unwrap().own_to_save(catalog.get(id).unwrap(), &own)
    }

    #[track_caller]
    fn refused(id: &str, wording: Value, pointer: &str, words: &str) {
        let faults = saved(id, wording.clone()).unwrap_err();
        let found = faults.iter().any(|fault| fault.pointer == pointer && fault.detail.contains(words));
        assert!(found, "{pointer} {words:?} is not in {faults:?} of {wording}");
    }

    #[test]
    fn what_is_wrong_is_pointed_at() {
        let id = "system_error";
        refused(
            id,
            json!({"title": "a\n {{compnent}}"}),
            "/title",
            "line 2, column 2: no datum is called compnent; there are component",
        );
        refused(id, json!({"title": "{{#if error}}"}), "/title", "line 1, column ");
        refused(
            id,
            json!({"title": "{{#if (eq error \"x\")}}{{typo}}{{/if}}x"}),
            "/title",
            "line 1, column 23: no datum is called typo",
        );
        refused(id, json!({"title": " "}), "/title", "must not be empty");
        refused(id, json!({"title": "{{details}}"}), "/title", "comes out empty, where");
        refused(id, json!({"message": "{{> x}}"}), "/message", "line 1, column 1: partials");
        refused(id, json!({"message": "{{#*inline \"x\"}}{{/inline}}"}), "/message", "decorators");
        refused(id, json!({"message": "{{log error}}"}), "/message", "no helper is called log");
        refused(id, json!({"message": "x".repeat(17_000)}), "/message", "16384 are allowed");
        refused(id, json!({"message": "{{#if error}}".repeat(60)}), "/message", "50 are allowed");
        refused(id, json!({"message": "{{error}}".repeat(100)}), "", "longer than 256 KiB, where all texts are long");
        refused(
            id,
            json!({"fields": [{"name": "A", "value": "{{x}}"}, {"name": "", "value": ""}]}),
            "/fields/0/value",
            "no datum is called x",
        );
        refused(
            id,
            json!({"fields": [{"name": "A", "value": "{{x}}"}, {"name": "", "value": ""}]}),
            "/fields/1/name",
            "must not be empty",
        );
        refused(
            id,
            json!({"fields": [{"name": "A", "value": "", "when": "x"}]}),
            "/fields/0/when",
            "no datum is called x",
        );
        refused(id, json!({"fields": vec![json!({"name": "A", "value": ""}); 51]}), "/fields", "at most 50");
        refused(id, json!({"user": {"title": "x"}}), "/user", "about no user");
        refused("user_login", json!({"user": {"title": "{{x}}"}}), "/user/title", "no datum is called x");
        let list = "integrity_check_failure";
        refused(
            list,
            json!({"message": "{{#each errors}}{{#each ../errors}}{{/each}}{{/each}}"}),
            "/message",
            "a loop must not stand in another",
        );
        let long = format!("{{{{#each errors}}}}{}{{{{/each}}}}", "x".repeat(4_000));
        refused(list, json!({"message": long}), "", "longer than 256 KiB, where lists are long");
    }

    #[test]
    fn what_is_sensible_is_allowed() {
        for (id, wording) in [
            ("system_error", json!({})),
            ("system_error", json!({"title": "🔥 {{upper component}}", "message": "", "fields": []})),
            ("system_error", json!({"message": "{{#if details}}{{details}}{{else}}{{error}}{{/if}}"})),
            (
                "storage_limit_warning",
                json!({"title": "{{#if (gt usage_percent 95)}}Now{{else}}Soon{{/if}} full", "message": "{{bytes current_bytes}}"}),
            ),
            (
                "integrity_check_failure",
                json!({"message": "{{#each errors}}- {{file}} at {{destination}}\n{{else}}none{{/each}}"}),
            ),
            (
                "user_login",
                json!({"title": "x", "user": {"message": "Hi {{user_name}}", "fields": [{"name": "From", "value": "{{ip_address}}", "when": "ip_address"}]}}),
            ),
            ("db_version_changed", json!({"title": "{{source_name}} now runs {{new_version}}"})),
        ] {
            assert!(saved(id, wording.clone()).is_ok(), "{wording}: {:?}", saved(id, wording.clone()));
        }
    }

    #[test]
    fn what_is_not_said_stays() {
        let catalog = Catalog::builtin().unwrap();
        let data = &catalog.get("user_login").unwrap().sample;
        let own =
            saved("user_login", json!({"title": "In: {{user_name}}", "user": {"title": "Welcome back"}})).unwrap();
        let said = own.render(data, Timestamp::UNIX_EPOCH).unwrap().unwrap();
        assert_eq!(
            (said.title.as_str(), said.message.as_str()),
            ("In: Ada Lovelace", "Ada Lovelace (ada@example.com) has logged in.")
        );
        let user = own.render_user(data, Timestamp::UNIX_EPOCH).unwrap().unwrap();
        assert!(user.title == "Welcome back" && user.message.starts_with("Hello Ada Lovelace, you signed in"));
        let own = saved("user_login", json!({"user": {"title": "Hi"}})).unwrap();
        assert!(own.render(data, Timestamp::UNIX_EPOCH).is_none());
        // A type without words for the user says to the user what everybody reads.
        let own = saved("user_login", json!({"title": "x"})).unwrap();
        assert!(own.render_user(data, Timestamp::UNIX_EPOCH).is_none());
    }

    #[test]
    fn an_endless_text_is_stopped() {
        let catalog = Catalog::builtin().unwrap();
        let event_type = catalog.get("integrity_check_failure").unwrap();
        let heavy = "{{#each errors}}{{#if (list ../errors \"file\" 99999)}}{{/if}}{{/each}}";
        let own: OwnWording = serde_json::from_value(json!({"message": heavy})).unwrap();
        let own = Renderer::new(&catalog).unwrap().own(event_type, &own).unwrap();
        let mut data = event_type.sample.clone();
        data.insert("errors".into(), json!(vec![json!({"file": "x"}); 20_000]));
        let began = std::time::Instant::now();
        let stopped = own.render(&data, Timestamp::UNIX_EPOCH).unwrap().unwrap_err();
        assert!(matches!(stopped, RenderError::TooSlow { .. }), "{stopped}");
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        let fault = try_out(own.ordinary.as_ref().unwrap(), "", event_type, Duration::ZERO).unwrap();
        assert!(fault.detail.starts_with("this takes longer than 50 ms, where"), "{fault}");

        let wordy: OwnWording = serde_json::from_value(json!({"message": "{{error}}".repeat(100)})).unwrap();
        let event_type = catalog.get("system_error").unwrap();
        let own = Renderer::new(&catalog).unwrap().own(event_type, &wordy).unwrap();
        let data = json!({"component": "c", "error": "x".repeat(200 * 1024)});
        let stopped = own.render(data.as_object().unwrap(), Timestamp::UNIX_EPOCH).unwrap().unwrap_err();
        assert_eq!(stopped, RenderError::TooLong { key: "message".into() });
    }
}
