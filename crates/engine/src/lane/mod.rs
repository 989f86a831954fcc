//! A lane: the queue of one channel. A channel that hangs, is limited or is down slows no other.

mod breaker;
mod bucket;
mod freeze;
mod health;
mod policy;
mod state;
mod task;
mod thread;

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use fanfare_core::{ChannelId, LaneDefaults};
use fanfare_store::LaneRow;
use jiff::Timestamp;
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
};
use uuid::Uuid;

use crate::{
    HealthState, LaneSettings,
    configure::time,
    send::{Leased, Outside},
    snapshot::Current,
    writer::Write,
};
use breaker::Breaker;
pub(crate) use bucket::Pace;
pub(crate) use freeze::{Frozen, Storm};
pub(crate) use health::{LaneHealth, Turn};
pub use policy::LanePolicy;
use state::LaneState;
use task::LaneTask;
pub(crate) use thread::LaneThread;

/// Deliveries that a lane has in memory at the most; what is more waits in the database.
pub(crate) const CAPACITY: usize = 1_024;

/// How the deliveries of one channel leave: what is set, else the kind's defaults.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LaneRules {
    /// How many may be under way at once.
    pub(crate) concurrency: usize,
    /// How fast they may leave.
    pub(crate) pace: Option<Pace>,
    /// Whether a storm of one event type is told in one digest.
    pub(crate) digest: bool,
}

impl LaneRules {
    pub(crate) fn new(settings: &LaneSettings, kind: &LaneDefaults) -> Self {
        let concurrency = settings.concurrency.unwrap_or(kind.concurrency).into();
        Self { concurrency, pace: Pace::of(settings, kind), digest: kind.digests(settings.digest) }
    }
}

/// What a lane is told.
#[derive(Debug)]
pub(crate) enum ToLane {
    /// Send these, in this order.
    Send(Vec<Leased>),
    /// The answer to a claim: what was due, and when the next one in the database is.
    Claimed(Vec<Leased>, Option<i64>),
    /// The answer to a wish for digests.
    Frozen(Frozen),
    /// Something waits in the database and is due at this time, in milliseconds since 1970.
    Due(i64),
    /// The configuration has changed.
    Changed,
    /// A test has got through.
    Proved,
    /// Give up what waits here and say what is under way.
    Empty(oneshot::Sender<Emptied>),
    /// The clock was set by so many milliseconds: everything that is waited for is as far away as before.
    Leap(i64),
    /// Say what is in memory.
    Show(oneshot::Sender<Vec<Uuid>>),
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
    /// Starts a lane that goes on from what an earlier start remembered.
    pub(crate) fn start(
        runtime: &Handle,
        id: ChannelId,
        remembered: Option<LaneRow>,
        outside: Arc<Outside>,
        current: Arc<Current>,
        writer: mpsc::UnboundedSender<Write>,
    ) -> Self {
        let (tell, told) = mpsc::unbounded_channel();
        let load = Arc::new(AtomicUsize::new(0));
        let now = outside.clock.now();
        let health = Arc::new(Mutex::new(remembered.as_ref().map(restored_health).unwrap_or_default()));
        let state = remembered.as_ref().map(|row| restored_state(row, now)).unwrap_or_default();
        let task = LaneTask::new(id, state, remembered, outside, current, writer, health.clone(), load.clone());
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

/// The health as an earlier start knew it.
fn restored_health(row: &LaneRow) -> LaneHealth {
    let state = match row.state.as_str() {
        "ok" => HealthState::Ok,
        "failing" => HealthState::Failing,
        _ => HealthState::Unknown,
    };
    LaneHealth::restored(state, row.since.map(time), row.last_error.clone(), row.told, row.is_open)
}

/// A breaker that was open is open still, and one delivery tries at once.
fn restored_state(row: &LaneRow, now: Timestamp) -> LaneState {
    let breaker = if row.is_open { Breaker::reopened(now) } else { Breaker::default() };
    LaneState { breaker, paused_until: row.paused_until.map(time), ..LaneState::default() }
}
