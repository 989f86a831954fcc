//! This node among others on one database: it renews its lease, takes over from nodes that are gone, and notices what
//! others have changed.

use std::{sync::Arc, time::Duration};

use fanfare_store::{Store, StoreError};
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior},
};

use crate::{send::Outside, writer::Write};

/// How long a node may be silent before others take over its deliveries, unless it is set otherwise.
pub const LEASE: Duration = Duration::from_secs(15);

/// How often the configuration is looked at, at the least: a change is known everywhere within 2 s.
const LOOK: Duration = Duration::from_secs(1);

/// How long lies between two renewals of a lease, at the least.
const SHORTEST_BEAT: Duration = Duration::from_millis(50);

/// What the writer is told of other nodes.
#[derive(Debug)]
pub(crate) enum News {
    /// Another node has changed the configuration.
    Configured,
    /// Something may be due in the database that no lane here knows of.
    Due,
    /// The lease has expired: what is in memory belongs to others.
    Expired,
}

/// Looks after the node's place among others, until the writer has ended.
pub(crate) async fn keep(store: Store, lease: Duration, outside: Arc<Outside>, writer: mpsc::UnboundedSender<Write>) {
    let beat = (lease / 5).max(SHORTEST_BEAT);
    let mut ticks = tokio::time::interval(LOOK.min(beat));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut node = Node { store, lease, outside, renewed: Instant::now(), configuration: None };
    let mut next_beat = Instant::now();
    loop {
        ticks.tick().await;
        let mut news = node.look().await.map(|news| news.into_iter().collect::<Vec<_>>());
        if Instant::now() >= next_beat {
            next_beat = Instant::now() + beat;
            match node.beat().await {
                Ok(more) => news = news.map(|news| more.into_iter().chain(news).collect()),
                Err(error) => news = Err(error),
            }
        }
        match news {
            Ok(news) => {
                for news in news {
                    if writer.send(Write::News(news)).is_err() {
                        return;
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "this node could not look after its lease"),
        }
        if writer.is_closed() {
            return;
        }
    }
}

struct Node {
    store: Store,
    lease: Duration,
    outside: Arc<Outside>,
    /// When the lease was renewed last.
    renewed: Instant,
    /// The state of the configuration that was seen last.
    configuration: Option<i64>,
}

impl Node {
    async fn look(&mut self) -> Result<Option<News>, StoreError> {
        let seen = self.store.configuration().await?;
        let before = self.configuration.replace(seen);
        Ok(before.is_none_or(|before| before != seen).then_some(News::Configured))
    }

    async fn beat(&mut self) -> Result<Vec<News>, StoreError> {
        if !self.store.renew_lease().await? {
            self.renewed = Instant::now();
            self.outside.meters.lease_lost();
            return Ok(vec![News::Expired]);
        }
        // After an outage of the database every lease looks expired, until its holder has had the time to renew it.
        let steady = self.renewed.elapsed() < self.lease;
        self.renewed = Instant::now();
        self.outside.meters.lease_renewed(self.outside.clock.now());
        if steady {
            let freed = self.store.take_over(self.lease).await?;
            if freed > 0 {
                self.outside.meters.took_over(freed);
                tracing::warn!(freed, "took over the deliveries of a node that is gone");
            }
        }
        Ok(vec![News::Due])
    }
}
