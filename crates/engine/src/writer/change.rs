//! Changes of the configuration: written, put in force, and followed by what waits.

use std::sync::PoisonError;

use fanfare_core::ChannelId;
use fanfare_store::{Commit, ConditionId, JobRow, Record, StoreError};
use uuid::Uuid;

use super::{Writer, messages::Change};
use crate::{
    expect::Expectation,
    lane::{Emptied, Lane, ToLane},
    snapshot::{NOTIFICATIONS, OUTBOUND, Snapshot, Sources},
    whole::{Changes, Moved, moved},
};

impl Writer {
    pub(super) async fn change(&mut self, change: Change, record: Option<Record>) -> Result<(), StoreError> {
        let now = self.outside.clock.now().as_millisecond();
        match change {
            Change::PutChannel(row) => {
                let id = ChannelId(row.id);
                let was = self.current.get().channels.entry(id).is_some_and(|entry| entry.info.enabled);
                let (is, at) = (row.enabled, row.updated_at);
                self.store.put_channel(&row, record).await?;
                self.reload().await?;
                if was && !is {
                    self.hold(id, at).await?;
                } else if !was && is && self.store.unhold(id.0, at).await? > 0 {
                    self.wake(id, now, now);
                }
            }
            Change::DeleteChannel { id, settings, jobs } => {
                let settings = settings.map(|document| (NOTIFICATIONS, document));
                let Emptied { under_way, left } = self.empty(id).await;
                if let Err(error) = self.store.delete_channel(id.0, settings, &jobs, under_way, now, record).await {
                    self.put_back(id, left);
                    return Err(error);
                }
                self.reload().await?;
            }
            Change::PutJob(row) => {
                let before = self.store.job(row.id).await?;
                self.store.put_job(&row, record).await?;
                self.expect(&row, before.as_ref(), now).await?;
                self.reload().await?;
            }
            Change::StartRun(id, at) => self.store.start_run(id, at).await?,
            Change::DeleteJob(id) => {
                self.store.delete_job(id, record).await?;
                self.reload().await?;
            }
            Change::PutSettings(document) => {
                self.store.put_document(NOTIFICATIONS, document, now, record).await?;
                self.reload().await?;
            }
            Change::Import(changes) => self.import(changes, now, record).await?,
            Change::PutOutbound(document) => {
                self.store.put_document(OUTBOUND, document, now, record).await?;
                self.reload().await?;
            }
        }
        Ok(())
    }

    /// Begins to wait for runs of a job where that has changed, and ends it.
    pub(super) async fn expect(&self, row: &JobRow, before: Option<&JobRow>, now: i64) -> Result<(), StoreError> {
        let expectation = Expectation::of(row);
        let watch = before.and_then(|before| before.watch);
        if expectation == before.and_then(Expectation::of) && expectation.is_some() == watch.is_some() {
            return Ok(());
        }
        let Some(expectation) = expectation else {
            self.store.set_watch(row.id, None).await?;
            let mut commit = Commit::default();
            commit.end_condition(ConditionId::new("run_missed", &row.id.to_string()));
            return self.store.write(commit).await;
        };
        // What is missing stays missing until a run comes.
        if watch.is_none_or(|watch| watch.missed_since.is_none()) {
            let last_run = before.and_then(|before| before.last_run.as_ref());
            let last_run = last_run.map(|run| run.at.as_millisecond());
            self.store.set_watch(row.id, Some(expectation.begin(last_run, now))).await?;
        }
        Ok(())
    }

    /// Writes another configuration. What waits for channels that go is suppressed in the same transaction; what waits
    /// for those that are disabled or enabled follows, and would by itself at the next start.
    async fn import(&mut self, changes: Changes, now: i64, record: Option<Record>) -> Result<(), StoreError> {
        let before = self.current.get();
        let removed = changes.iter().filter(|(table, _)| table.name == "channels").flat_map(|(_, d)| &d.removed);
        let removed = removed.filter_map(|row| row.get("id")?.as_str()?.parse::<Uuid>().ok());
        let (mut gone, mut left) = (Vec::new(), Vec::new());
        for id in removed.collect::<Vec<_>>() {
            let emptied = self.empty(id.into()).await;
            gone.push((id, emptied.under_way));
            left.push((ChannelId(id), emptied.left));
        }
        let jobs = self.store.jobs().await?;
        if let Err(error) = self.store.write_whole(&changes, &gone, record).await {
            left.into_iter().for_each(|(id, left)| self.put_back(id, left));
            return Err(error);
        }
        for job in self.store.jobs().await? {
            self.expect(&job, jobs.iter().find(|before| before.id == job.id), now).await?;
        }
        self.reload().await?;
        let Moved { disabled, enabled } = moved(&before, &self.current.get());
        for id in disabled {
            self.hold(id, now).await?;
        }
        for id in enabled {
            if self.store.unhold(id.0, now).await? > 0 {
                self.wake(id, now, now);
            }
        }
        Ok(())
    }

    /// Swaps the snapshot and makes the lanes those of its channels.
    pub(super) async fn reload(&mut self) -> Result<(), StoreError> {
        let snapshot = Snapshot::load(self.sources(), &self.current.get()).await?;
        self.put_in_force(snapshot);
        Ok(())
    }

    pub(super) fn put_in_force(&mut self, snapshot: Snapshot) {
        self.outside.network.follow(snapshot.addresses());
        self.lanes.retain(|id, _| snapshot.channels.entry(*id).is_some());
        for entry in snapshot.channels.iter() {
            self.lanes.entry(entry.info.id).or_insert_with(|| {
                let (outside, current) = (self.outside.clone(), self.current.clone());
                let remembered = self.remembered.remove(&entry.info.id);
                Lane::start(&self.runtime, entry.info.id, remembered, outside, current, self.sender.clone())
            });
        }
        self.current.set(snapshot);
        for lane in self.lanes.values() {
            let _ = lane.tell.send(ToLane::Changed);
        }
        let health = self.lanes.iter().map(|(id, lane)| (*id, lane.health.clone())).collect();
        *self.health.lock().unwrap_or_else(PoisonError::into_inner) = health;
    }

    pub(super) fn sources(&self) -> Sources<'_> {
        Sources { store: &self.store, registry: &self.registry, catalog: &self.catalog, renderer: &self.renderer }
    }
}
