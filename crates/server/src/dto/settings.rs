//! The notification settings: what is shown, what can be sent.

use std::collections::BTreeMap;

use fanfare::core::{
    Catalog, ChannelId, EventSettings as CoreEvent, EventType, NotificationSettings as CoreSettings, catalog::Layer,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{wording::OwnWording, words::NotifyUser};

/// Who hears of system events.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NotificationSettings {
    /// The channels of every event type without channels of its own.
    global_channels: Vec<Uuid>,
    /// Every event type of the system layer, with its defaults filled in.
    events: BTreeMap<String, EventSettings>,
}

/// What holds for one event type.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventSettings {
    /// Whether it is on.
    enabled: bool,
    /// Null: the global channels. A list: these instead. An empty list: nobody.
    channels: Option<Vec<Uuid>>,
    /// Whether the user whom the event is about is told.
    notify_user: NotifyUser,
    /// Hours between reminders while a condition lasts; 0 for none; null for the event type's default.
    reminder_hours: Option<f64>,
    /// What it says instead of the event type's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    wording: Option<OwnWording>,
}

/// Settings to replace the present ones. What is missing has its default.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct NotificationSettingsInput {
    /// The channels of every event type without channels of its own.
    global_channels: Option<Vec<Uuid>>,
    /// What differs from the defaults, by event type.
    events: Option<BTreeMap<String, EventSettingsInput>>,
}

/// What is decided for one event type. What is missing or null has its default.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct EventSettingsInput {
    /// Whether it is on.
    enabled: Option<bool>,
    /// Null: the global channels. A list: these instead. An empty list: nobody.
    channels: Option<Vec<Uuid>>,
    /// Whether the user whom the event is about is told; `none` where absent.
    notify_user: Option<NotifyUser>,
    /// Hours between reminders while a condition lasts; 0 for none; null for the event type's default.
    #[schema(minimum = 0)]
    reminder_hours: Option<f64>,
    /// What it says instead of the event type's own words.
    wording: Option<OwnWording>,
}

impl NotificationSettings {
    /// The settings with the catalog's defaults filled in.
    pub(crate) fn new(settings: &CoreSettings, catalog: &Catalog) -> Self {
        let system = catalog.iter().filter(|event_type| event_type.layer == Layer::System);
        Self {
            global_channels: settings.global_channels.iter().map(|id| id.0).collect(),
            events: system.map(|t| (t.id.to_string(), EventSettings::new(settings, t))).collect(),
        }
    }
}

impl EventSettings {
    /// What holds for one event type.
    pub(crate) fn new(settings: &CoreSettings, event_type: &EventType) -> Self {
        let own = settings.of(event_type).cloned().unwrap_or_default();
        Self {
            enabled: settings.is_enabled(event_type),
            channels: own.channels.map(|channels| channels.iter().map(|id| id.0).collect()),
            notify_user: own.notify_user.into(),
            reminder_hours: own.reminder_hours,
            wording: own.wording.map(Into::into),
        }
    }
}

impl From<NotificationSettingsInput> for CoreSettings {
    fn from(input: NotificationSettingsInput) -> Self {
        let events = input.events.unwrap_or_default();
        Self {
            global_channels: input.global_channels.unwrap_or_default().into_iter().map(ChannelId).collect(),
            events: events.into_iter().map(|(id, event)| (id.into(), event.into())).collect(),
        }
    }
}

impl From<EventSettingsInput> for CoreEvent {
    fn from(input: EventSettingsInput) -> Self {
        let EventSettingsInput { enabled, channels, notify_user, reminder_hours, wording } = input;
        Self {
            enabled,
            channels: channels.map(|channels| channels.into_iter().map(ChannelId).collect()),
            notify_user: notify_user.unwrap_or(NotifyUser::None).into(),
            reminder_hours,
            wording: wording.map(Into::into),
        }
    }
}

impl From<CoreSettings> for NotificationSettingsInput {
    fn from(settings: CoreSettings) -> Self {
        let CoreSettings { global_channels, events } = settings;
        Self {
            global_channels: Some(global_channels.iter().map(|id| id.0).collect()),
            events: Some(events.into_iter().map(|(id, event)| (id.to_string(), event.into())).collect()),
        }
    }
}

impl From<CoreEvent> for EventSettingsInput {
    fn from(event: CoreEvent) -> Self {
        let CoreEvent { enabled, channels, notify_user, reminder_hours, wording } = event;
        Self {
            enabled,
            channels: channels.map(|channels| channels.iter().map(|id| id.0).collect()),
            notify_user: Some(notify_user.into()),
            reminder_hours,
            wording: wording.map(Into::into),
        }
    }
}
