//! What lies between the lanes' memory and the database.

use std::sync::Arc;

use fanfare_core::{ChannelId, EventTypeId, Recipients};
use fanfare_store::{Claimed, LaneRow, Store, StoreError};
use jiff::Timestamp;
use tokio::sync::oneshot;
use tracing::Span;
use uuid::Uuid;

use super::{PATIENCE, Writer, digests};
use crate::{
    configure::time,
    herald,
    lane::{CAPACITY, Emptied, ToLane},
    send::Leased,
};

impl Writer {
    /// Takes as much as the lane has room for. When nothing is left, new deliveries need not queue behind it.
    pub(super) async fn claim(&mut self, channel: ChannelId) {
        let now = self.outside.clock.now().as_millisecond();
        let Some(lane) = self.lanes.get(&channel) else { return };
        let room = lane.free().min(CAPACITY / 2);
        let found = match self.follow_up(channel, now).await {
            Ok(()) => take(&self.store, channel, room, now).await,
            Err(error) => Err(error),
        };
        let Some(lane) = self.lanes.get_mut(&channel) else { return };
        let (taken, next) = match found {
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
    pub(super) async fn remember(&self, row: &LaneRow) {
        if self.current.get().channels.entry(row.channel_id.into()).is_none() {
            return;
        }
        if let Err(error) = self.store.put_lane(row).await {
            tracing::warn!(%error, "the state of a lane could not be kept");
        }
    }

    pub(super) async fn retry(&mut self, ids: Vec<Uuid>, channel: ChannelId) -> Result<u64, StoreError> {
        let now = self.outside.clock.now();
        let expires_at = now.checked_add(self.outside.retry.lifetime).unwrap_or(Timestamp::MAX).as_millisecond();
        let enabled = self.current.get().channels.entry(channel).is_some_and(|entry| entry.info.enabled);
        let revived = self.store.revive(ids, !enabled, now.as_millisecond(), expires_at).await?;
        if revived > 0 && enabled {
            self.wake(channel, now.as_millisecond(), now.as_millisecond());
        }
        Ok(revived)
    }

    /// Holds what waits for a channel that is disabled, but for what is under way.
    pub(super) async fn hold(&self, channel: ChannelId, now: i64) -> Result<(), StoreError> {
        let Emptied { under_way, left } = self.empty(channel).await;
        let held = self.store.hold(channel.0, under_way, now).await;
        held.map(drop).inspect_err(|_| self.put_back(channel, left))
    }

    /// Takes out of a lane's memory what waits there; says what is under way.
    pub(super) async fn empty(&self, channel: ChannelId) -> Emptied {
        let Some(lane) = self.lanes.get(&channel) else { return Emptied::default() };
        let (reply, answer) = oneshot::channel();
        let _ = lane.tell.send(ToLane::Empty(reply));
        answer.await.unwrap_or_default()
    }

    /// Where the database could not write what was to become of it, it stays in the lane's memory.
    pub(super) fn put_back(&self, channel: ChannelId, left: Vec<Leased>) {
        if let Some(lane) = self.lanes.get(&channel) {
            lane.put_back(left);
        }
    }

    /// Tells a lane that something in the database is due. What is due now goes before anything new.
    pub(super) fn wake(&mut self, channel: ChannelId, due: i64, now: i64) {
        if let Some(lane) = self.lanes.get_mut(&channel) {
            lane.spilling |= due <= now;
            let _ = lane.tell.send(ToLane::Due(due));
        }
    }

    /// Tells every lane what is due for it in the database.
    pub(super) async fn wake_all(&mut self, now: i64) -> Result<(), StoreError> {
        for waiting in self.store.waiting().await? {
            self.wake(waiting.channel_id.into(), waiting.due_at, now);
        }
        Ok(())
    }
}

async fn take(
    store: &Store,
    channel: ChannelId,
    room: usize,
    now: i64,
) -> Result<(Vec<Leased>, Option<i64>), StoreError> {
    let together = store.claim_digests(channel.0, room as u64, now).await?;
    let room = room.saturating_sub(together.len());
    let claimed = store.claim(channel.0, room as u64, now).await?;
    let next = store.next_due(channel.0).await?;
    let taken = together.into_iter().map(digests::leased).chain(claimed.into_iter().map(leased));
    Ok((taken.collect::<Result<_, _>>()?, next))
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
        span: Span::none(),
        since: time(delivery.created_at),
        members: None,
    })
}
