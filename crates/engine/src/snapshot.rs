//! The configuration as one immutable value, swapped whole when something changes.

use std::{
    collections::HashMap,
    sync::{Arc, RwLock},
};

use fanfare_core::{
    AddressPolicy, Catalog, Channel, ChannelId, ChannelInfo, Channels, Fault, JobId, LaneDefaults,
    NotificationSettings, Registry,
};
use fanfare_store::{ChannelRow, JobRow, Store, StoreError};
use fanfare_template::Renderer;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{LaneSettings, check_in::fingerprint, lane::LaneRules, wording::Wordings};

/// The name of the settings document.
pub(crate) const NOTIFICATIONS: &str = "notifications";

/// The name of the document that lists what outbound connections may reach.
pub(crate) const OUTBOUND: &str = "outbound";

/// Everything that intake and lanes need to know of the configuration.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) settings: NotificationSettings,
    /// What outbound connections may reach by the settings; `None` where nobody has said so.
    pub(crate) outbound: Option<Vec<IpNet>>,
    pub(crate) channels: ChannelTable,
    pub(crate) jobs: Vec<JobRow>,
    /// Jobs by the fingerprints of their check-in keys.
    keys: HashMap<[u8; 32], JobId>,
    pub(crate) wordings: Wordings,
}

/// What a snapshot is made from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sources<'a> {
    pub(crate) store: &'a Store,
    pub(crate) registry: &'a Registry,
    pub(crate) catalog: &'a Catalog,
    pub(crate) renderer: &'a Renderer,
}

/// What outbound connections may reach, as it is kept.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct OutboundDocument {
    pub(crate) allow_networks: Vec<IpNet>,
}

/// The channels, in the order in which they were made.
#[derive(Debug, Default)]
pub(crate) struct ChannelTable {
    list: Vec<Arc<ChannelEntry>>,
    by_id: HashMap<ChannelId, Arc<ChannelEntry>>,
}

/// A channel that is ready to send.
#[derive(Debug)]
pub(crate) struct ChannelEntry {
    pub(crate) info: ChannelInfo,
    pub(crate) row: ChannelRow,
    /// How its deliveries leave, as it is set.
    pub(crate) lane: LaneSettings,
    /// The same with the kind's defaults.
    pub(crate) rules: LaneRules,
    /// The adapter; or why there is none, for a configuration that was written for another version.
    pub(crate) channel: Result<Arc<dyn Channel>, String>,
}

impl Channels for ChannelTable {
    fn get(&self, id: ChannelId) -> Option<&ChannelInfo> {
        self.by_id.get(&id).map(|entry| &entry.info)
    }
}

impl ChannelTable {
    pub(crate) fn entry(&self, id: ChannelId) -> Option<&Arc<ChannelEntry>> {
        self.by_id.get(&id)
    }

    fn add(&mut self, entry: Arc<ChannelEntry>) {
        self.by_id.insert(entry.info.id, entry.clone());
        self.list.push(entry);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<ChannelEntry>> {
        self.list.iter()
    }
}

impl Snapshot {
    /// Reads the whole configuration. What has not changed and takes time to make is taken over from `before`.
    pub(crate) async fn load(from: Sources<'_>, before: &Self) -> Result<Self, StoreError> {
        let Sources { store, registry, catalog, renderer } = from;
        let settings: NotificationSettings = store.document(NOTIFICATIONS).await?.unwrap_or_default();
        let mut channels = ChannelTable::default();
        for row in store.channels().await? {
            let known = before.channels.entry(row.id.into()).filter(|entry| entry.row == row);
            let entry = known.cloned().unwrap_or_else(|| Arc::new(entry(registry, row)));
            channels.add(entry);
        }
        let outbound = store.document(OUTBOUND).await?.map(|OutboundDocument { allow_networks }| allow_networks);
        let jobs = store.jobs().await?;
        let wordings = Wordings::load(&settings, &jobs, catalog, renderer, &before.wordings);
        Ok(Self { wordings, ..Self::with(settings, outbound, channels, jobs) })
    }

    /// A configuration that is not in force; its own wordings are not compiled.
    pub(crate) fn of(
        registry: &Registry,
        settings: NotificationSettings,
        outbound: Option<Vec<IpNet>>,
        rows: Vec<ChannelRow>,
        jobs: Vec<JobRow>,
    ) -> Self {
        let mut channels = ChannelTable::default();
        rows.into_iter().for_each(|row| channels.add(Arc::new(entry(registry, row))));
        Self::with(settings, outbound, channels, jobs)
    }

    fn with(
        settings: NotificationSettings,
        outbound: Option<Vec<IpNet>>,
        channels: ChannelTable,
        jobs: Vec<JobRow>,
    ) -> Self {
        // A key that cannot be read is nobody's.
        let keyed = jobs.iter().filter(|job| !job.ping_key.is_empty());
        let keys = keyed.map(|job| (fingerprint(&job.ping_key), job.id.into())).collect();
        Self { settings, outbound, channels, jobs, keys, wordings: Wordings::default() }
    }

    /// What outbound connections may reach by the settings.
    pub(crate) fn addresses(&self) -> AddressPolicy {
        match &self.outbound {
            Some(networks) => AddressPolicy::new(networks.iter().copied()),
            None => AddressPolicy::home_and_office(),
        }
    }

    /// The job of this check-in key.
    pub(crate) fn job_by_key(&self, key: &str) -> Option<JobId> {
        self.keys.get(&fingerprint(key)).copied()
    }

    /// The job of this id or name.
    pub(crate) fn job(&self, name: &str) -> Option<&JobRow> {
        let id = name.parse::<JobId>().ok();
        self.jobs.iter().find(|job| id.is_some_and(|id| id.0 == job.id) || job.name == name)
    }

    /// Where a channel is used, in words for a person.
    pub(crate) fn uses_of(&self, channel: ChannelId) -> Vec<String> {
        let settings = self.settings.uses_of(channel).into_iter().map(|place| match place.split('/').nth(2) {
            Some(event_type) => format!("the channels of the event type {event_type}"),
            None => "the global channels".to_owned(),
        });
        let jobs = self.jobs.iter().filter(|job| job.notifications.iter().any(|a| a.channel_id == channel));
        settings.chain(jobs.map(|job| format!("the job {:?}", job.name))).collect()
    }
}

fn entry(registry: &Registry, row: ChannelRow) -> ChannelEntry {
    let kind = registry.get(&row.kind);
    let accepts_recipient = kind.as_ref().is_ok_and(|kind| kind.accepts_recipient);
    let defaults = kind.as_ref().map_or(LaneDefaults::ONE_BY_ONE, |kind| kind.lane);
    let (channel, recipients) = match kind {
        // The store has said why.
        Ok(_) if row.config.is_null() => (Err("what is stored of it cannot be read: enter it again".into()), None),
        Ok(kind) => (kind.build(&row.config).map_err(|faults| words(&faults)), kind.recipients(&row.config).ok()),
        Err(error) => (Err(error.to_string()), None),
    };
    let info = ChannelInfo {
        id: row.id.into(),
        name: row.name.clone(),
        kind: row.kind.clone(),
        enabled: row.enabled,
        recipients: recipients.filter(|_| accepts_recipient),
    };
    let lane = serde_json::from_value(row.delivery.clone()).unwrap_or_default();
    ChannelEntry { info, row, lane, rules: LaneRules::new(&lane, &defaults), channel }
}

fn words(faults: &[Fault]) -> String {
    faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("; ")
}

/// The snapshot of the moment, for many readers.
#[derive(Debug, Default)]
pub(crate) struct Current(RwLock<Arc<Snapshot>>);

impl Current {
    pub(crate) fn get(&self) -> Arc<Snapshot> {
        self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    pub(crate) fn set(&self, snapshot: Snapshot) {
        *self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Arc::new(snapshot);
    }
}
