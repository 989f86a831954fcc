//! The system layer's settings: a document that an administrator edits.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    Catalog, ChannelId, Channels, EventType, EventTypeId, Fault, Reminder,
    catalog::{Layer, OwnWording},
    remind::DEFAULT_REMINDER_HOURS,
};

/// Who hears of system events.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NotificationSettings {
    /// The channels of every event type without channels of its own.
    pub global_channels: Vec<ChannelId>,
    /// What differs from the catalog's defaults, by event type.
    pub events: BTreeMap<EventTypeId, EventSettings>,
}

/// What an administrator decided for one event type. Absent means the catalog's default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EventSettings {
    /// Whether the event type is on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// `None`: the global channels. A list: these instead. An empty list: nobody.
    pub channels: Option<Vec<ChannelId>>,
    /// Whether the user whom the event is about is told.
    pub notify_user: NotifyUser,
    /// Hours between reminders while a condition lasts; 0 for none; `None` for the catalog's default.
    pub reminder_hours: Option<f64>,
    /// The administrator's own wording.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wording: Option<OwnWording>,
}

/// Whether the user whom an event is about is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NotifyUser {
    /// The channels alone.
    #[default]
    None,
    /// The channels, and the user by mail.
    Also,
    /// The user alone.
    Only,
}

impl NotificationSettings {
    /// Whether an event type is on.
    pub fn is_enabled(&self, event_type: &EventType) -> bool {
        self.of(event_type).and_then(|s| s.enabled).unwrap_or(event_type.default_enabled)
    }

    /// The channels of an event type: its own, else the global ones.
    pub fn channels_of(&self, event_type: &EventType) -> &[ChannelId] {
        self.of(event_type).and_then(|s| s.channels.as_deref()).unwrap_or(&self.global_channels)
    }

    /// How often a target is told of a condition of this event type that lasts.
    pub fn reminder_of(&self, event_type: &EventType) -> Reminder {
        let own = self.of(event_type).and_then(|settings| settings.reminder_hours);
        Reminder::hours(own.or(event_type.reminder_hours).unwrap_or(DEFAULT_REMINDER_HOURS))
    }

    /// What was decided for an event type.
    pub fn of(&self, event_type: &EventType) -> Option<&EventSettings> {
        self.events.get(&event_type.id)
    }

    /// The same settings without a channel that is being deleted. A list that loses its last one stays, empty.
    #[must_use]
    pub fn without(mut self, channel: ChannelId) -> Self {
        let lists = self.events.values_mut().filter_map(|event| event.channels.as_mut());
        for list in lists.chain([&mut self.global_channels]) {
            list.retain(|&id| id != channel);
        }
        self
    }

    /// Where a channel is used: JSON pointers into this document.
    pub fn uses_of(&self, channel: ChannelId) -> Vec<String> {
        let global = self.global_channels.contains(&channel).then(|| "/global_channels".to_owned());
        let own = self.events.iter().filter(|(_, event)| event.channels.as_ref().is_some_and(|l| l.contains(&channel)));
        global.into_iter().chain(own.map(|(id, _)| format!("/events/{id}/channels"))).collect()
    }

    /// Whether the user is to be told though no e-mail channel, enabled or not, is there to do it.
    fn lacks_email(&self, event_type: &EventType, channels: &impl Channels) -> bool {
        let told = self.of(event_type).is_some_and(|s| s.notify_user != NotifyUser::None);
        let told = told && event_type.notify_user.is_some();
        told && !self.channels_of(event_type).iter().any(|id| channels.get(*id).is_some_and(|c| c.recipients.is_some()))
    }
}

/// What is wrong with `new` settings that are to replace `old` ones. Pointers are into the whole document.
///
/// That the user is to be told without an e-mail channel is refused only where the change makes it so, and so is what
/// an event type cannot have.
pub fn check_settings(
    new: &NotificationSettings,
    old: &NotificationSettings,
    catalog: &Catalog,
    channels: &impl Channels,
) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut known = |list: &[ChannelId], place: &str| {
        for (i, id) in list.iter().enumerate() {
            if channels.get(*id).is_none() {
                faults.push(Fault::new(format!("{place}/{i}"), format!("there is no channel {id}")));
            }
        }
    };
    known(&new.global_channels, "/global_channels");
    for (id, event) in &new.events {
        known(event.channels.as_deref().unwrap_or_default(), &format!("/events/{id}/channels"));
    }
    for (id, event) in &new.events {
        // What was decided for a type that has left the catalog, or is another one now, waits for its return, and hinders
        // nothing else.
        if old.events.get(id) == Some(event) {
            continue;
        }
        let place = format!("/events/{}", crate::escape_pointer(id.as_str()));
        let Some(event_type) = catalog.get(id.as_str()) else {
            faults.push(Fault::new(place, format!("there is no event type {id}")));
            continue;
        };
        if event_type.layer == Layer::Job {
            let detail = format!("{id} is told by each job's own notifications, not by the settings");
            faults.push(Fault::new(place, detail));
            continue;
        }
        if event.notify_user != NotifyUser::None && event_type.notify_user.is_none() {
            let detail = format!("{id} is about no user: notify_user can only be \"none\"");
            faults.push(Fault::new(format!("{place}/notify_user"), detail));
        }
        if event.reminder_hours.is_some_and(|hours| !(hours.is_finite() && hours >= 0.0)) {
            faults.push(Fault::new(format!("{place}/reminder_hours"), "this is null or a number of hours, 0 or more"));
        }
    }
    for event_type in catalog.iter() {
        if new.lacks_email(event_type, channels) && !old.lacks_email(event_type, channels) {
            let detail = format!(
                "{} tells the user, which needs an e-mail channel among its channels: add one, or set notify_user to \
                 \"none\" first",
                event_type.id
            );
            faults.push(Fault::new(cause(event_type, new, old), detail));
        }
    }
    faults
}

/// What of `new` leaves an event type that tells the user without an e-mail channel, which was not so in `old`.
fn cause(event_type: &EventType, new: &NotificationSettings, old: &NotificationSettings) -> String {
    let place = format!("/events/{}", crate::escape_pointer(event_type.id.as_str()));
    let (new, old) = (new.of(event_type), old.of(event_type));
    if old.is_none_or(|own| own.notify_user == NotifyUser::None) {
        return format!("{place}/notify_user");
    }
    let list = |own: Option<&EventSettings>| own.and_then(|own| own.channels.clone());
    if list(new) == list(old) { "/global_channels".into() } else { format!("{place}/channels") }
}
