//! Changing the configuration: each change is checked against the whole, written, and in force when it is answered.

use std::collections::HashMap;

use fanfare_core::{
    Assignment, ChannelId, Channels, Fault, JobId, Kind, NotificationSettings, catalog::JobWording, check_settings,
    merge_patch,
};
use fanfare_store::{ChannelRow, JobRow, Keyring, Record, Rotated, StoreError};
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::{
    Changing, ChannelPatch, ChannelView, ConfigureError, Engine, JobSpec, JobView, LaneSettings, NewChannel,
    engine::Inner,
    snapshot::{ChannelEntry, Snapshot},
    wording,
    writer::{Change, Write},
};

/// A name is a line for people.
const LONGEST_NAME: usize = 200;

impl Engine {
    /// All channels, oldest first.
    pub fn channels(&self) -> Vec<ChannelView> {
        self.inner.current.get().channels.iter().map(|entry| self.view(entry)).collect()
    }

    /// One channel.
    pub fn channel(&self, id: ChannelId) -> Option<ChannelView> {
        self.inner.current.get().channels.entry(id).map(|entry| self.view(entry))
    }

    /// Makes a channel.
    pub async fn create_channel(&self, new: NewChannel) -> Result<ChannelView, ConfigureError> {
        let _alone = self.inner.configuring.lock().await;
        let kind = self.kind(&new.kind)?;
        let mut faults = check_name(&new.name);
        faults.extend(check_config(kind, &new.config));
        faults.extend(check_lane(&new.delivery));
        refuse(faults)?;
        let now = self.inner.outside.clock.now().as_millisecond();
        let id = Uuid::now_v7();
        let row = ChannelRow {
            id,
            name: new.name.trim().to_owned(),
            kind: new.kind,
            config: new.config,
            enabled: new.enabled,
            delivery: lane_document(new.delivery),
            created_at: now,
            updated_at: now,
        };
        let record = self.record(Changing::Channel { before: None, after: Some(&self.view_of(&row)) });
        self.change(Change::PutChannel(row), record).await?;
        self.channel(id.into()).ok_or(ConfigureError::NotFound("channel"))
    }

    /// Changes a channel, unless `expected` says that it is not as the caller believes.
    pub async fn update_channel(
        &self,
        id: ChannelId,
        patch: ChannelPatch,
        expected: Option<&(dyn Fn(&ChannelView) -> bool + Sync)>,
    ) -> Result<ChannelView, ConfigureError> {
        let _alone = self.inner.configuring.lock().await;
        let snapshot = self.inner.current.get();
        let entry = snapshot.channels.entry(id).ok_or(ConfigureError::NotFound("channel"))?;
        if expected.is_some_and(|is_expected| !is_expected(&self.view(entry))) {
            return Err(ConfigureError::Changed);
        }
        let kind = self.kind(&entry.row.kind)?;
        let mut row = entry.row.clone();
        let mut faults = Vec::new();
        if let Some(name) = patch.name {
            faults.extend(check_name(&name));
            row.name = name.trim().to_owned();
        }
        if let Some(config) = patch.config {
            match kind.change(&row.config, &config) {
                Ok(changed) => row.config = changed,
                Err(found) => faults.extend(found.into_iter().map(|fault| fault.under("/config"))),
            }
            faults.extend(check_config(kind, &row.config));
        }
        if let Some(delivery) = patch.delivery {
            merge_patch(&mut row.delivery, &delivery);
            match serde_json::from_value::<LaneSettings>(row.delivery.clone()) {
                Ok(lane) => faults.extend(check_lane(&lane)),
                Err(error) => faults.push(Fault::new("/delivery", error.to_string())),
            }
        }
        refuse(faults)?;
        row.enabled = patch.enabled.unwrap_or(row.enabled);
        row.updated_at = self.later(row.updated_at);
        let (before, after) = (self.view(entry), self.view_of(&row));
        let record = self.record(Changing::Channel { before: Some(&before), after: Some(&after) });
        self.change(Change::PutChannel(row), record).await?;
        self.channel(id).ok_or(ConfigureError::NotFound("channel"))
    }

    /// Deletes a channel. One that is used is deleted only with `force`, and then everywhere; what waits for it
    /// is suppressed. Nothing is deleted where `expected` says that the channel is not as the caller believes.
    pub async fn delete_channel(
        &self,
        id: ChannelId,
        force: bool,
        expected: Option<&(dyn Fn(&ChannelView) -> bool + Sync)>,
    ) -> Result<(), ConfigureError> {
        let _alone = self.inner.configuring.lock().await;
        let snapshot = self.inner.current.get();
        let entry = snapshot.channels.entry(id).ok_or(ConfigureError::NotFound("channel"))?;
        if expected.is_some_and(|is_expected| !is_expected(&self.view(entry))) {
            return Err(ConfigureError::Changed);
        }
        let uses = snapshot.uses_of(id);
        if !uses.is_empty() && !force {
            return Err(ConfigureError::InUse(uses));
        }
        let settings = snapshot.settings.clone().without(id);
        let settings = (settings != snapshot.settings).then(|| settings_document(&settings));
        let used = snapshot.jobs.iter().filter(|job| job.notifications.iter().any(|a| a.channel_id == id));
        let jobs = used
            .map(|job| {
                let mut job = job.clone();
                job.notifications.retain(|assignment| assignment.channel_id != id);
                job.updated_at = self.later(job.updated_at);
                job
            })
            .collect();
        let record = self.record(Changing::Channel { before: Some(&self.view(entry)), after: None });
        self.change(Change::DeleteChannel { id, settings, jobs }, record).await
    }

    /// The system layer's settings: what differs from the catalog's defaults.
    pub fn settings(&self) -> NotificationSettings {
        self.inner.current.get().settings.clone()
    }

    /// Replaces the system layer's settings, unless they are not what the caller believes.
    pub async fn replace_settings(
        &self,
        new: NotificationSettings,
        expected: Option<&NotificationSettings>,
    ) -> Result<NotificationSettings, ConfigureError> {
        let _alone = self.inner.configuring.lock().await;
        let snapshot = self.inner.current.get();
        if expected.is_some_and(|expected| *expected != snapshot.settings) {
            return Err(ConfigureError::Changed);
        }
        let Inner { catalog, renderer, .. } = &*self.inner;
        let mut faults = check_settings(&new, &snapshot.settings, catalog, &snapshot.channels);
        faults.extend(wording::check_settings(&new, &snapshot.settings, catalog, renderer));
        refuse(faults)?;
        let record = self.record(Changing::Settings { before: &snapshot.settings, after: &new });
        self.change(Change::PutSettings(settings_document(&new)), record).await?;
        Ok(self.settings())
    }

    /// All jobs as their runs are told by now, oldest first.
    pub async fn jobs(&self) -> Result<Vec<JobView>, ConfigureError> {
        let rows = self.inner.store.jobs().await?;
        let snapshot = self.inner.current.get();
        let in_force: HashMap<_, _> = snapshot.jobs.iter().map(|job| (job.id, job)).collect();
        Ok(rows.into_iter().map(|row| in_force_view(in_force.get(&row.id).copied(), row)).collect())
    }

    /// One job as its runs are told by now.
    pub async fn job(&self, id: JobId) -> Result<Option<JobView>, ConfigureError> {
        let row = self.inner.store.job(id.0).await?;
        let snapshot = self.inner.current.get();
        let in_force = snapshot.jobs.iter().find(|job| job.id == id.0);
        Ok(row.map(|row| in_force_view(in_force, row)))
    }

    /// One job as it is stored, which is what a change is made to: another node may have changed it a moment ago.
    pub async fn stored_job(&self, id: JobId) -> Result<Option<JobView>, ConfigureError> {
        Ok(self.inner.store.job(id.0).await?.map(job_view))
    }

    /// Makes a job.
    pub async fn create_job(&self, spec: JobSpec) -> Result<JobView, ConfigureError> {
        let _alone = self.inner.configuring.lock().await;
        let now = self.inner.outside.clock.now().as_millisecond();
        let row = JobRow {
            id: Uuid::now_v7(),
            name: String::new(),
            notifications: Vec::new(),
            expect_every_s: None,
            grace_s: None,
            wording: None,
            ping_key: ping_key(),
            last_run: None,
            watch: None,
            started_at: None,
            created_at: now,
            updated_at: now,
        };
        let row = with_spec(row, spec);
        let record = self.record(Changing::Job { before: None, after: Some(&job_view(row.clone())) });
        self.put_job(row, None, record).await
    }

    /// Replaces what a job is made of.
    pub async fn update_job(&self, id: JobId, spec: JobSpec) -> Result<JobView, ConfigureError> {
        let _alone = self.inner.configuring.lock().await;
        let mut row = self.inner.store.job(id.0).await?.ok_or(ConfigureError::NotFound("job"))?;
        let before = job_view(row.clone());
        row.updated_at = self.later(row.updated_at);
        let row = with_spec(row, spec);
        let record = self.record(Changing::Job { before: Some(&before), after: Some(&job_view(row.clone())) });
        self.put_job(row, before.wording, record).await
    }

    /// Gives a job a new check-in key; the old one ends.
    pub async fn rotate_ping_key(&self, id: JobId) -> Result<JobView, ConfigureError> {
        let _alone = self.inner.configuring.lock().await;
        let mut row = self.inner.store.job(id.0).await?.ok_or(ConfigureError::NotFound("job"))?;
        row.ping_key = ping_key();
        row.updated_at = self.later(row.updated_at);
        let before = row.wording.clone();
        let record = self.record(Changing::PingKey(&job_view(row.clone())));
        self.put_job(row, before, record).await
    }

    /// Deletes a job. What its runs told stays in the ledger.
    pub async fn delete_job(&self, id: JobId) -> Result<(), ConfigureError> {
        let _alone = self.inner.configuring.lock().await;
        let job = self.stored_job(id).await?.ok_or(ConfigureError::NotFound("job"))?;
        let record = self.record(Changing::Job { before: Some(&job), after: None });
        self.change(Change::DeleteJob(id.0), record).await
    }

    /// Encrypts all secrets anew with the first of the keys; with `keyring`, these are the keys from now on, and have
    /// to hold the present ones.
    pub async fn rotate_keys(&self, keyring: Option<Keyring>) -> Result<Rotated, ConfigureError> {
        let _alone = self.inner.configuring.lock().await;
        let record = |rotated: &Rotated| self.record(Changing::Keys(rotated));
        Ok(self.inner.store.rotate(keyring, &record).await?)
    }

    async fn put_job(
        &self,
        row: JobRow,
        before: Option<JobWording>,
        record: Option<Record>,
    ) -> Result<JobView, ConfigureError> {
        let Inner { catalog, renderer, current, .. } = &*self.inner;
        let mut faults = check_job(&row, &current.get());
        faults.extend(wording::check_job(row.wording.as_ref(), before.as_ref(), catalog, renderer));
        refuse(faults)?;
        let id = row.id;
        match self.change(Change::PutJob(row), record).await {
            Err(ConfigureError::Store(StoreError::NameTaken(name))) => return Err(ConfigureError::NameTaken(name)),
            result => result?,
        }
        self.inner.alarms.notify_one();
        self.job(id.into()).await?.ok_or(ConfigureError::NotFound("job"))
    }

    pub(crate) async fn change(&self, change: Change, record: Option<Record>) -> Result<(), ConfigureError> {
        let stopping = || ConfigureError::Conflict("Fanfare is stopping; try again in a moment".into());
        let (answer, done) = oneshot::channel();
        self.inner.writer.send(Write::Change(change, record, answer)).map_err(|_| stopping())?;
        Ok(done.await.map_err(|_| stopping())??)
    }

    fn kind(&self, name: &str) -> Result<&Kind, ConfigureError> {
        let kind = self.inner.registry.get(name);
        kind.map_err(|error| ConfigureError::Invalid(vec![Fault::new("/kind", error.to_string())]))
    }

    /// The time of a change: later than the change before, so that a time names one version.
    fn later(&self, before: i64) -> i64 {
        self.inner.outside.clock.now().as_millisecond().max(before + 1)
    }

    fn view(&self, entry: &ChannelEntry) -> ChannelView {
        ChannelView { delivery: entry.lane, ..self.view_of(&entry.row) }
    }

    fn view_of(&self, row: &ChannelRow) -> ChannelView {
        let shown = self.inner.registry.get(&row.kind).ok().and_then(|kind| kind.redact(&row.config).ok());
        ChannelView {
            id: row.id.into(),
            name: row.name.clone(),
            kind: row.kind.clone(),
            config: shown.unwrap_or_else(|| Value::Object(Default::default())),
            enabled: row.enabled,
            delivery: serde_json::from_value(row.delivery.clone()).unwrap_or_default(),
            health: self.health(row.id.into()),
            created_at: time(row.created_at),
            updated_at: time(row.updated_at),
        }
    }
}

pub(crate) fn refuse(faults: Vec<Fault>) -> Result<(), ConfigureError> {
    if faults.is_empty() { Ok(()) } else { Err(ConfigureError::Invalid(faults)) }
}

pub(crate) fn check_name(name: &str) -> Vec<Fault> {
    let detail = match name.trim() {
        "" => "a name must not be empty".to_owned(),
        name if name.chars().count() > LONGEST_NAME => format!("a name has {LONGEST_NAME} characters at the most"),
        name if fanfare_core::text::lines(name) != name || name.contains('\n') => {
            "a name must not hold line breaks, control characters or marks of direction".into()
        }
        _ => return Vec::new(),
    };
    vec![Fault::new("/name", detail)]
}

pub(crate) fn check_config(kind: &Kind, config: &Value) -> Vec<Fault> {
    let faults = kind.build(config).err().unwrap_or_default();
    faults.into_iter().map(|fault| fault.under("/config")).collect()
}

pub(crate) fn check_lane(lane: &LaneSettings) -> Vec<Fault> {
    let mut faults = Vec::new();
    if lane.concurrency.is_some_and(|n| !(1..=256).contains(&n)) {
        faults.push(Fault::new("/delivery/concurrency", "this is a number from 1 to 256"));
    }
    if lane.rate.is_some_and(|rate| !(rate.is_finite() && rate > 0.0 && rate <= 100_000.0)) {
        faults.push(Fault::new("/delivery/rate", "this is a number of deliveries a second, more than 0"));
    }
    if lane.burst.is_some_and(|burst| !(1..=100_000).contains(&burst)) {
        faults.push(Fault::new("/delivery/burst", "this is a number from 1 to 100000"));
    }
    faults
}

pub(crate) fn check_job(row: &JobRow, snapshot: &Snapshot) -> Vec<Fault> {
    let mut faults = check_name(&row.name);
    if row.name.parse::<Uuid>().is_ok() {
        faults.push(Fault::new("/name", "a name must not look like an id"));
    }
    let missing = |assignment: &Assignment| snapshot.channels.get(assignment.channel_id).is_none();
    for (i, assignment) in row.notifications.iter().enumerate().filter(|(_, assignment)| missing(assignment)) {
        let detail = format!("there is no channel {}", assignment.channel_id);
        faults.push(Fault::new(format!("/notifications/{i}/channel_id"), detail));
    }
    if row.expect_every_s.is_some_and(|every| every < 1) {
        faults.push(Fault::new("/expect_every_s", "this is a number of seconds, 1 or more"));
    }
    if row.expect_every_s.is_none() && row.grace_s.is_some() {
        faults.push(Fault::new("/grace_s", "this needs expect_every_s beside it"));
    }
    faults
}

fn with_spec(row: JobRow, spec: JobSpec) -> JobRow {
    JobRow {
        name: spec.name.trim().to_owned(),
        notifications: spec.notifications,
        expect_every_s: spec.expect_every_s.map(i64::from),
        grace_s: spec.grace_s.map(i64::from),
        wording: spec.wording,
        ..row
    }
}

/// 122 random bits, as check-in URLs have them.
pub(crate) fn ping_key() -> String {
    Uuid::from_u128(rand::random()).to_string()
}

/// What an administrator has set, as runs are told by it, and the state as it is stored. A change is stored a moment
/// before it is in force, and whoever sees it relies on it.
fn in_force_view(in_force: Option<&JobRow>, stored: JobRow) -> JobView {
    let Some(in_force) = in_force else { return job_view(stored) };
    let JobRow { last_run, watch, started_at, .. } = stored;
    job_view(JobRow { last_run, watch, started_at, ..in_force.clone() })
}

fn job_view(row: JobRow) -> JobView {
    let seconds = |value: Option<i64>| value.and_then(|value| u32::try_from(value).ok());
    JobView {
        id: row.id.into(),
        name: row.name,
        notifications: row.notifications,
        expect_every_s: seconds(row.expect_every_s),
        grace_s: seconds(row.grace_s),
        wording: row.wording,
        ping_key: row.ping_key,
        next_expected_at: row.watch.map(|watch| time(watch.expected_at)),
        last_run: row.last_run,
        created_at: time(row.created_at),
        updated_at: time(row.updated_at),
    }
}

fn lane_document(lane: LaneSettings) -> Value {
    serde_json::to_value(lane).unwrap_or_default()
}

fn settings_document(settings: &NotificationSettings) -> Value {
    serde_json::to_value(settings).unwrap_or_default()
}

pub(crate) fn time(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or_default()
}
