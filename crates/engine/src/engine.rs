//! The engine as its users see it: a handle that can be cloned.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use fanfare_core::{
    Catalog, EventId, JobId, NetworkRules, NoUsers, Registry, RetryPolicy, Transport, UserDirectory, Variables,
};
use fanfare_store::{Store, StoreError};
use fanfare_template::Renderer;
use jiff::Timestamp;
use tokio::{
    sync::{Notify, Semaphore, mpsc, oneshot},
    time::timeout,
};
use uuid::Uuid;

use crate::{
    AcceptError, Accepted, Clock, Idempotency, LanePolicy, Random, Run, SteadyClock, Submission, SystemClock,
    SystemRandom, Watcher, Witness,
    conditions::Draft,
    herald,
    intake::{Intake, Prepared},
    janitor::{self, RETENTION},
    lane::LaneThread,
    meters::Meters,
    node::{self, LEASE},
    send::Outside,
    snapshot::{Current, Snapshot},
    users,
    watch::{self, Watchers},
    watchman,
    writer::{Acceptance, HealthBook, Write, Writer},
};

/// How long the database and the writer have to answer whether they are ready.
const READY: Duration = Duration::from_secs(2);

/// How often somebody looks whether the clock was set.
const CLOCK: Duration = Duration::from_secs(1);

/// Events that may wait for the writer at once; more wait before they are planned.
const WAITING: usize = 8_192;

/// The parts that an engine is made of.
#[derive(Debug)]
pub struct EngineParts {
    /// Where everything is kept.
    pub store: Store,
    /// The event types.
    pub catalog: Catalog,
    /// The kinds of channel.
    pub registry: Registry,
    /// The way out for HTTP.
    pub transport: Arc<dyn Transport>,
    /// The rules for channels that open connections of their own.
    pub network: Arc<dyn NetworkRules>,
    /// Where channels' references to variables are looked up.
    pub variables: Arc<dyn Variables>,
    /// When to try again.
    pub retry: RetryPolicy,
    /// When lanes probe and what makes them failing.
    pub lanes: LanePolicy,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub random: Arc<dyn Random>,
    /// Who knows the users that events name by their ids alone.
    pub users: Arc<dyn UserDirectory>,
    /// How long a node may be silent before others take over its deliveries; of no meaning on SQLite.
    pub lease: Duration,
    /// How long the ledger tells of an event of which nothing waits.
    pub retention: Duration,
}

impl EngineParts {
    /// These parts, with the machine's clock and randomness, the documented schedules, and nobody who knows users.
    pub fn new(
        store: Store,
        catalog: Catalog,
        registry: Registry,
        transport: Arc<dyn Transport>,
        network: Arc<dyn NetworkRules>,
        variables: Arc<dyn Variables>,
    ) -> Self {
        Self {
            store,
            catalog,
            registry,
            transport,
            network,
            variables,
            retry: RetryPolicy::default(),
            lanes: LanePolicy::default(),
            clock: Arc::new(SteadyClock::new(SystemClock)),
            random: Arc::new(SystemRandom),
            users: Arc::new(NoUsers),
            lease: LEASE,
            retention: RETENTION,
        }
    }
}

/// Accepts events, delivers them, and shows what became of them. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Engine {
    pub(crate) inner: Arc<Inner>,
    pub(crate) witness: Option<Arc<dyn Witness>>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) catalog: Catalog,
    pub(crate) registry: Registry,
    pub(crate) renderer: Renderer,
    users: Arc<dyn UserDirectory>,
    pub(crate) outside: Arc<Outside>,
    pub(crate) current: Arc<Current>,
    pub(crate) health: HealthBook,
    pub(crate) watchers: Arc<Watchers>,
    pub(crate) writer: mpsc::UnboundedSender<Write>,
    /// Whoever lets go of the engine without stopping it ends its lanes.
    _lanes: LaneThread,
    /// Held while a change of the configuration is checked and written.
    pub(crate) configuring: tokio::sync::Mutex<()>,
    /// Told when what is expected of a job may have changed.
    pub(crate) alarms: Arc<Notify>,
    room: Semaphore,
    pub(crate) stopping: AtomicBool,
}

/// Why an engine cannot start.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The catalog's wording is wrong.
    #[error(transparent)]
    Template(#[from] fanfare_template::TemplateError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The writer's thread cannot be started.
    #[error("a thread could not be started: {0}")]
    Thread(std::io::Error),
}

/// Why nothing can be accepted at the moment.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The database does not answer, or what was asked before takes it too long.
    #[error("the database, or the writer to it, has not answered within {} s", READY.as_secs())]
    Late,
    /// The engine is stopping, or has ended.
    #[error("the engine is stopping")]
    Stopping,
}

impl Engine {
    /// Starts the engine: what an earlier start left pending is taken up at once.
    pub async fn start(parts: EngineParts) -> Result<Self, EngineError> {
        let renderer = Renderer::new(&parts.catalog)?;
        let (sender, inbox) = mpsc::unbounded_channel();
        let (turned, heard) = mpsc::unbounded_channel();
        let outside = Arc::new(Outside {
            clock: parts.clock,
            random: parts.random,
            transport: parts.transport,
            network: parts.network,
            variables: parts.variables,
            retry: parts.retry,
            lanes: parts.lanes,
            turned,
            retention: parts.retention,
            meters: Meters::new(),
        });
        let current = Arc::new(Current::default());
        let health = HealthBook::default();
        let watchers = Arc::new(Watchers::new());
        let lanes = LaneThread::start().map_err(EngineError::Thread)?;
        let mut writer = Writer {
            store: parts.store.clone(),
            registry: parts.registry.clone(),
            catalog: parts.catalog.clone(),
            renderer: renderer.clone(),
            current: current.clone(),
            outside: outside.clone(),
            health: health.clone(),
            watchers: watchers.clone(),
            sender: sender.clone(),
            runtime: lanes.runtime().clone(),
            lanes: HashMap::new(),
            unrecorded: Vec::new(),
            doubt: None,
            is_failing: false,
            is_clock_wrong: false,
            remembered: HashMap::new(),
            followed: HashMap::new(),
        };
        writer.recover().await?;
        spawn_writer(writer, inbox)?;
        tokio::spawn(janitor::run(sender.clone()));
        tokio::spawn(watch_clock(outside.clock.clone(), sender.clone()));
        if parts.store.is_shared() {
            tokio::spawn(node::keep(parts.store.clone(), parts.lease, outside.clone(), sender.clone()));
            tokio::spawn(watch::follow(parts.store.clone(), watchers.clone(), sender.clone()));
        }
        let inner = Inner {
            store: parts.store,
            catalog: parts.catalog,
            registry: parts.registry,
            renderer,
            users: parts.users,
            outside,
            current,
            health,
            watchers,
            writer: sender,
            _lanes: lanes,
            configuring: tokio::sync::Mutex::new(()),
            alarms: Arc::default(),
            room: Semaphore::new(WAITING),
            stopping: AtomicBool::new(false),
        };
        let inner = Arc::new(inner);
        tokio::spawn(herald::run(Arc::downgrade(&inner), heard));
        tokio::spawn(watchman::run(Arc::downgrade(&inner)));
        Ok(Self::of(inner))
    }

    /// The event types.
    pub fn catalog(&self) -> &Catalog {
        &self.inner.catalog
    }

    /// The kinds of channel.
    pub fn registry(&self) -> &Registry {
        &self.inner.registry
    }

    /// Accepts an event. When this returns, the event and its deliveries are on disk.
    pub async fn accept(&self, submission: Submission, key: Option<Idempotency>) -> Result<Accepted, AcceptError> {
        let submission = self.complete(submission).await;
        self.store_prepared(key, |intake| intake.submission(submission)).await
    }

    /// Accepts a run of a job, named by id or name.
    pub async fn report_run(&self, job: &str, run: Run, key: Option<Idempotency>) -> Result<Accepted, AcceptError> {
        let mut is_expected = false;
        let prepare = |intake: &Intake<'_>| {
            let prepared = intake.run(find_job(intake.snapshot, job)?, run)?;
            is_expected = prepared.next_run.is_some();
            Ok(prepared)
        };
        let accepted = self.store_prepared(key, prepare).await?;
        if is_expected {
            self.inner.alarms.notify_one();
        }
        Ok(accepted)
    }

    /// The job of this id or name.
    pub fn job_id(&self, job: &str) -> Result<JobId, AcceptError> {
        find_job(&self.inner.current.get(), job).map(|job| job.id.into())
    }

    /// The same event with what is known of its user. One that is wrong anyway is left to whoever refuses it.
    pub(crate) async fn complete(&self, submission: Submission) -> Submission {
        match self.inner.catalog.get(&submission.event_type) {
            Some(event_type) => users::complete(&*self.inner.users, event_type, submission).await,
            None => submission,
        }
    }

    /// Whether events can be accepted: the database answers, the writer can write, and the engine is not stopping.
    pub async fn ready(&self) -> Result<(), NotReady> {
        if self.inner.stopping.load(Ordering::Acquire) {
            return Err(NotReady::Stopping);
        }
        timeout(READY, self.answers()).await.unwrap_or(Err(NotReady::Late))
    }

    async fn answers(&self) -> Result<(), NotReady> {
        self.inner.store.ping().await?;
        let (answer, ready) = oneshot::channel();
        self.inner.writer.send(Write::Ready(answer)).map_err(|_| NotReady::Stopping)?;
        Ok(ready.await.map_err(|_| NotReady::Stopping)??)
    }

    /// How many deliveries were accepted, and how many stand in each state. The states add up to what was accepted.
    pub async fn counters(&self) -> Result<(i64, BTreeMap<&'static str, i64>), StoreError> {
        self.inner.store.counters().await
    }

    /// Hears from now on which deliveries change, at whatever node. `None` once the engine stops.
    pub fn watch(&self) -> Option<Watcher> {
        self.inner.watchers.join()
    }

    /// Ends all watching, so that nobody waits for changes while the engine stops.
    pub fn end_watching(&self) {
        self.inner.watchers.end();
    }

    /// Accepts nothing more, finishes what is under way (for as long as `patience` at the most), and closes the
    /// database. What was not begun goes out after the next start.
    pub async fn stop(&self, patience: Duration) {
        self.inner.stopping.store(true, Ordering::Release);
        self.end_watching();
        let (answer, stopped) = oneshot::channel();
        if self.inner.writer.send(Write::Stop(patience, answer)).is_ok() {
            let _ = stopped.await;
        }
        if let Err(error) = self.inner.store.clone().close().await {
            tracing::warn!(%error, "the database could not be closed");
        }
    }

    pub(crate) async fn store_prepared(
        &self,
        key: Option<Idempotency>,
        prepare: impl FnOnce(&Intake<'_>) -> Result<Prepared, AcceptError>,
    ) -> Result<Accepted, AcceptError> {
        let began = Instant::now();
        let stopping = || AcceptError::Unavailable("Fanfare is stopping; try again in a moment".into());
        if self.inner.stopping.load(Ordering::Acquire) {
            return Err(stopping());
        }
        let _room = self.inner.room.acquire().await.map_err(|_| stopping())?;
        let (span, prepared) = {
            let snapshot = self.inner.current.get();
            let intake = self.intake(&snapshot);
            let span = tracing::debug_span!("accept", event_id = %intake.id);
            let prepared = span.in_scope(|| prepare(&intake))?;
            (span, prepared)
        };
        let now = self.inner.outside.clock.now();
        let expires_at = now.checked_add(self.inner.outside.retry.lifetime).unwrap_or(Timestamp::MAX);
        let (answer, accepted) = oneshot::channel();
        // A database may not keep U+0000, and a key must be found as it was kept.
        let key = key.map(|key| Idempotency { key: key.key.replace('\0', "\u{fffd}"), ..key });
        let acceptance = Acceptance { draft: Draft::new(prepared, now, expires_at), key, answer };
        self.inner.writer.send(Write::Accept(Box::new(acceptance))).map_err(|_| stopping())?;
        let accepted = accepted.await.map_err(|_| stopping())??;
        self.inner.outside.meters.accepted(began.elapsed());
        let (deliveries, duplicate) = (accepted.deliveries.len(), accepted.duplicate);
        tracing::debug!(parent: &span, deliveries, duplicate, "an event was accepted");
        Ok(accepted)
    }

    pub(crate) fn intake<'a>(&'a self, snapshot: &'a Snapshot) -> Intake<'a> {
        Intake {
            catalog: &self.inner.catalog,
            renderer: &self.inner.renderer,
            snapshot,
            settings: &snapshot.settings,
            words: None,
            id: EventId(Uuid::now_v7()),
            now: self.inner.outside.clock.now(),
        }
    }

    /// What would be written of an event at this moment.
    pub(crate) async fn planned(
        &self,
        prepare: impl FnOnce(&Intake<'_>) -> Result<Prepared, AcceptError>,
    ) -> Result<Prepared, AcceptError> {
        let mut prepared = prepare(&self.intake(&self.inner.current.get()))?;
        if let Some(concern) = &prepared.concern {
            let known = self.inner.store.conditions(&concern.ids().collect()).await;
            let known = known.map_err(|error| AcceptError::Unavailable(error.to_string()))?;
            prepared.plan = concern.settle(prepared.plan, &known, self.inner.outside.clock.now());
        }
        Ok(prepared)
    }
}

/// Tells the writer when the clock was set, until that has ended.
async fn watch_clock(clock: Arc<dyn Clock>, writer: mpsc::UnboundedSender<Write>) {
    let mut is_set = false;
    loop {
        tokio::time::sleep(CLOCK).await;
        let was_set = std::mem::replace(&mut is_set, clock.leap().is_some());
        if writer.is_closed() || ((is_set || was_set) && writer.send(Write::Leap).is_err()) {
            return;
        }
    }
}

/// Gives the writer a thread of its own. Every transaction is a conversation with the database; among thousands of
/// other tasks each of its answers would wait for its turn, and everybody else for the commit.
fn spawn_writer(writer: Writer, inbox: mpsc::UnboundedReceiver<Write>) -> Result<(), EngineError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(EngineError::Thread)?;
    let run = move || runtime.block_on(writer.run(inbox));
    std::thread::Builder::new().name("fanfare-writer".into()).spawn(run).map_err(EngineError::Thread)?;
    Ok(())
}

pub(crate) fn find_job<'a>(snapshot: &'a Snapshot, name: &str) -> Result<&'a fanfare_store::JobRow, AcceptError> {
    snapshot.job(name).ok_or_else(|| AcceptError::NoJob(name.to_owned()))
}
