//! A lane: the queue of one channel. A channel that hangs, is limited or is down slows no other.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use fanfare_core::{ChannelId, ErrorKind};
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use jiff::Timestamp;
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
};
use uuid::Uuid;

use crate::{
    Health, HealthState,
    send::{Done, Leased, Outside, attempt},
    snapshot::{ChannelEntry, Current},
    writer::Write,
};

/// Deliveries that a lane has in memory at the most; what is more waits in the database.
pub(crate) const CAPACITY: usize = 1_024;

/// Sleeps are cut to this, so that a jump of the clock is noticed.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// What a lane is told.
#[derive(Debug)]
pub(crate) enum ToLane {
    /// Send these, in this order.
    Send(Vec<Leased>),
    /// The answer to a claim: what was due, and when the next one in the database is.
    Claimed(Vec<Leased>, Option<i64>),
    /// Something waits in the database and is due at this time, in milliseconds since 1970.
    Due(i64),
    /// The configuration has changed.
    Changed,
    /// Give up what waits here and say what is under way.
    Empty(oneshot::Sender<Emptied>),
    /// Start nothing more; end when what is under way has ended, and say what was left.
    Stop(oneshot::Sender<Vec<Uuid>>),
}

/// What was in a lane's memory.
#[derive(Debug, Default)]
pub(crate) struct Emptied {
    /// What is under way, and ends there.
    pub(crate) under_way: Vec<Uuid>,
    /// What waited, and waits there no more.
    pub(crate) left: Vec<Leased>,
}

/// The writer's end of a lane.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) tell: mpsc::UnboundedSender<ToLane>,
    pub(crate) health: Arc<Mutex<LaneHealth>>,
    /// What the lane has in memory. Only the writer adds.
    load: Arc<AtomicUsize>,
    /// Whether something waits in the database, so that everything else must wait behind it.
    pub(crate) spilling: bool,
}

impl Lane {
    pub(crate) fn start(
        runtime: &Handle,
        id: ChannelId,
        outside: Arc<Outside>,
        current: Arc<Current>,
        writer: mpsc::UnboundedSender<Write>,
    ) -> Self {
        let (tell, told) = mpsc::unbounded_channel();
        let load = Arc::new(AtomicUsize::new(0));
        let health = Arc::new(Mutex::new(LaneHealth::default()));
        let task = LaneTask {
            id,
            outside,
            current,
            writer,
            health: health.clone(),
            load: load.clone(),
            queue: VecDeque::new(),
            under_way: Vec::new(),
            in_flight: FuturesUnordered::new(),
            due: None,
            claiming: false,
            paused_until: None,
        };
        runtime.spawn(task.run(told));
        Self { tell, health, load, spilling: false }
    }

    /// Takes a place in the lane's memory, unless it is full.
    pub(crate) fn reserve(&self) -> bool {
        let free = self.load.load(Ordering::Acquire) < CAPACITY;
        if free {
            self.load.fetch_add(1, Ordering::AcqRel);
        }
        free
    }

    /// Puts back what was taken out with [`ToLane::Empty`].
    pub(crate) fn put_back(&self, left: Vec<Leased>) {
        self.load.fetch_add(left.len(), Ordering::AcqRel);
        let _ = self.tell.send(ToLane::Send(left));
    }

    /// Gives places back that were not used after all.
    pub(crate) fn give_back(&self, places: usize) {
        self.load.fetch_sub(places, Ordering::AcqRel);
    }

    /// How many places are free.
    pub(crate) fn free(&self) -> usize {
        CAPACITY.saturating_sub(self.load.load(Ordering::Acquire))
    }
}

struct LaneTask {
    id: ChannelId,
    outside: Arc<Outside>,
    current: Arc<Current>,
    writer: mpsc::UnboundedSender<Write>,
    health: Arc<Mutex<LaneHealth>>,
    load: Arc<AtomicUsize>,
    queue: VecDeque<Leased>,
    under_way: Vec<Uuid>,
    in_flight: FuturesUnordered<BoxFuture<'static, Done>>,
    /// When something in the database is due.
    due: Option<i64>,
    claiming: bool,
    paused_until: Option<Timestamp>,
}

impl LaneTask {
    async fn run(mut self, mut told: mpsc::UnboundedReceiver<ToLane>) {
        loop {
            let sleep = self.work();
            tokio::select! {
                biased;
                Some(done) = self.in_flight.next() => {
                    self.done(done);
                    // Attempts end in swarms; the rest of the swarm is taken before anything new is begun.
                    while let Some(Some(done)) = self.in_flight.next().now_or_never() {
                        self.done(done);
                    }
                }
                message = told.recv() => match message {
                    Some(ToLane::Stop(reply)) => {
                        let left = self.finish().await;
                        let _ = reply.send(left);
                        return;
                    }
                    Some(message) => self.hear(message),
                    // The channel has been deleted. What is under way may still arrive, and is told of.
                    None => return drop(self.finish().await),
                },
                () = tokio::time::sleep(sleep) => {}
            }
        }
    }

    fn hear(&mut self, message: ToLane) {
        match message {
            ToLane::Send(leased) => self.queue.extend(leased),
            ToLane::Claimed(leased, next) => {
                self.claiming = false;
                self.due = earlier(self.due, next);
                self.queue.extend(leased);
            }
            ToLane::Due(at) => self.due = earlier(self.due, Some(at)),
            ToLane::Empty(reply) => {
                self.load.fetch_sub(self.queue.len(), Ordering::AcqRel);
                self.paused_until = None;
                let left = std::mem::take(&mut self.queue).into();
                let _ = reply.send(Emptied { under_way: self.under_way.clone(), left });
            }
            ToLane::Changed | ToLane::Stop(_) => {}
        }
    }

    /// Starts what can be started and asks for more; says how long nothing will change by itself.
    fn work(&mut self) -> Duration {
        let now = self.outside.clock.now();
        let snapshot = self.current.get();
        let Some(entry) = snapshot.channels.entry(self.id).filter(|entry| entry.info.enabled) else {
            return LONGEST_SLEEP;
        };
        if let Some(until) = self.paused_until {
            if now < until {
                return between(now, until.as_millisecond());
            }
            self.paused_until = None;
            self.health().resume(now);
        }
        while self.in_flight.len() < concurrency(entry)
            && let Some(leased) = self.queue.pop_front()
        {
            self.under_way.push(leased.id.0);
            let (outside, entry) = (self.outside.clone(), entry.clone());
            self.in_flight.push(Box::pin(async move { attempt(&outside, entry, leased).await }));
        }
        match self.due {
            Some(due) if due <= now.as_millisecond() => {
                let room = CAPACITY / 2;
                if !self.claiming && self.queue.len() + self.in_flight.len() <= room {
                    self.claiming = true;
                    self.due = None;
                    let _ = self.writer.send(Write::Claim(self.id));
                }
                LONGEST_SLEEP
            }
            Some(due) => between(now, due),
            None => LONGEST_SLEEP,
        }
    }

    fn done(&mut self, done: Done) {
        self.under_way.retain(|id| *id != done.attempted.delivery_id);
        self.load.fetch_sub(1, Ordering::AcqRel);
        let now = self.outside.clock.now();
        if let Some(until) = done.pause {
            self.paused_until = self.paused_until.max(Some(until));
        }
        self.health().note(&done, now);
        let _ = self.writer.send(Write::Record(done));
    }

    /// Starts nothing more; says what was left when everything under way has ended.
    async fn finish(mut self) -> Vec<Uuid> {
        while let Some(done) = self.in_flight.next().await {
            self.done(done);
        }
        self.queue.iter().map(|leased| leased.id.0).collect()
    }

    fn health(&self) -> std::sync::MutexGuard<'_, LaneHealth> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many deliveries of a channel may be under way at once: what is set, else the kind's default.
fn concurrency(entry: &ChannelEntry) -> usize {
    let default = match entry.info.kind.as_str() {
        "webhook" => 32,
        "email" => 4,
        _ => 1,
    };
    entry.lane.concurrency.map_or(default, usize::from)
}

fn earlier(one: Option<i64>, other: Option<i64>) -> Option<i64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

fn between(now: Timestamp, later: i64) -> Duration {
    let left = u64::try_from(later.saturating_sub(now.as_millisecond())).unwrap_or(0);
    Duration::from_millis(left.max(1)).min(LONGEST_SLEEP)
}

/// What a lane knows of its health.
#[derive(Debug, Default)]
pub(crate) struct LaneHealth {
    pub(crate) shown: Health,
    failures: u32,
    misconfigured: u32,
    failing_since: Option<Timestamp>,
}

impl LaneHealth {
    /// Failing: five attempts in a row over at least a minute, or two that a wrong configuration explains.
    fn note(&mut self, done: &Done, now: Timestamp) {
        let Some(error) = &done.error else {
            (self.failures, self.misconfigured, self.failing_since) = (0, 0, None);
            if self.shown.state != HealthState::Ok {
                self.shown = Health { state: HealthState::Ok, since: Some(now), last_error: None };
            }
            return;
        };
        self.shown.last_error = Some(error.detail.clone());
        if matches!(error.kind, ErrorKind::RateLimited { .. }) {
            self.turn(HealthState::Limited, now);
            return;
        }
        self.failures += 1;
        self.misconfigured = match error.kind {
            ErrorKind::Misconfigured { .. } => self.misconfigured + 1,
            _ => 0,
        };
        let since = *self.failing_since.get_or_insert(now);
        let long = now.duration_since(since).as_secs() >= 60;
        if self.misconfigured >= 2 || (self.failures >= 5 && long) {
            self.turn(HealthState::Failing, now);
        }
    }

    /// The time that the service named has passed.
    fn resume(&mut self, now: Timestamp) {
        if self.shown.state == HealthState::Limited {
            self.turn(HealthState::Unknown, now);
        }
    }

    fn turn(&mut self, state: HealthState, now: Timestamp) {
        if self.shown.state != state {
            self.shown.state = state;
            self.shown.since = Some(now);
        }
    }
}
