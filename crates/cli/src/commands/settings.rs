//! `fanfare settings`, and what `fanfare events …` decides for one event type

use std::{collections::HashMap, path::PathBuf};

use http::StatusCode;
use serde_json::{Value, json};

use super::{
    Session,
    answers::{Channel, EventSettings, Settings},
    pairs::text,
};
use crate::{
    args::{DecideCommand, GlobalArgs, OrDefault, SettingsCommand, TypeChannels, word},
    client::Answer,
    failure::Failure,
    output::{Cell, Screen, Table, Tone, details},
};

const PATH: [&str; 2] = ["settings", "notifications"];

/// How often a change is tried again when another one came between.
const TRIES: usize = 5;

/// The names of channels, by their ids.
type Names = HashMap<String, String>;

pub(super) async fn run(command: SettingsCommand, session: &Session) -> Result<(), Failure> {
    let answer = match command {
        SettingsCommand::Show => session.client.get(&PATH, &[]).await?,
        SettingsCommand::Set { file } => session.client.put(&PATH, &document(&file)?).await?,
        SettingsCommand::Global(args) => global(args, session).await?,
    };
    show(&answer, session, whole).await
}

pub(super) async fn decide(decision: DecideCommand, session: &Session) -> Result<(), Failure> {
    let (event_type, change) = match decision {
        DecideCommand::Enable(of) => (of.event_type, json!({ "enabled": true })),
        DecideCommand::Disable(of) => (of.event_type, json!({ "enabled": false })),
        DecideCommand::Channels(args) => channels(args, session).await?,
        DecideCommand::NotifyUser { event_type, mode } => (event_type, json!({ "notify_user": word(&mode) })),
        DecideCommand::Remind { event_type, hours } => {
            let hours = match hours {
                OrDefault::Value(hours) => Some(hours),
                OrDefault::Default => None,
            };
            (event_type, json!({ "reminder_hours": hours }))
        }
        DecideCommand::Reset(of) => {
            let members = ["enabled", "channels", "notify_user", "reminder_hours", "wording"];
            (of.event_type, members.map(|member| (member, Value::Null)).into_iter().collect())
        }
    };
    let answer = session.client.patch(&["settings", "notifications", "events", &event_type], &change).await?;
    show(&answer, session, |settings: &EventSettings, names, screen| one(&event_type, settings, names, screen)).await
}

async fn channels(args: TypeChannels, session: &Session) -> Result<(String, Value), Failure> {
    let TypeChannels { event_type, channels, inherit, mute: _ } = args;
    let channels = if inherit { Value::Null } else { ids(&channels, session).await?.into() };
    Ok((event_type, json!({ "channels": channels })))
}

/// Changes the global channels in the whole document, which is written only over the one that was read.
async fn global(args: GlobalArgs, session: &Session) -> Result<Answer, Failure> {
    let channels = ids(&args.channels, session).await?;
    let mut left = TRIES;
    loop {
        left -= 1;
        let read = session.client.get(&PATH, &[]).await?;
        let mut settings: Value = read.read()?;
        settings["global_channels"] = json!(channels);
        match session.client.put_over(&read, &PATH, &settings).await {
            Err(Failure::Refused(problem)) if problem.status == StatusCode::PRECONDITION_FAILED && left > 0 => {}
            result => return result,
        }
    }
}

async fn ids(names: &[String], session: &Session) -> Result<Vec<String>, Failure> {
    let mut ids = Vec::with_capacity(names.len());
    for name in names {
        ids.push(session.channel(name).await?);
    }
    Ok(ids)
}

fn document(file: &PathBuf) -> Result<Value, Failure> {
    let wrong = |error: &dyn std::fmt::Display| Failure::WrongUse(format!("{}: {error}", file.display()));
    let text = text(file).map_err(|error| wrong(&error))?;
    serde_json::from_str(&text).map_err(|error| wrong(&format!("this is no JSON: {error}")))
}

async fn show<T: serde::de::DeserializeOwned>(
    answer: &Answer,
    session: &Session,
    render: impl FnOnce(&T, &Names, &Screen) -> String,
) -> Result<(), Failure> {
    let names = match session.json {
        true => Names::new(),
        false => session.channel_names().await?,
    };
    session.show(answer, |shown, screen| render(shown, &names, screen))
}

fn whole(settings: &Settings, names: &Names, screen: &Screen) -> String {
    let mut table = Table::new(["EVENT TYPE", "ON", "USER", "REMINDER", "WORDING", "~CHANNELS"]);
    for (id, event) in &settings.events {
        table.row([
            Cell::from(id),
            Cell::state(if event.enabled { "yes" } else { "no" }),
            if event.notify_user == "none" { "" } else { &event.notify_user }.into(),
            reminder(event).into(),
            if event.wording.is_some() { "own" } else { "" }.into(),
            told(event, names),
        ]);
    }
    let global = details(screen, [("global channels", list(&settings.global_channels, names))]);
    format!("{global}\n\n{}", table.render(screen, "There are no event types."))
}

fn one(event_type: &str, event: &EventSettings, names: &Names, screen: &Screen) -> String {
    details(
        screen,
        [
            ("event type", Cell::from(event_type)),
            ("on", Cell::state(if event.enabled { "yes" } else { "no" })),
            ("channels", told(event, names)),
            ("user", (&event.notify_user).into()),
            ("reminder", reminder(event).into()),
            ("wording", if event.wording.is_some() { "its own" } else { "" }.into()),
        ],
    )
}

fn told(event: &EventSettings, names: &Names) -> Cell {
    match event.channels.as_deref() {
        None => Cell::toned("global", Tone::Faint),
        Some([]) => Cell::toned("muted", Tone::Waiting),
        Some(own) => list(own, names),
    }
}

fn list(ids: &[String], names: &Names) -> Cell {
    if ids.is_empty() {
        return Cell::toned("none", Tone::Waiting);
    }
    ids.iter().map(|id| names.get(id).unwrap_or(id).as_str()).collect::<Vec<_>>().join(", ").into()
}

fn reminder(event: &EventSettings) -> String {
    match event.reminder_hours {
        None => String::new(),
        Some(0.0) => "off".into(),
        Some(hours) => format!("{hours} h"),
    }
}

impl Session {
    /// The names of all channels, by their ids.
    pub(super) async fn channel_names(&self) -> Result<Names, Failure> {
        let channels: Vec<Channel> = self.client.get(&["channels"], &[]).await?.read()?;
        Ok(channels.into_iter().map(|channel| (channel.id, channel.name)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::test_screen;

    #[test]
    fn settings_are_shown_with_the_names_of_channels() {
        let settings = serde_json::from_value(json!({
            "global_channels": ["a", "b"],
            "events": {
                "system_error": { "enabled": true, "channels": ["b"], "notify_user": "none", "reminder_hours": null },
                "update_available": { "enabled": false, "channels": [], "notify_user": "none", "reminder_hours": 0 },
                "user_login": { "enabled": true, "channels": null, "notify_user": "also", "reminder_hours": 1.5,
                                "wording": { "title": "x" } },
            },
        }));
        let names = Names::from([("a".into(), "Chat".into()), ("b".into(), "Operators".into())]);
        let text = whole(&settings.unwrap(), &names, &test_screen(Some(100)));
        let expected = "\
global channels  Chat, Operators

EVENT TYPE        ON   USER  REMINDER  WORDING  CHANNELS
system_error      yes                           Operators
update_available  no         off                muted
user_login        yes  also  1.5 h     own      global";
        assert_eq!(text, expected);
        let none = Settings { global_channels: Vec::new(), events: Default::default() };
        assert!(whole(&none, &names, &test_screen(None)).starts_with("global channels  none\n"));
    }

    #[test]
    fn one_event_type_is_shown() {
        let event = serde_json::from_value(
            json!({ "enabled": true, "channels": ["gone"], "notify_user": "only", "reminder_hours": null }),
        );
        let text = one("user_login", &event.unwrap(), &Names::new(), &test_screen(None));
        assert_eq!(text, "event type  user_login\non          yes\nchannels    gone\nuser        only");
    }
}
