//! The one task that writes: accepted events and outcomes of attempts share a transaction, and changes of the
//! configuration stand between transactions, so that nothing is ever decided on two states at once.
//!
//! Nothing that somebody waits for waits for a timer: while one transaction commits, the next gathers. Outcomes, which
//! nobody waits for, wait a moment for company.

mod change;
mod commit;
mod digests;
mod doubt;
mod following;
mod lanes;
mod leap;
mod messages;
mod nodes;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use fanfare_core::{Catalog, ChannelId, Registry};
use fanfare_store::{Changed, LaneRow, Store, StoreError};
use fanfare_template::Renderer;
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
};
use uuid::Uuid;

use self::messages::{Answer, changes_many};
pub(crate) use self::{
    doubt::Doubt,
    messages::{Acceptance, Change, Write},
};
use crate::{
    janitor,
    lane::{Lane, LaneHealth, ToLane},
    send::{Done, Outside},
    snapshot::Current,
    watch::Watchers,
};

/// Requests in one transaction at the most.
const BATCH: usize = 1_024;

/// How long outcomes wait before they are written again after the database has failed.
const PATIENCE: Duration = Duration::from_millis(500);

/// How long outcomes wait for company.
const COMPANY: Duration = Duration::from_millis(10);

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
    /// After the database has failed: what it may have done all the same.
    pub(crate) doubt: Option<Doubt>,
    /// Whether the latest transaction failed, and nothing was written since.
    pub(crate) is_failing: bool,
    /// Whether the clock was set to another time than the database's.
    pub(crate) is_clock_wrong: bool,
    /// What lanes of an earlier start knew, until they are started.
    pub(crate) remembered: HashMap<ChannelId, LaneRow>,
    /// Deliveries that others wait for, and through which channel those go.
    pub(crate) followed: HashMap<Uuid, ChannelId>,
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

    pub(crate) async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Write>) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let received = tokio::select! {
                received = inbox.recv_many(&mut batch, BATCH) => received,
                () = tokio::time::sleep(PATIENCE), if !self.unrecorded.is_empty() || self.doubt.is_some() => usize::MAX,
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
                Write::Freeze(channel, storms) => bulk |= self.freeze(channel, storms).await,
                Write::Remember(row) => self.remember(&row).await,
                Write::Proved(channel) => {
                    if let Some(lane) = self.lanes.get(&channel) {
                        let _ = lane.tell.send(ToLane::Proved);
                    }
                }
                Write::Tested(event, attempts, answer) => {
                    let _ = answer.send(self.tested(*event, attempts).await);
                }
                Write::Change(change, record, answer) => {
                    let _ = answer.send(self.change(change, record).await);
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
                Write::Leap => self.leap().await,
                Write::Ready(answer) => {
                    let _ = answer.send(self.prove().await);
                }
                Write::Stop(patience, answer) => stop = Some((patience, answer)),
                Write::Accept(_) | Write::Record(_) => {}
            }
        }
        if bulk && !self.store.is_shared() {
            self.watchers.tell(Changed::Many);
        }
        self.settle_doubt().await;
        stop
    }

    /// Whether something can be written. Where the latest transaction did it, nothing needs to be tried.
    async fn prove(&mut self) -> Result<(), StoreError> {
        if self.is_failing {
            self.store.prove(self.outside.clock.now()).await?;
            self.is_failing = false;
        }
        Ok(())
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
