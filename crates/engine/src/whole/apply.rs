//! Configuration as code: a document that names things, made into the rows that it means.

use std::collections::BTreeMap;

use fanfare_core::{
    Assignment, ChannelId, EventSettings, EventTypeId, Fault, NotificationSettings, NotifyUser, RunCondition,
    catalog::{JobWording, OwnWording},
    escape_pointer,
};
use fanfare_store::{ConfigRow, ConfigRows, ConfigTable, TABLES};
use ipnet::IpNet;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use uuid::Uuid;

use super::document::Section;
use crate::{
    LaneSettings,
    configure::ping_key,
    snapshot::{NOTIFICATIONS, OUTBOUND},
};

/// What is wanted: channels and jobs by name, and settings. What is not mentioned stays as it is.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Wanted {
    channels: Vec<WantedChannel>,
    jobs: Vec<WantedJob>,
    settings: Option<WantedSettings>,
    outbound: Option<WantedOutbound>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WantedChannel {
    name: String,
    kind: String,
    config: Value,
    #[serde(default = "yes")]
    enabled: bool,
    #[serde(default)]
    delivery: LaneSettings,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WantedJob {
    name: String,
    #[serde(default)]
    notifications: Vec<WantedAssignment>,
    expect_every_s: Option<u32>,
    grace_s: Option<u32>,
    wording: Option<JobWording>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WantedAssignment {
    channel: String,
    condition: RunCondition,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WantedSettings {
    global_channels: Option<Vec<String>>,
    #[serde(default)]
    events: BTreeMap<EventTypeId, WantedEvent>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WantedEvent {
    enabled: Option<bool>,
    channels: Option<Vec<String>>,
    #[serde(default)]
    notify_user: NotifyUser,
    reminder_hours: Option<f64>,
    wording: Option<OwnWording>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WantedOutbound {
    allow_networks: Vec<IpNet>,
}

fn yes() -> bool {
    true
}

/// The rows of all tables as the document wants them, and for each row that it names, where it does.
pub(super) struct Meant {
    pub(super) sections: Vec<Section>,
    pub(super) places: Places,
}

/// From the place of a row in its section to the place in the document that asked for it.
#[derive(Debug, Default)]
pub(super) struct Places(Vec<(String, String)>);

impl Places {
    /// The same fault where the reader of the document finds it; what is not in the document is told as it is.
    pub(super) fn translate(&self, fault: Fault) -> Fault {
        let found = self.0.iter().find_map(|(row, place)| {
            let rest = fault.pointer.strip_prefix(row.as_str())?;
            (rest.is_empty() || rest.starts_with('/')).then(|| format!("{place}{rest}"))
        });
        match found {
            Some(pointer) => Fault { pointer, ..fault },
            None => fault,
        }
    }
}

/// What the document means on top of what is there.
pub(super) fn meant(document: &Value, present: &[ConfigRows], now: i64) -> Result<Meant, Vec<Fault>> {
    let wanted: Wanted = read(document)?;
    let mut meaning = Meaning::new(present);
    for (i, channel) in wanted.channels.into_iter().enumerate() {
        meaning.channel(&format!("/document/channels/{i}"), channel, now);
    }
    for (i, job) in wanted.jobs.into_iter().enumerate() {
        meaning.job(&format!("/document/jobs/{i}"), job, now);
    }
    if let Some(settings) = wanted.settings {
        meaning.settings(settings, now);
    }
    if let Some(WantedOutbound { allow_networks }) = wanted.outbound {
        let networks: Vec<_> = allow_networks.iter().map(IpNet::trunc).collect();
        meaning.setting(OUTBOUND, json!({ "allow_networks": networks }), "/document/outbound", now);
    }
    match meaning.faults.is_empty() {
        true => Ok(Meant { sections: meaning.sections, places: meaning.places }),
        false => Err(meaning.faults),
    }
}

/// Values are not repeated: one may be a secret.
fn read<T: DeserializeOwned>(document: &Value) -> Result<T, Vec<Fault>> {
    serde_path_to_error::deserialize(document).map_err(|error| {
        let mut pointer = String::from("/document");
        for segment in error.path().iter() {
            match segment {
                serde_path_to_error::Segment::Seq { index } => pointer += &format!("/{index}"),
                serde_path_to_error::Segment::Map { key } => pointer += &format!("/{}", escape_pointer(key)),
                _ => {}
            }
        }
        let words = error.inner().to_string();
        let tells_name = ["missing field", "unknown field", "duplicate field"].iter().any(|is| words.starts_with(is));
        vec![Fault::new(pointer, if tells_name { words } else { "this is of another form than expected".into() })]
    })
}

struct Meaning {
    sections: Vec<Section>,
    places: Places,
    faults: Vec<Fault>,
}

impl Meaning {
    fn new(present: &[ConfigRows]) -> Self {
        let section = |table: &ConfigTable| {
            let rows = present.iter().find(|rows| rows.table.name == table.name).map(|rows| rows.rows.clone());
            Section { table: *table, rows: rows.unwrap_or_default() }
        };
        Self { sections: TABLES.iter().map(section).collect(), places: Places::default(), faults: Vec::new() }
    }

    fn rows(&mut self, section: &str) -> &mut Vec<ConfigRow> {
        let at = self.sections.iter().position(|known| known.table.name == section).unwrap_or_default();
        &mut self.sections[at].rows
    }

    /// The row of this name, made if there is none.
    fn row(
        &mut self,
        section: &'static str,
        name: &str,
        place: &str,
        new: impl FnOnce() -> Value,
    ) -> Option<&mut ConfigRow> {
        let rows = self.rows(section);
        let found: Vec<_> =
            (0..rows.len()).filter(|&at| rows[at].get("name").is_some_and(|known| known == name)).collect();
        let at = match found.as_slice() {
            [] => {
                rows.push(new().as_object().cloned().unwrap_or_default());
                rows.len() - 1
            }
            [at] => *at,
            _ => {
                let detail = format!("several are called {name:?}: give them other names first");
                self.faults.push(Fault::new(format!("{place}/name"), detail));
                return None;
            }
        };
        let row = format!("/document/sections/{section}/{at}");
        if self.places.0.iter().any(|(known, _)| *known == row) {
            self.faults.push(Fault::new(format!("{place}/name"), "this name stands here twice"));
            return None;
        }
        self.places.0.push((row, place.to_owned()));
        self.rows(section).get_mut(at)
    }

    fn channel(&mut self, place: &str, wanted: WantedChannel, now: i64) {
        let WantedChannel { name, kind, config, enabled, delivery } = wanted;
        let name = name.trim();
        let new = || json!({ "id": Uuid::now_v7(), "name": name, "kind": kind, "created_at": now, "updated_at": now });
        let Some(row) = self.row("channels", name, place, new) else { return };
        let has_kind = row.get("kind").is_some_and(|present| *present == *kind);
        row.insert("config".into(), config.to_string().into());
        row.insert("enabled".into(), enabled.into());
        row.insert("delivery".into(), serde_json::to_value(delivery).unwrap_or_default());
        if !has_kind {
            let detail = "the channel of this name is of another kind, which cannot be changed: choose another name";
            self.faults.push(Fault::new(format!("{place}/kind"), detail));
        }
    }

    fn job(&mut self, place: &str, wanted: WantedJob, now: i64) {
        let WantedJob { name, notifications, expect_every_s, grace_s, wording } = wanted;
        let mut assignments = Vec::with_capacity(notifications.len());
        for (i, WantedAssignment { channel, condition }) in notifications.into_iter().enumerate() {
            let channel_id = self.channel_id(&channel, &format!("{place}/notifications/{i}/channel"));
            assignments.extend(channel_id.map(|channel_id| Assignment { channel_id, condition }));
        }
        let name = name.trim();
        let new = || {
            let id = Uuid::now_v7();
            json!({ "id": id, "name": name, "ping_key": ping_key(), "created_at": now, "updated_at": now })
        };
        let Some(row) = self.row("jobs", name, place, new) else { return };
        row.insert("notifications".into(), serde_json::to_value(assignments).unwrap_or_default());
        row.insert("expect_every_s".into(), expect_every_s.into());
        row.insert("grace_s".into(), grace_s.into());
        row.insert("wording".into(), serde_json::to_value(wording).unwrap_or_default());
    }

    fn settings(&mut self, wanted: WantedSettings, now: i64) {
        let place = "/document/settings";
        let present =
            self.rows("settings").iter().find(|row| row.get("name").is_some_and(|name| name == NOTIFICATIONS));
        let present = present.and_then(|row| serde_json::from_value(row.get("document")?.clone()).ok());
        let mut settings: NotificationSettings = present.unwrap_or_default();
        if let Some(names) = wanted.global_channels {
            settings.global_channels = self.channel_ids(&names, &format!("{place}/global_channels"));
        }
        for (id, event) in wanted.events {
            let WantedEvent { enabled, channels, notify_user, reminder_hours, wording } = event;
            let at = format!("{place}/events/{}/channels", escape_pointer(id.as_str()));
            let channels = channels.map(|names| self.channel_ids(&names, &at));
            settings.events.insert(id, EventSettings { enabled, channels, notify_user, reminder_hours, wording });
        }
        self.setting(NOTIFICATIONS, serde_json::to_value(settings).unwrap_or_default(), place, now);
    }

    fn setting(&mut self, name: &'static str, document: Value, place: &str, now: i64) {
        let Some(row) = self.row("settings", name, place, || json!({ "name": name, "updated_at": now })) else {
            return;
        };
        row.insert("document".into(), document);
        // Below it, the document is what the reader wrote.
        if let Some((row, _)) = self.places.0.last_mut() {
            row.push_str("/document");
        }
    }

    fn channel_ids(&mut self, names: &[String], place: &str) -> Vec<ChannelId> {
        let named = names.iter().enumerate();
        named.filter_map(|(i, name)| self.channel_id(name, &format!("{place}/{i}"))).collect()
    }

    fn channel_id(&mut self, name: &str, place: &str) -> Option<ChannelId> {
        let named = self.rows("channels").iter().find(|row| row.get("name").is_some_and(|known| known == name));
        let id = named.and_then(|row| row.get("id")?.as_str()?.parse().ok());
        if id.is_none() {
            self.faults.push(Fault::new(place, format!("there is no channel {name:?}, here or on the server")));
        }
        id
    }
}
