//! What lies between the lanes' memory and the database.

use std::sync::Arc;

use fanfare_core::{ChannelId, EventTypeId, Recipients};
use fanfare_store::{Claimed, LaneRow, StoreError};
use jiff::Timestamp;
use tokio::sync::oneshot;
use tracing::Span;
use uuid::Uuid;

use super::{PATIENCE, Writer, digests};
use crate::{
    configure::time,
    herald,
    lane::{CAPACITY, Emptied, ToLane},
    send::{Done, Leased, unreadable},
};

impl Writer {
    /// Takes as much as the lane has room for. When nothing is left, new deliveries need not queue behind it.
    pub(super) async fn claim(&mut self, channel: ChannelId) {
        let now = self.outside.clock.now().as_millisecond();
        let Some(room) = self.lanes.get(&channel).map(|lane| lane.free().min(CAPACITY / 2)) else { return };
        // An outcome that has to be written again may have been written already: what is claimed meanwhile could be the
        // same delivery, and its old outcome would be taken for the new one.
        let found = match self.unrecorded.is_empty() {
            true => match self.follow_up(channel, now).await {
                Ok(()) => self.take(channel, room, now).await.map(Some),
                Err(error) => Err(error),
            },
            false => Ok(None),
        };
        let found = found.unwrap_or_else(|error| {
            tracing::error!(%error, "what is due could not be read");
            self.doubt();
            None
        });
        let Some(lane) = self.lanes.get_mut(&channel) else { return };
        let Some((taken, next)) = found else {
            // It still waits, so everything else waits behind it.
            let _ = lane.tell.send(ToLane::Claimed(Vec::new(), Some(now + PATIENCE.as_millis() as i64)));
            return;
        };
        lane.spilling = next.is_some_and(|due| due <= now);
        let places = (0..taken.len()).filter(|_| lane.reserve()).count();
        debug_assert_eq!(places, taken.len(), "the room was measured before");
        let _ = lane.tell.send(ToLane::Claimed(taken, next));
    }

    /// Takes what is due, and says when the next is. What cannot be read can never be sent: it is given up.
    async fn take(
        &mut self,
        channel: ChannelId,
        room: usize,
        now: i64,
    ) -> Result<(Vec<Leased>, Option<i64>), StoreError> {
        let together = self.store.claim_digests(channel.0, room as u64, now).await?;
        let room = room.saturating_sub(together.len());
        // What was taken is not lost where this fails: it is looked for then.
        let alone = self.store.claim(channel.0, room as u64, now).await?;
        let together = together.into_iter().map(|row| (row.id, true, time(row.since), digests::leased(row)));
        let alone = alone.into_iter().map(|one| (one.delivery.id, false, time(one.delivery.created_at), leased(one)));
        let mut taken = Vec::new();
        for (id, is_digest, since, read) in together.chain(alone) {
            match read {
                Ok(leased) => taken.push(leased),
                Err(error) => {
                    tracing::error!(delivery = %id, is_digest, %error, "what can never be sent is given up");
                    let attempted = unreadable(id, is_digest, &error, self.outside.clock.now());
                    let owner = self.store.owner();
                    self.unrecorded.push(Done { owner, channel_id: channel, since, attempted });
                }
            }
        }
        // What was taken is not lost where this fails; something more may be due.
        let next = self.store.next_due(channel.0).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "when more is due could not be read");
            Some(now + PATIENCE.as_millis() as i64)
        });
        Ok((taken, next))
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

fn leased(claimed: Claimed) -> Result<Leased, StoreError> {
    let Claimed { delivery, event } = claimed;
    let lost = || StoreError::Corrupt { what: "delivery", detail: "its event is missing".into() };
    let event = event.ok_or_else(lost)?;
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
