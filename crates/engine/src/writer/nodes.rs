//! What happens at other nodes is followed here.

use fanfare_core::ChannelId;
use fanfare_store::StoreError;

use super::Writer;
use crate::{node::News, snapshot::Snapshot};

impl Writer {
    pub(super) async fn hear(&mut self, news: News) {
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
}
