//! What may have been written although the database said that it failed.
//!
//! A commit whose answer was lost may have happened, and be it later. Then deliveries belong to this start that no lane
//! has in memory, and nobody would ever send them. So after a failure the writer looks for such deliveries for a while,
//! and gives them back to the database, from where their lanes claim them.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use fanfare_store::StoreError;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::Writer;
use crate::lane::ToLane;

/// How long after a failure something may still be written by a transaction that was given up.
const LATEST: Duration = Duration::from_secs(60);

/// How long lies between two looks.
const LOOK: Duration = Duration::from_secs(1);

/// After a failure, until everything is certain again.
#[derive(Debug)]
pub(crate) struct Doubt {
    until: Instant,
    next: Instant,
    /// What the look before found to be in nobody's memory.
    missing: HashSet<Uuid>,
}

impl Doubt {
    pub(super) fn new(now: Instant) -> Self {
        Self { until: now + LATEST, next: now + LOOK, missing: HashSet::new() }
    }

    /// Whether it is time for a look.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.next <= now
    }

    /// What is lost: what belongs to this start and was in nobody's memory, at this look as at the one before. In
    /// between, whatever was on its way from a lane to the writer has arrived.
    fn lost(&mut self, owned: HashSet<Uuid>, in_memory: &HashSet<Uuid>) -> Vec<Uuid> {
        let missing: HashSet<Uuid> = owned.difference(in_memory).copied().collect();
        let lost: Vec<Uuid> = missing.intersection(&self.missing).copied().collect();
        self.missing = missing;
        lost
    }
}

impl Writer {
    /// The database has failed: what it was asked to do may have been done.
    pub(super) fn doubt(&mut self) {
        let now = Instant::now();
        match &mut self.doubt {
            Some(doubt) => doubt.until = now + LATEST,
            None => self.doubt = Some(Doubt::new(now)),
        }
    }

    /// Looks for deliveries that belong to this start and that no lane knows of, if it is time.
    pub(super) async fn settle_doubt(&mut self) {
        let now = Instant::now();
        // What is to be recorded still belongs to this start, too; and a database that takes it works again.
        if !self.unrecorded.is_empty() || !self.doubt.as_ref().is_some_and(|doubt| doubt.is_due(now)) {
            return;
        }
        match self.give_back_lost().await {
            Ok(0) => {}
            Ok(count) => tracing::warn!(count, "deliveries were stored although the database said that it failed"),
            Err(error) => {
                tracing::warn!(%error, "what the database did when it failed could not be found out");
                self.doubt();
            }
        }
        let after = Instant::now();
        self.doubt = self.doubt.take().filter(|doubt| after < doubt.until || !doubt.missing.is_empty());
        if let Some(doubt) = &mut self.doubt {
            doubt.next = after + LOOK;
        }
    }

    async fn give_back_lost(&mut self) -> Result<usize, StoreError> {
        let owned: HashSet<Uuid> = self.store.owned().await?.into_iter().collect();
        let mut in_memory = HashSet::new();
        for lane in self.lanes.values() {
            let (reply, has) = oneshot::channel();
            let _ = lane.tell.send(ToLane::Show(reply));
            in_memory.extend(has.await.unwrap_or_default());
        }
        let Some(doubt) = &mut self.doubt else { return Ok(0) };
        let lost = doubt.lost(owned, &in_memory);
        let count = lost.len();
        if count > 0 {
            self.store.release(lost).await?;
            self.wake_all(self.outside.clock.now().as_millisecond()).await?;
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_missing_twice_is_lost() {
        let [sent, recorded, lost] = [1, 2, 3].map(Uuid::from_u128);
        let mut doubt = Doubt::new(Instant::now());
        let set = |ids: &[Uuid]| ids.iter().copied().collect::<HashSet<_>>();
        assert_eq!(doubt.lost(set(&[sent, recorded, lost]), &set(&[sent])), Vec::<Uuid>::new());
        // Its outcome was on the way to the writer.
        assert_eq!(doubt.lost(set(&[sent, lost]), &set(&[sent])), vec![lost]);
        assert_eq!(doubt.lost(set(&[sent]), &set(&[sent])), Vec::<Uuid>::new());
        // What is missing again later is looked at twice again.
        assert_eq!(doubt.lost(set(&[lost]), &set(&[])), Vec::<Uuid>::new());
    }
}
