//! How the lanes stand, for those who ask.

use std::sync::{Arc, PoisonError};

use fanfare_core::ChannelId;

use crate::{Engine, Health, LaneView, lane::LaneHealth, snapshot::ChannelEntry};

impl Engine {
    /// How the lanes of all channels stand at this node.
    pub fn lanes(&self) -> Vec<LaneView> {
        let snapshot = self.inner.current.get();
        let view = |entry: &Arc<ChannelEntry>| {
            let lane = self.lane_health(entry.info.id);
            LaneView {
                channel_id: entry.info.id,
                kind: entry.info.kind.clone(),
                state: lane.shown().state,
                breaker_open: lane.is_open(),
            }
        };
        snapshot.channels.iter().map(view).collect()
    }

    /// Whether deliveries get through a channel.
    pub(crate) fn health(&self, id: ChannelId) -> Health {
        self.lane_health(id).shown()
    }

    fn lane_health(&self, id: ChannelId) -> LaneHealth {
        let book = self.inner.health.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = book.get(&id).map(|lane| lane.lock().unwrap_or_else(PoisonError::into_inner).clone());
        lane.unwrap_or_default()
    }
}
