//! The one task that writes: accepted events and outcomes of attempts share a transaction, and changes of the
//! configuration stand between transactions, so that nothing is ever decided on two states at once.
//!
//! Nothing that somebody waits for waits for a timer: while one transaction commits, the next gathers. Outcomes, which
//! nobody waits for, wait a moment for company.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use fanfare_core::{Catalog, ChannelId, EventTypeId, Recipients, Registry};
use fanfare_store::{
    AttemptRow, Attempted, Changed, ChannelRow, Claimed, Commit, ConditionId, DeliveryState, HeldConditions, JobRow,
    KnownKey, LaneRow, NewEvent, Next, Store, StoreError, Watch,
};
use fanfare_template::Renderer;
use jiff::Timestamp;
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
};
use uuid::Uuid;

use crate::{
    AcceptError, Accepted, Idempotency,
    birth::{Birth, document},
    conditions::{Book, Draft, concerned},
    expect::Expectation,
    herald,
    janitor::{self, KEY_LIFE},
    lane::{CAPACITY, Emptied, Lane, LaneHealth, ToLane},
    node::News,
    send::{Done, Leased, Outside},
    snapshot::{Current, NOTIFICATIONS, OUTBOUND, Snapshot, Sources},
    watch::Watchers,
    whole::{Changes, Moved, moved},
};

/// Requests in one transaction at the most.
const BATCH: usize = 1_024;

/// How long outcomes wait before they are written again after the database has failed.
const PATIENCE: Duration = Duration::from_millis(500);

/// How long outcomes wait for company.
const COMPANY: Duration = Duration::from_millis(10);

type Answer<T> = oneshot::Sender<T>;

/// What the sender of an event is told.
type Verdict = Result<Accepted, AcceptError>;

/// What the writer is asked.
#[derive(Debug)]
pub(crate) enum Write {
    /// Store an event and hand out its deliveries.
    Accept(Box<Acceptance>),
    /// Store how an attempt ended.
    Record(Done),
    /// Take what is due for a channel out of the database.
    Claim(ChannelId),
    /// Keep what a lane must know after the next start.
    Remember(LaneRow),
    /// A test of a channel has got through.
    Proved(ChannelId),
    /// Store an event whose deliveries were made already.
    Tested(Box<NewEvent>, Vec<AttemptRow>, Answer<Result<(), StoreError>>),
    /// Change the configuration.
    Change(Change, Answer<Result<(), StoreError>>),
    /// End what time ends, a slice of it; answers whether there may be more.
    End(Answer<Result<bool, StoreError>>),
    /// Try deliveries of a channel again at once; answers how many could be.
    Retry(Vec<Uuid>, ChannelId, Answer<Result<u64, StoreError>>),
    /// Change what is expected of a job, unless it is no longer the first of these; answers whether it was.
    Watch(Uuid, Watch, Watch, Answer<Result<bool, StoreError>>),
    /// Something happened at another node.
    News(News),
    /// Finish what is under way, for as long as this at the most, and end.
    Stop(Duration, Answer<()>),
}

/// An event that is ready to be written, and who waits for the answer.
#[derive(Debug)]
pub(crate) struct Acceptance {
    pub(crate) draft: Draft,
    pub(crate) key: Option<Idempotency>,
    pub(crate) answer: Answer<Verdict>,
}

/// A change of the configuration that has been checked.
#[derive(Debug)]
pub(crate) enum Change {
    PutChannel(ChannelRow),
    DeleteChannel {
        id: ChannelId,
        settings: Option<serde_json::Value>,
        jobs: Vec<JobRow>,
    },
    PutJob(JobRow),
    /// A run of a job began at this time, in milliseconds since 1970.
    StartRun(Uuid, i64),
    DeleteJob(Uuid),
    PutSettings(serde_json::Value),
    PutOutbound(serde_json::Value),
    Import(Changes),
}

/// The health of every lane, for those who ask.
pub(crate) type HealthBook = Arc<Mutex<HashMap<ChannelId, Arc<Mutex<LaneHealth>>>>>;

pub(crate) struct Writer {
    pub(crate) store: Store,
    pub(crate) registry: Registry,
    pub(crate) catalog: Catalog,
    pub(crate) renderer: Renderer,
    pub(crate) current: Arc<Current>,
    pub(crate) outside: Arc<Outside>,
    pub(crate) health: HealthBook,
    pub(crate) watchers: Arc<Watchers>,
    pub(crate) sender: mpsc::UnboundedSender<Write>,
    /// Where lanes run: not on the writer's own thread.
    pub(crate) runtime: Handle,
    pub(crate) lanes: HashMap<ChannelId, Lane>,
    /// Outcomes that the database has not taken yet.
    pub(crate) unrecorded: Vec<Done>,
    /// What lanes of an earlier start knew, until they are started.
    pub(crate) remembered: HashMap<ChannelId, LaneRow>,
}

impl Writer {
    /// Loads the configuration, starts the lanes and gives them what waits in the database.
    pub(crate) async fn recover(&mut self) -> Result<(), StoreError> {
        self.remembered = self.store.lanes().await?.into_iter().map(|row| (row.channel_id.into(), row)).collect();
        self.reload().await?;
        let now = self.outside.clock.now().as_millisecond();
        let snapshot = self.current.get();
        for entry in snapshot.channels.iter() {
            if entry.info.enabled {
                self.store.unhold(entry.info.id.0, now).await?;
            } else {
                self.store.hold(entry.info.id.0, Vec::new(), now).await?;
            }
        }
        for job in &snapshot.jobs {
            self.expect(job, Some(job), now).await?;
        }
        self.wake_all(now).await
    }

    /// Tells every lane what is due for it in the database.
    async fn wake_all(&mut self, now: i64) -> Result<(), StoreError> {
        for waiting in self.store.waiting().await? {
            self.wake(waiting.channel_id.into(), waiting.due_at, now);
        }
        Ok(())
    }

    async fn hear(&mut self, news: News) {
        let heard = match news {
            News::Configured => self.follow().await,
            News::Due => self.wake_all(self.outside.clock.now().as_millisecond()).await,
            News::Expired => self.rejoin().await,
        };
        if let Err(error) = heard {
            tracing::error!(%error, "what happened at another node could not be followed");
        }
    }

    /// Takes over what another node has changed.
    async fn follow(&mut self) -> Result<(), StoreError> {
        let now = self.outside.clock.now().as_millisecond();
        let before = self.current.get();
        let after = Snapshot::load(self.sources(), &before).await?;
        let ids = before.channels.iter().filter(|was| was.info.enabled).map(|was| was.info.id);
        let (there, gone): (Vec<_>, Vec<_>) = ids.partition(|id| after.channels.entry(*id).is_some());
        let enabled = |id: &ChannelId| after.channels.entry(*id).is_some_and(|is| is.info.enabled);
        let disabled: Vec<_> = there.into_iter().filter(|id| !enabled(id)).collect();
        for id in gone {
            let in_flight = self.empty(id).await.under_way;
            self.store.suppress(id.0, in_flight).await?;
        }
        self.put_in_force(after);
        for id in disabled {
            self.hold(id, now).await?;
        }
        self.wake_all(now).await
    }

    /// Begins again after the lease has expired: others have taken over what was here.
    async fn rejoin(&mut self) -> Result<(), StoreError> {
        tracing::warn!("this node was silent for too long; others have taken over its deliveries");
        self.store.join(self.outside.clock.now()).await?;
        let channels: Vec<ChannelId> = self.lanes.keys().copied().collect();
        for channel in channels {
            self.empty(channel).await;
        }
        self.follow().await
    }

    pub(crate) async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Write>) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let received = tokio::select! {
                received = inbox.recv_many(&mut batch, BATCH) => received,
                () = tokio::time::sleep(PATIENCE), if !self.unrecorded.is_empty() => usize::MAX,
            };
            if received == 0 {
                return;
            }
            share(&mut inbox, &mut batch).await;
            if let Some((patience, answer)) = self.work(&mut batch).await {
                self.stop(inbox, patience).await;
                let _ = answer.send(());
                return;
            }
        }
    }

    /// Does all that was asked; says so if it was asked to stop.
    async fn work(&mut self, batch: &mut Vec<Write>) -> Option<(Duration, Answer<()>)> {
        let mut accepts = Vec::new();
        let mut others = Vec::new();
        for write in batch.drain(..) {
            match write {
                Write::Accept(accept) => accepts.push(*accept),
                Write::Record(done) => self.unrecorded.push(done),
                other => others.push(other),
            }
        }
        if !accepts.is_empty() || !self.unrecorded.is_empty() {
            self.commit(accepts).await;
        }
        let mut stop = None;
        let mut bulk = others.iter().any(changes_many);
        for other in others {
            match other {
                Write::Claim(channel) => self.claim(channel).await,
                Write::Remember(row) => self.remember(&row).await,
                Write::Proved(channel) => {
                    if let Some(lane) = self.lanes.get(&channel) {
                        let _ = lane.tell.send(ToLane::Proved);
                    }
                }
                Write::Tested(event, attempts, answer) => {
                    let _ = answer.send(self.tested(*event, attempts).await);
                }
                Write::Change(change, answer) => {
                    let _ = answer.send(self.change(change).await);
                }
                Write::Watch(job, seen, new, answer) => {
                    let _ = answer.send(self.store.change_watch(job, &seen, &new).await);
                }
                Write::End(answer) => {
                    let now = self.outside.clock.now();
                    let ended = janitor::end(&self.store, now, self.outside.retention).await;
                    bulk |= ended.as_ref().is_ok_and(|ended| ended.deliveries);
                    let _ = answer.send(ended.map(|ended| ended.more));
                }
                Write::Retry(ids, channel, answer) => {
                    let _ = answer.send(self.retry(ids, channel).await);
                }
                Write::News(news) => self.hear(news).await,
                Write::Stop(patience, answer) => stop = Some((patience, answer)),
                Write::Accept(_) | Write::Record(_) => {}
            }
        }
        if bulk && !self.store.is_shared() {
            self.watchers.tell(Changed::Many);
        }
        stop
    }

    /// Writes everything that waits in one transaction, then answers and hands out.
    async fn commit(&mut self, accepts: Vec<Acceptance>) {
        let now = self.outside.clock.now();
        let mut outcomes = std::mem::take(&mut self.unrecorded);
        // What was sent before the lease expired is somebody else's to record.
        outcomes.retain(|done| done.owner == self.store.owner());
        let (known, mut held) = match self.known(&accepts, now).await {
            Ok(known) => known,
            Err(error) => {
                refuse(accepts.into_iter().map(|accept| accept.answer), &error);
                self.unrecorded = outcomes;
                return;
            }
        };
        let conditions = held.as_mut().map(|held| std::mem::take(&mut held.known));
        let mut book = Book::new(conditions.unwrap_or_default());
        let (mut commit, births) = self.births(accepts, known, &mut book, now);
        book.write(&mut commit, now);
        let snapshot = self.current.get();
        outcomes.iter().for_each(|done| commit.record(settled(done, &snapshot)));
        let began = Instant::now();
        // Where nodes share a database, it tells what changes.
        let changed = (!self.store.is_shared() && self.watchers.any()).then(|| commit.changed());
        match self.store.write_held(commit, held).await {
            Ok(()) => {
                self.outside.meters.committed(began.elapsed(), births.answers.len(), outcomes.len());
                self.hand_out(births, &outcomes, now);
                if let Some(changed) = changed {
                    self.watchers.tell(Changed::These(changed));
                }
            }
            Err(error) => {
                for (channel, leased) in births.leased {
                    if let Some(lane) = self.lanes.get(&channel) {
                        lane.give_back(leased.len());
                    }
                }
                self.outside.meters.failed();
                refuse(births.answers.into_iter().map(|(answer, _)| answer), &error);
                self.unrecorded = outcomes;
            }
        }
    }

    /// Which of the idempotency keys were used before, and how the conditions stand that the events concern.
    async fn known(
        &self,
        accepts: &[Acceptance],
        now: Timestamp,
    ) -> Result<(Vec<KnownKey>, Option<HeldConditions>), StoreError> {
        let keys = accepts.iter().filter_map(|accept| accept.key.as_ref());
        let keys: Vec<_> = keys.map(|key| (key.scope.as_str(), key.key.as_str())).collect();
        let keys = self.store.known_keys(&keys, now.as_millisecond() - KEY_LIFE.as_millis() as i64).await?;
        let conditions = concerned(accepts);
        let held = if conditions.is_empty() { None } else { Some(self.store.hold_conditions(&conditions).await?) };
        Ok((keys, held))
    }

    /// What is to be written for new events; a repeat is answered with what was answered first.
    fn births(
        &mut self,
        accepts: Vec<Acceptance>,
        mut known: Vec<KnownKey>,
        book: &mut Book,
        now: Timestamp,
    ) -> (Commit, Births) {
        let snapshot = self.current.get();
        let mut births = Births::default();
        let mut commit = Commit::default();
        for accept in accepts {
            if let Some(repeat) = accept.key.as_ref().and_then(|key| repeat(key, &known)) {
                births.answers.push((accept.answer, repeat));
                continue;
            }
            let mut birth = book.birth(accept.draft, now);
            self.settle(&mut birth, &snapshot, &mut births);
            if let Some(Idempotency { scope, key, body_hash }) = accept.key {
                let key = KnownKey { scope, key, body_hash, answer: document(&birth.accepted) };
                known.push(key.clone());
                birth.new.key = Some(key);
            }
            commit.insert(birth.new);
            births.answers.push((accept.answer, Ok(birth.accepted)));
        }
        (commit, births)
    }

    /// After the commit: callers are answered, lanes get what is theirs, and what waits in the database is told.
    fn hand_out(&mut self, births: Births, outcomes: &[Done], now: Timestamp) {
        for (answer, accepted) in births.answers {
            let _ = answer.send(accepted);
        }
        for (channel, leased) in births.leased {
            if let Some(lane) = self.lanes.get(&channel) {
                let _ = lane.tell.send(ToLane::Send(leased));
            }
        }
        for channel in births.spilled {
            self.wake(channel, now.as_millisecond(), now.as_millisecond());
        }
        let snapshot = self.current.get();
        for done in outcomes {
            let kind = snapshot.channels.entry(done.channel_id).map_or("", |entry| entry.info.kind.as_str());
            self.outside.meters.attempted(done, kind);
            if let Next::Again(at) = done.attempted.next {
                self.wake(done.channel_id, at, now.as_millisecond());
            }
        }
    }

    /// Decides where each delivery of an event begins, and remembers who gets it.
    fn settle(&mut self, birth: &mut Birth, snapshot: &Snapshot, births: &mut Births) {
        for (place, leased) in std::mem::take(&mut birth.leases).into_iter().enumerate() {
            let channel = ChannelId(birth.new.deliveries[place].channel_id);
            let enabled = snapshot.channels.entry(channel).map(|entry| entry.info.enabled);
            let lane = self.lanes.get_mut(&channel);
            match (enabled, lane) {
                (None, _) => birth.settle(place, DeliveryState::Suppressed, None),
                (Some(false), _) => birth.settle(place, DeliveryState::Held, None),
                (Some(true), Some(lane)) if !lane.spilling && lane.reserve() => {
                    let owner = self.store.owner();
                    birth.settle(place, DeliveryState::Pending, Some(owner));
                    births.leased.entry(channel).or_default().push(Leased { owner, ..leased });
                }
                (Some(true), lane) => {
                    birth.settle(place, DeliveryState::Pending, None);
                    if let Some(lane) = lane {
                        lane.spilling = true;
                    }
                    if !births.spilled.contains(&channel) {
                        births.spilled.push(channel);
                    }
                }
            }
        }
    }

    /// Takes as much as the lane has room for. When nothing is left, new deliveries need not queue behind it.
    async fn claim(&mut self, channel: ChannelId) {
        let now = self.outside.clock.now().as_millisecond();
        let Some(lane) = self.lanes.get_mut(&channel) else { return };
        let room = lane.free().min(CAPACITY / 2);
        let (taken, next) = match take(&self.store, channel, room, now).await {
            Ok(found) => found,
            Err(error) => {
                tracing::error!(%error, "what is due could not be read");
                (Vec::new(), Some(now + PATIENCE.as_millis() as i64))
            }
        };
        lane.spilling = next.is_some_and(|due| due <= now);
        let places = (0..taken.len()).filter(|_| lane.reserve()).count();
        debug_assert_eq!(places, taken.len(), "the room was measured before");
        let _ = lane.tell.send(ToLane::Claimed(taken, next));
    }

    /// Keeps what a lane knows. Where that fails, the next start finds it out anew.
    async fn remember(&self, row: &LaneRow) {
        if self.current.get().channels.entry(row.channel_id.into()).is_none() {
            return;
        }
        if let Err(error) = self.store.put_lane(row).await {
            tracing::warn!(%error, "the state of a lane could not be kept");
        }
    }

    async fn tested(&mut self, event: NewEvent, attempts: Vec<AttemptRow>) -> Result<(), StoreError> {
        let mut commit = Commit::default();
        commit.insert(event);
        attempts.into_iter().for_each(|attempt| commit.insert_attempt(attempt));
        self.store.write(commit).await
    }

    async fn retry(&mut self, ids: Vec<Uuid>, channel: ChannelId) -> Result<u64, StoreError> {
        let now = self.outside.clock.now();
        let expires_at = now.checked_add(self.outside.retry.lifetime).unwrap_or(Timestamp::MAX).as_millisecond();
        let enabled = self.current.get().channels.entry(channel).is_some_and(|entry| entry.info.enabled);
        let revived = self.store.revive(ids, !enabled, now.as_millisecond(), expires_at).await?;
        if revived > 0 && enabled {
            self.wake(channel, now.as_millisecond(), now.as_millisecond());
        }
        Ok(revived)
    }

    async fn change(&mut self, change: Change) -> Result<(), StoreError> {
        let now = self.outside.clock.now().as_millisecond();
        match change {
            Change::PutChannel(row) => {
                let id = ChannelId(row.id);
                let was = self.current.get().channels.entry(id).is_some_and(|entry| entry.info.enabled);
                let (is, at) = (row.enabled, row.updated_at);
                self.store.put_channel(&row).await?;
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
                if let Err(error) = self.store.delete_channel(id.0, settings, &jobs, under_way, now).await {
                    self.put_back(id, left);
                    return Err(error);
                }
                self.reload().await?;
            }
            Change::PutJob(row) => {
                let before = self.store.job(row.id).await?;
                self.store.put_job(&row).await?;
                self.expect(&row, before.as_ref(), now).await?;
                self.reload().await?;
            }
            Change::StartRun(id, at) => self.store.start_run(id, at).await?,
            Change::DeleteJob(id) => {
                self.store.delete_job(id).await?;
                self.reload().await?;
            }
            Change::PutSettings(document) => {
                self.store.put_document(NOTIFICATIONS, document, now).await?;
                self.reload().await?;
            }
            Change::Import(changes) => self.import(changes, now).await?,
            Change::PutOutbound(document) => {
                self.store.put_document(OUTBOUND, document, now).await?;
                self.reload().await?;
            }
        }
        Ok(())
    }

    /// Begins to wait for runs of a job where that has changed, and ends it.
    async fn expect(&self, row: &JobRow, before: Option<&JobRow>, now: i64) -> Result<(), StoreError> {
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

    fn sources(&self) -> Sources<'_> {
        Sources { store: &self.store, registry: &self.registry, catalog: &self.catalog, renderer: &self.renderer }
    }

    /// Writes another configuration. What waits for channels that go is suppressed in the same transaction; what waits
    /// for those that are disabled or enabled follows, and would by itself at the next start.
    async fn import(&mut self, changes: Changes, now: i64) -> Result<(), StoreError> {
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
        if let Err(error) = self.store.write_whole(&changes, &gone).await {
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
    async fn reload(&mut self) -> Result<(), StoreError> {
        let snapshot = Snapshot::load(self.sources(), &self.current.get()).await?;
        self.put_in_force(snapshot);
        Ok(())
    }

    fn put_in_force(&mut self, snapshot: Snapshot) {
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

    /// Holds what waits for a channel that is disabled, but for what is under way.
    async fn hold(&self, channel: ChannelId, now: i64) -> Result<(), StoreError> {
        let Emptied { under_way, left } = self.empty(channel).await;
        let held = self.store.hold(channel.0, under_way, now).await;
        held.map(drop).inspect_err(|_| self.put_back(channel, left))
    }

    /// Takes out of a lane's memory what waits there; says what is under way.
    async fn empty(&self, channel: ChannelId) -> Emptied {
        let Some(lane) = self.lanes.get(&channel) else { return Emptied::default() };
        let (reply, answer) = oneshot::channel();
        let _ = lane.tell.send(ToLane::Empty(reply));
        answer.await.unwrap_or_default()
    }

    /// Where the database could not write what was to become of it, it stays in the lane's memory.
    fn put_back(&self, channel: ChannelId, left: Vec<Leased>) {
        if let Some(lane) = self.lanes.get(&channel) {
            lane.put_back(left);
        }
    }

    /// Tells a lane that something in the database is due. What is due now goes before anything new.
    fn wake(&mut self, channel: ChannelId, due: i64, now: i64) {
        if let Some(lane) = self.lanes.get_mut(&channel) {
            lane.spilling |= due <= now;
            let _ = lane.tell.send(ToLane::Due(due));
        }
    }

    /// Lets lanes finish, records how their last attempts ended, and gives back what they had not begun.
    async fn stop(&mut self, mut inbox: mpsc::UnboundedReceiver<Write>, patience: Duration) {
        let lanes: Vec<_> = self
            .lanes
            .drain()
            .map(|(_, lane)| {
                let (reply, left) = oneshot::channel();
                let _ = lane.tell.send(ToLane::Stop(reply));
                left
            })
            .collect();
        let mut ending = std::pin::pin!(tokio::time::timeout(patience, futures_util::future::join_all(lanes)));
        let mut batch = Vec::new();
        let left = loop {
            tokio::select! {
                left = &mut ending => break left.unwrap_or_default(),
                _ = inbox.recv_many(&mut batch, BATCH) => drop(self.work(&mut batch).await),
            }
        };
        while let Ok(write) = inbox.try_recv() {
            batch.push(write);
        }
        self.work(&mut batch).await;
        let left: Vec<Uuid> = left.into_iter().filter_map(Result::ok).flatten().collect();
        if let Err(error) = self.store.release(left).await {
            tracing::warn!(%error, "what was not begun could not be given back; it is sent again after the next start");
        }
        if self.store.is_shared()
            && let Err(error) = self.store.leave().await
        {
            tracing::warn!(%error, "this node could not take its leave; its lease expires by itself");
        }
    }
}

/// Whether it may change deliveries without saying which.
fn changes_many(write: &Write) -> bool {
    match write {
        Write::Tested(..) | Write::Retry(..) => true,
        Write::Change(change, _) => {
            matches!(change, Change::PutChannel(..) | Change::DeleteChannel { .. } | Change::Import(..))
        }
        _ => false,
    }
}

/// Lets outcomes wait for something that is waited for, and share its transaction: nobody waits for them, and a
/// transaction of their own would keep everybody who comes while it lasts.
async fn share(inbox: &mut mpsc::UnboundedReceiver<Write>, batch: &mut Vec<Write>) {
    let company = async {
        while batch.len() < BATCH && batch.iter().all(|write| matches!(write, Write::Record(_))) {
            if inbox.recv_many(batch, BATCH - batch.len()).await == 0 {
                return;
            }
        }
    };
    let _ = tokio::time::timeout(COMPANY, company).await;
}

/// What a transaction brings about once it is committed.
#[derive(Default)]
struct Births {
    answers: Vec<(Answer<Verdict>, Verdict)>,
    leased: BTreeMap<ChannelId, Vec<Leased>>,
    spilled: Vec<ChannelId>,
}

/// Tells callers that nothing of theirs was stored.
fn refuse(answers: impl Iterator<Item = Answer<Verdict>>, error: &StoreError) {
    tracing::error!(%error, "a batch could not be written");
    for answer in answers {
        let _ = answer.send(Err(AcceptError::Unavailable("the database failed; try again in a moment".into())));
    }
}

/// The answer to a request whose key was used before.
fn repeat(key: &Idempotency, known: &[KnownKey]) -> Option<Verdict> {
    let first = known.iter().find(|first| first.scope == key.scope && first.key == key.key)?;
    if first.body_hash != key.body_hash {
        return Some(Err(AcceptError::KeyReused));
    }
    let answer = serde_json::from_str::<Accepted>(&first.answer);
    let answer = answer.map(|accepted| Accepted { duplicate: true, ..accepted });
    Some(answer.map_err(|error| AcceptError::Unavailable(error.to_string())))
}

/// An outcome in the light of the present configuration: what is to be tried again through a channel that has
/// been disabled meanwhile is held, and through one that has been deleted, suppressed.
fn settled(done: &Done, snapshot: &Snapshot) -> Attempted {
    let mut attempted = done.attempted.clone();
    if matches!(attempted.next, Next::Again(_)) {
        match snapshot.channels.entry(done.channel_id) {
            Some(entry) if entry.info.enabled => {}
            Some(_) => attempted.next = Next::Held,
            None => attempted.next = Next::Suppressed,
        }
    }
    attempted
}

async fn take(
    store: &Store,
    channel: ChannelId,
    room: usize,
    now: i64,
) -> Result<(Vec<Leased>, Option<i64>), StoreError> {
    let claimed = store.claim(channel.0, room as u64, now).await?;
    let next = store.next_due(channel.0).await?;
    Ok((claimed.into_iter().map(leased).collect::<Result<_, _>>()?, next))
}

fn leased(claimed: Claimed) -> Result<Leased, StoreError> {
    let Claimed { delivery, event } = claimed;
    let corrupt = |what| move |error: serde_json::Error| StoreError::Corrupt { what, detail: error.to_string() };
    let recipients: Recipients = match &delivery.recipients {
        Some(text) => serde_json::from_str(text).map_err(corrupt("delivery"))?,
        None => Recipients::Configured,
    };
    let words = match (&recipients, &event.user_notification) {
        (Recipients::Only(_), Some(own)) => own,
        _ => &event.notification,
    };
    let is_own = delivery.event_type == herald::EVENT_TYPE && herald::is_own(&event.event);
    Ok(Leased {
        owner: delivery.owner.unwrap_or(0),
        id: delivery.id.into(),
        event_id: event.id.into(),
        event_type: EventTypeId::from(delivery.event_type),
        job: delivery.job_id.map(Into::into),
        notification: Arc::new(serde_json::from_str(words).map_err(corrupt("notification"))?),
        recipients,
        attempts: u32::try_from(delivery.attempts).unwrap_or(0),
        expires_at: Timestamp::from_millisecond(delivery.expires_at).unwrap_or(Timestamp::MAX),
        is_own,
    })
}
