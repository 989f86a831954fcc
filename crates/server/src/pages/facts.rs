//! What pages say about things, gathered from the engine's reading functions.

use std::collections::BTreeMap;

use fanfare::{
    ChannelView, ConfigureError, DeliveryFilter, DeliveryState, DeliveryView, Engine, JobView, Page, StoreError,
    core::{ChannelId, EventType, NotificationSettings, catalog::Layer},
};

/// The event types of the system layer by category, in the catalog's order.
pub(super) fn categories(engine: &Engine) -> Vec<(String, Vec<&EventType>)> {
    let mut categories: Vec<(String, Vec<&EventType>)> = Vec::new();
    for event_type in engine.catalog().iter().filter(|event_type| event_type.layer == Layer::System) {
        match categories.iter_mut().find(|(name, _)| *name == event_type.category) {
            Some((_, members)) => members.push(event_type),
            None => categories.push((event_type.category.clone(), vec![event_type])),
        }
    }
    categories
}

/// A category's name and sentence for people.
pub(super) fn category_words(category: &str) -> (String, &'static str) {
    let (name, about) = match category {
        "auth" => ("Accounts", "Who signs in, and who is new."),
        "restore" => ("Restores", "What came back, and what did not."),
        "system" => ("System", "The application about itself."),
        "storage" => ("Storage", "Room that runs out, and backups that are missing."),
        "updates" => ("Updates", "New versions."),
        "backup" => ("Integrity", "Backups that are not what they should be."),
        "health" => ("Connections", "What cannot be reached, and what has changed."),
        other => return (super::schema::label(other), ""),
    };
    (name.to_owned(), about)
}

/// The latest delivery through a channel.
pub(super) async fn last_delivery(engine: &Engine, id: ChannelId) -> Result<Option<DeliveryView>, StoreError> {
    let filter = DeliveryFilter { channel_id: Some(id.0), ..DeliveryFilter::default() };
    Ok(engine.deliveries(filter, Page { before: None, limit: 1 }).await?.pop())
}

/// What waits for a channel, and what is held for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Backlog {
    pub(super) waiting: i64,
    pub(super) held: i64,
}

/// What waits and what is held, by channel.
pub(super) async fn backlogs(engine: &Engine) -> Result<BTreeMap<ChannelId, Backlog>, StoreError> {
    let mut backlogs = BTreeMap::<_, Backlog>::new();
    for (channel, state, count) in engine.backlogs().await? {
        let backlog = backlogs.entry(channel).or_default();
        match state {
            DeliveryState::Held => backlog.held += count,
            _ => backlog.waiting += count,
        }
    }
    Ok(backlogs)
}

/// A place where a channel is used.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Use {
    /// In words.
    pub(super) name: String,
    /// The page where that can be changed.
    pub(super) address: String,
}

/// Where a channel is used.
pub(super) async fn uses(engine: &Engine, id: ChannelId) -> Result<Vec<Use>, ConfigureError> {
    Ok(uses_in(&engine.settings(), &engine.jobs().await?, engine, id))
}

/// Where a channel is used in these settings and jobs.
pub(super) fn uses_in(settings: &NotificationSettings, jobs: &[JobView], engine: &Engine, id: ChannelId) -> Vec<Use> {
    let page = "/settings/notifications";
    let global = settings.global_channels.contains(&id);
    let global = global.then(|| Use { name: "Global Channels".into(), address: page.into() });
    let own = settings.events.iter().filter(|(_, own)| own.channels.as_ref().is_some_and(|list| list.contains(&id)));
    let own = own.map(|(event, _)| Use {
        name: engine.catalog().get(event.as_str()).map_or_else(|| event.to_string(), |known| known.name.clone()),
        address: format!("{page}#event-{event}"),
    });
    let jobs = jobs.iter().filter(|job| job.notifications.iter().any(|assigned| assigned.channel_id == id));
    let jobs = jobs.map(|job| Use { name: format!("Job {}", job.name), address: format!("/jobs/{}", job.id) });
    global.into_iter().chain(own).chain(jobs).collect()
}

/// Whether a channel can write to one person alone.
pub(super) fn reaches_people(engine: &Engine, channel: &ChannelView) -> bool {
    engine.registry().get(&channel.kind).is_ok_and(|kind| kind.accepts_recipient)
}

/// The name of a kind for people.
pub(super) fn kind_name(engine: &Engine, kind: &str) -> String {
    engine.registry().get(kind).map_or_else(|_| kind.to_owned(), |kind| kind.name.to_owned())
}
