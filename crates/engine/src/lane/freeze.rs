//! Digests, as a lane asks for them: what waits while it is held back, and is a storm, is frozen in the database before
//! it is sent as one.

use std::{collections::HashSet, sync::atomic::Ordering, time::Duration};

use fanfare_core::{EventTypeId, Recipients, Waiting};
use jiff::Timestamp;
use uuid::Uuid;

use super::task::{LaneTask, begun};
use crate::{send::Leased, snapshot::ChannelEntry, writer::Write};

/// How long a lane waits before it asks again, where digests could not be frozen.
const PATIENCE: Duration = Duration::from_millis(500);

/// What a lane wants to be told as one.
#[derive(Debug)]
pub(crate) struct Storm {
    pub(crate) event_type: EventTypeId,
    pub(crate) recipients: Recipients,
    pub(crate) members: Vec<Uuid>,
    /// Whether all of them tell of a channel's health.
    pub(crate) is_own: bool,
}

/// The writer's answer.
#[derive(Debug)]
pub(crate) struct Frozen {
    /// What is in the database now: each digest and its members.
    pub(crate) digests: Vec<(Leased, HashSet<Uuid>)>,
    /// Whether that is everything that was asked for.
    pub(crate) is_all: bool,
}

/// What a lane waits for.
#[derive(Debug, Default)]
pub(super) struct Freezing {
    /// Whether the writer has been asked and has not answered.
    pub(super) asked: bool,
    /// Not to ask again before this time.
    again: Option<Timestamp>,
}

/// Whether digests are on their way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gathering {
    /// No: what waits leaves one by one.
    Nothing,
    /// Nothing leaves until the writer has answered what it was asked.
    Asked,
    /// They could not be frozen; nothing leaves until they are asked for again.
    Later(Timestamp),
}

impl LaneTask {
    /// Asks for digests when something is about to leave that was held back, so that they hold all that waits by then.
    /// What waits stays where it is until the writer has answered.
    pub(super) fn gather(&mut self, entry: &ChannelEntry, room: usize, now: Timestamp) -> Gathering {
        if self.freezing.asked {
            return Gathering::Asked;
        }
        if !self.held_back || !entry.rules.digest || self.in_flight.len() >= room {
            return Gathering::Nothing;
        }
        let mut bucket = self.state.bucket;
        if entry.rules.pace.is_some_and(|pace| bucket.take(pace, now).is_err()) {
            return Gathering::Nothing;
        }
        // What is just being taken from the database waits, too.
        if self.claiming {
            return Gathering::Asked;
        }
        let storms = self.storms(now);
        if storms.is_empty() {
            return Gathering::Nothing;
        }
        if let Some(again) = self.freezing.again.filter(|again| now < *again) {
            return Gathering::Later(again);
        }
        self.freezing.asked = true;
        let _ = self.writer.send(Write::Freeze(self.id, storms));
        Gathering::Asked
    }

    fn storms(&self, now: Timestamp) -> Vec<Storm> {
        let single = || self.queue.iter().filter(|leased| leased.members.is_none());
        let waiting = single().map(|leased| Waiting {
            event_type: &leased.event_type,
            recipients: &leased.recipients,
            since: leased.since,
        });
        let storms = self.outside.lanes.digest.storms(waiting, now);
        if storms.is_empty() {
            return Vec::new();
        }
        let single: Vec<_> = single().collect();
        let storm = |places: Vec<usize>| {
            let members = || places.iter().filter_map(|place| single.get(*place));
            let first = members().next()?;
            Some(Storm {
                event_type: first.event_type.clone(),
                recipients: first.recipients.clone(),
                members: members().map(|leased| leased.id.0).collect(),
                is_own: members().all(|leased| leased.is_own),
            })
        };
        storms.into_iter().filter_map(storm).collect()
    }

    /// Each digest takes the place of the first of its members that waits here.
    pub(super) fn frozen(&mut self, frozen: Frozen) {
        self.freezing.asked = false;
        let wait = || self.outside.clock.now().checked_add(PATIENCE).unwrap_or(Timestamp::MAX);
        self.freezing.again = (!frozen.is_all).then(wait);
        for (digest, members) in frozen.digests {
            let is_member = |leased: &Leased| members.contains(&leased.id.0);
            let place = self.queue.iter().position(is_member);
            let before = self.queue.len();
            self.queue.retain(|leased| !is_member(leased));
            self.load.fetch_sub(before - self.queue.len(), Ordering::AcqRel);
            self.load.fetch_add(1, Ordering::AcqRel);
            self.queue.insert(place.unwrap_or(0), begun(digest, self.id));
        }
    }
}
