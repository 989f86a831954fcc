//! Deliveries that wait for others: somebody looks after them when those have ended, and now and then.

use fanfare_core::ChannelId;
use fanfare_store::{Changed, StoreError};
use jiff::Timestamp;

use super::Writer;
use crate::{birth::Birth, follow, send::Done};

impl Writer {
    /// Remembers what a new delivery waits for; says whether it does.
    pub(super) fn waits(&mut self, birth: &Birth, place: usize, channel: ChannelId) -> bool {
        let mut waits = false;
        for after in birth.after(place) {
            self.followed.insert(after, channel);
            waits = true;
        }
        waits
    }

    /// What waits for a delivery that has ended is looked after at once.
    pub(super) fn ended(&mut self, done: &Done, now: Timestamp) {
        if let Some(channel) = self.followed.remove(&done.attempted.delivery_id) {
            self.wake(channel, now.as_millisecond(), now.as_millisecond());
        }
        // Of a digest it is some member that somebody may wait for; who does goes through the same channel.
        if done.attempted.is_digest && self.followed.values().any(|channel| *channel == done.channel_id) {
            self.wake(done.channel_id, now.as_millisecond(), now.as_millisecond());
        }
    }

    /// Decides on what waits for a channel and for other deliveries.
    pub(super) async fn follow_up(&mut self, channel: ChannelId, now: i64) -> Result<(), StoreError> {
        let followers = self.store.followers(channel.0).await?;
        if followers.is_empty() {
            return Ok(());
        }
        let moves = follow::decide(&followers, now);
        let waits = |id| moves.wait.iter().any(|(waiting, _)| *waiting == id);
        for after in followers.iter().filter(|follower| !waits(follower.id)).flat_map(|follower| &follower.after) {
            self.followed.remove(&after.id);
        }
        let dropped = moves.drop.clone();
        self.store.move_followers(moves, now).await?;
        // Where nodes share a database, it tells what changes.
        if !dropped.is_empty() && !self.store.is_shared() {
            self.watchers.tell(Changed::These(dropped));
        }
        Ok(())
    }
}
