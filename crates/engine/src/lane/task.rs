//! The task of a lane: takes what is due, makes attempts, and says what became of them.

use std::{
    collections::{HashMap, VecDeque},
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use fanfare_core::ChannelId;
use fanfare_store::{Attempted, LaneRow, Next};
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use jiff::Timestamp;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep},
};
use uuid::Uuid;

use super::{
    CAPACITY, Emptied, LaneHealth, LaneState, ToLane, Turn,
    freeze::{Freezing, Gathering},
    state::{Gate, Outcome, Rules, Verdict, moved},
};
use crate::{
    herald::Turned,
    send::{Done, Leased, Outside, Tried, attempt},
    snapshot::{ChannelEntry, Current},
    writer::Write,
};

/// Sleeps are cut to this, so that a jump of the clock is noticed.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

pub(super) struct LaneTask {
    pub(super) id: ChannelId,
    pub(super) outside: Arc<Outside>,
    current: Arc<Current>,
    pub(super) writer: mpsc::UnboundedSender<Write>,
    health: Arc<Mutex<LaneHealth>>,
    pub(super) load: Arc<AtomicUsize>,
    pub(super) state: LaneState,
    /// What is in the database of the lane's state.
    remembered: Option<LaneRow>,
    /// The channel when it was last looked at.
    entry: Option<Arc<ChannelEntry>>,
    pub(super) queue: VecDeque<Leased>,
    under_way: Vec<Uuid>,
    pub(super) in_flight: FuturesUnordered<BoxFuture<'static, Tried>>,
    /// By how many milliseconds the clock was set while these were under way.
    leapt: HashMap<Uuid, i64>,
    /// When something in the database is due.
    due: Option<i64>,
    pub(super) claiming: bool,
    is_limited: bool,
    /// Whether what waits has been held back: by a time that the service named, by the breaker, or by the bucket.
    pub(super) held_back: bool,
    /// Digests that the lane waits for.
    pub(super) freezing: Freezing,
}

impl LaneTask {
    #[expect(clippy::too_many_arguments, reason = "the lane's ends, called once")]
    pub(super) fn new(
        id: ChannelId,
        state: LaneState,
        remembered: Option<LaneRow>,
        outside: Arc<Outside>,
        current: Arc<Current>,
        writer: mpsc::UnboundedSender<Write>,
        health: Arc<Mutex<LaneHealth>>,
        load: Arc<AtomicUsize>,
    ) -> Self {
        Self {
            id,
            outside,
            current,
            writer,
            health,
            load,
            state,
            remembered,
            entry: None,
            queue: VecDeque::new(),
            under_way: Vec::new(),
            in_flight: FuturesUnordered::new(),
            leapt: HashMap::new(),
            due: None,
            claiming: false,
            is_limited: false,
            held_back: false,
            freezing: Freezing::default(),
        }
    }

    pub(super) async fn run(mut self, mut told: mpsc::UnboundedReceiver<ToLane>) {
        let mut timer = pin!(sleep(Duration::ZERO));
        loop {
            let wake = Instant::now() + self.work();
            // Waking too early does no harm, and takes less than setting a timer every time.
            if timer.is_elapsed() || wake < timer.deadline() {
                timer.as_mut().reset(wake);
            }
            tokio::select! {
                biased;
                Some(tried) = self.in_flight.next() => {
                    self.done(tried);
                    // Attempts end in swarms; the rest of the swarm is taken before anything new is begun.
                    while let Some(Some(tried)) = self.in_flight.next().now_or_never() {
                        self.done(tried);
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
                () = &mut timer => {}
            }
        }
    }

    fn hear(&mut self, message: ToLane) {
        match message {
            ToLane::Send(leased) => self.take_in(leased),
            ToLane::Claimed(leased, next) => {
                self.claiming = false;
                self.due = earlier(self.due, next);
                self.take_in(leased);
            }
            ToLane::Frozen(frozen) => self.frozen(frozen),
            ToLane::Due(at) => self.due = earlier(self.due, Some(at)),
            ToLane::Empty(reply) => {
                self.load.fetch_sub(self.queue.len(), Ordering::AcqRel);
                let left = std::mem::take(&mut self.queue).into();
                let _ = reply.send(Emptied { under_way: self.under_way.clone(), left });
            }
            ToLane::Leap(by) => self.leap(by),
            ToLane::Show(reply) => {
                let waiting = self.queue.iter().map(|leased| leased.id.0);
                let _ = reply.send(waiting.chain(self.under_way.iter().copied()).collect());
            }
            ToLane::Changed => self.look(),
            ToLane::Proved => {
                let turn = self.state.succeeded(&mut lock(&self.health), self.outside.clock.now());
                self.settle(turn);
            }
            ToLane::Stop(_) => {}
        }
    }

    /// Lets deliveries wait for their turn.
    fn take_in(&mut self, leased: Vec<Leased>) {
        let channel = self.id;
        self.queue.extend(leased.into_iter().map(|leased| begun(leased, channel)));
    }

    /// Moves along with the clock.
    fn leap(&mut self, by: i64) {
        self.state.leap(by);
        self.due = self.due.map(|due| due.saturating_add(by));
        for leased in &mut self.queue {
            leased.expires_at = moved(leased.expires_at, by);
            leased.since = moved(leased.since, by);
        }
        for id in &self.under_way {
            let leapt = self.leapt.entry(*id).or_default();
            *leapt = leapt.saturating_add(by);
        }
        self.settle(None);
    }

    /// Looks whether the channel is configured as it was.
    fn look(&mut self) {
        let entry = self.current.get().channels.entry(self.id).cloned();
        if let (Some(was), Some(is)) = (&self.entry, &entry)
            && was.row.config != is.row.config
        {
            self.state.begin_anew();
            self.settle(None);
        }
        self.entry = entry;
    }

    /// Starts what can be started and asks for more; says how long nothing will change by itself.
    fn work(&mut self) -> Duration {
        let now = self.outside.clock.now();
        let Some(entry) = self.entry.clone().filter(|entry| entry.info.enabled) else { return LONGEST_SLEEP };
        let gate = self.state.gate(now);
        let (mut room, mut wake) = match gate {
            Gate::Open => (entry.rules.concurrency, None),
            Gate::Probe => (1, None),
            Gate::Shut(until) => (0, Some(until)),
        };
        if gate != Gate::Open {
            self.expire(now);
        }
        let gathering = self.gather(&entry, room, now);
        match gathering {
            Gathering::Nothing => {}
            Gathering::Asked => room = 0,
            Gathering::Later(then) => (room, wake) = (0, Some(then)),
        }
        while self.in_flight.len() < room
            && let Some(leased) = self.queue.pop_front()
        {
            if let Some(pace) = entry.rules.pace
                && let Err(then) = self.state.bucket.take(pace, now)
            {
                self.queue.push_front(leased);
                wake = Some(then);
                break;
            }
            self.under_way.push(leased.id.0);
            let (outside, entry) = (self.outside.clone(), entry.clone());
            self.in_flight.push(Box::pin(async move { attempt(&outside, entry, leased).await }));
        }
        self.held_back = wake.is_some() || gathering == Gathering::Asked;
        self.limit(self.held_back, now);
        self.claim(now);
        let wake = earlier(wake.map(Timestamp::as_millisecond), self.due.filter(|due| *due > now.as_millisecond()));
        wake.map_or(LONGEST_SLEEP, |then| between(now, then))
    }

    /// Asks for what is due in the database, where there is room for it.
    fn claim(&mut self, now: Timestamp) {
        let is_due = self.due.is_some_and(|due| due <= now.as_millisecond());
        if is_due && !self.claiming && self.queue.len() + self.in_flight.len() <= CAPACITY / 2 {
            self.claiming = true;
            self.due = None;
            let _ = self.writer.send(Write::Claim(self.id));
        }
    }

    /// Ends the lives of those at the front that waited too long for a lane that is shut.
    fn expire(&mut self, now: Timestamp) {
        while let Some(leased) = self.queue.pop_front_if(|leased| leased.expires_at <= now) {
            self.load.fetch_sub(1, Ordering::AcqRel);
            let (Leased { event_id, id: delivery_id, attempts, .. }, channel) = (&leased, self.id);
            tracing::warn!(%event_id, %delivery_id, %channel, outcome = "expired", attempts, "a delivery is given up");
            self.record(leased.owner, leased.since, leased.expired(now));
        }
    }

    /// Says whether deliveries wait for their turn.
    fn limit(&mut self, is_limited: bool, now: Timestamp) {
        if self.is_limited != is_limited {
            self.is_limited = is_limited;
            lock(&self.health).limit(is_limited, now);
        }
    }

    fn done(&mut self, mut tried: Tried) {
        if let Some(by) = self.leapt.remove(&tried.leased.id.0) {
            tried.leased.expires_at = moved(tried.leased.expires_at, by);
        }
        self.under_way.retain(|id| *id != tried.leased.id.0);
        self.load.fetch_sub(1, Ordering::AcqRel);
        let now = self.outside.clock.now();
        let outcome = Outcome {
            error: tried.result.as_ref().err(),
            attempts: tried.leased.attempts,
            expires_at: tried.leased.expires_at,
            is_own: tried.leased.is_own,
            is_stale: self
                .entry
                .as_ref()
                .is_some_and(|is| !Arc::ptr_eq(is, &tried.entry) && is.row.config != tried.entry.row.config),
            is_digest: tried.leased.members.is_some(),
        };
        let Outside { retry, lanes: policy, random, .. } = &*self.outside;
        let rules = Rules { retry, policy, random: random.unit() };
        let verdict = self.state.judge(outcome, &mut lock(&self.health), rules, now);
        log(self.id, &tried, &verdict);
        self.record(tried.leased.owner, tried.leased.since, tried.record(verdict.next));
        self.settle(verdict.turn);
    }

    fn record(&self, owner: i64, since: Timestamp, attempted: Attempted) {
        let _ = self.writer.send(Write::Record(Done { owner, channel_id: self.id, since, attempted }));
    }

    /// Keeps what the next start must know, and says what somebody must hear.
    fn settle(&mut self, turn: Option<Turn>) {
        let mut health = lock(&self.health);
        let is_open = self.state.breaker.probe_at().is_some();
        health.set_open(is_open);
        // Rounded up: nothing leaves before the named time.
        let paused_until = self.state.paused_until.map(|until| until.as_millisecond() + 1);
        let known = self.remembered.as_ref().is_some_and(|row| {
            row.state == health.state().as_str()
                && row.told == health.is_told()
                && row.is_open == is_open
                && row.paused_until == paused_until
        });
        if !known {
            let row = LaneRow {
                channel_id: self.id.0,
                state: health.state().as_str().into(),
                since: health.since().map(Timestamp::as_millisecond),
                last_error: health.shown().last_error,
                told: health.is_told(),
                is_open,
                paused_until,
            };
            self.remembered = Some(row.clone());
            let _ = self.writer.send(Write::Remember(row));
        }
        drop(health);
        if let Some(turn) = turn {
            let _ = self.outside.turned.send(Turned { channel: self.id, turn });
        }
    }

    /// Starts nothing more; says what was left when everything under way has ended.
    async fn finish(mut self) -> Vec<Uuid> {
        while let Some(tried) = self.in_flight.next().await {
            self.done(tried);
        }
        self.queue.iter().map(|leased| leased.id.0).collect()
    }
}

/// Says what an attempt came to. Nothing of the service's own words: they may name a recipient.
fn log(channel: ChannelId, tried: &Tried, verdict: &Verdict) {
    let Leased { event_id, id: delivery_id, .. } = &tried.leased;
    let (outcome, status) = tried.outcome();
    let _in = tried.span.enter();
    if !tried.span.is_disabled() {
        tried.span.record("outcome", outcome).record("status", status);
        tracing::debug!(outcome, status, next = ?verdict.next, "an attempt ended");
    }
    if let Some(asked_s) = verdict.absurd.map(|asked| asked.as_secs()) {
        tracing::warn!(
            %event_id, %delivery_id, %channel, asked_s,
            "the service asks to wait longer than the delivery lives: cut to its end"
        );
    }
    if verdict.next == Next::Dead {
        let attempts = tried.leased.attempts + 1;
        tracing::warn!(%event_id, %delivery_id, %channel, outcome, status, attempts, "a delivery is given up");
    }
}

/// Its time in the lane begins.
pub(super) fn begun(mut leased: Leased, channel: ChannelId) -> Leased {
    let Leased { event_id, id, .. } = &leased;
    leased.span = tracing::debug_span!("lane", %event_id, delivery_id = %id, %channel);
    leased
}

fn lock(health: &Mutex<LaneHealth>) -> MutexGuard<'_, LaneHealth> {
    health.lock().unwrap_or_else(PoisonError::into_inner)
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
