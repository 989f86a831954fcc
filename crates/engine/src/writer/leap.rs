//! The machine's clock was set. What is to happen in an hour is to happen in an hour all the same: every time that
//! somebody waits for is moved, in the database and in memory, and then the new time counts.

use fanfare_store::StoreError;

use super::Writer;
use crate::lane::ToLane;

impl Writer {
    /// Moves everything that waits for a time, where the clock was set.
    pub(super) async fn leap(&mut self) {
        let Some(by) = self.outside.clock.leap() else {
            self.is_clock_wrong = false;
            return;
        };
        match self.follow_clock(by).await {
            Ok(true) => {
                self.is_clock_wrong = false;
                tracing::warn!(by_s = by / 1_000, "the clock was set; what waits was moved along");
            }
            Ok(false) if !self.is_clock_wrong => {
                self.is_clock_wrong = true;
                tracing::warn!(
                    by_s = by / 1_000,
                    "the clock was set and differs from the database's; it is not followed"
                );
            }
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "the clock was set, and what waits could not be moved yet"),
        }
    }

    /// Says whether the new time counts now.
    async fn follow_clock(&mut self, by: i64) -> Result<bool, StoreError> {
        let now = self.outside.clock.now().as_millisecond().saturating_add(by);
        if !self.store.shift_times(by, now).await? {
            return Ok(false);
        }
        for lane in self.lanes.values() {
            let _ = lane.tell.send(ToLane::Leap(by));
        }
        for row in self.remembered.values_mut() {
            row.paused_until = row.paused_until.map(|until| until.saturating_add(by));
        }
        self.outside.clock.follow();
        self.wake_all(now).await?;
        Ok(true)
    }
}
