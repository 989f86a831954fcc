//! Storms: many deliveries of one event type that wait for a channel which is held back are told as one.

mod words;

use std::{
    collections::{BTreeMap, btree_map::Entry},
    time::Duration,
};

use jiff::Timestamp;

use crate::{EventTypeId, LaneDefaults, Recipients};

pub use words::digest;

/// When deliveries that wait for a channel which is held back become a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DigestPolicy {
    /// The oldest that waits for the channel is older than this.
    pub after: Duration,
    /// More than so many of one event type wait.
    pub more_than: usize,
}

impl Default for DigestPolicy {
    /// Older than 10 s, and more than 20.
    fn default() -> Self {
        Self { after: Duration::from_secs(10), more_than: 20 }
    }
}

/// A delivery that waits, as far as it matters for a digest.
#[derive(Clone, Copy, Debug)]
pub struct Waiting<'a> {
    /// Of what it tells.
    pub event_type: &'a EventTypeId,
    /// Whom it tells.
    pub recipients: &'a Recipients,
    /// When it was accepted.
    pub since: Timestamp,
}

impl DigestPolicy {
    /// Which deliveries that wait for one channel are told together: for each digest the places of its members, in
    /// their order. Only what has the same event type and the same recipients is; what is for one user alone never is.
    ///
    /// That the channel is held back, and that it is one that gets digests ([`LaneDefaults::digests`]), is for the
    /// caller to know.
    pub fn storms<'a>(&self, waiting: impl Iterator<Item = Waiting<'a>> + Clone, now: Timestamp) -> Vec<Vec<usize>> {
        let oldest = waiting.clone().map(|waiting| waiting.since).min();
        let is_old = |oldest| Duration::try_from(now.duration_since(oldest)).is_ok_and(|age| age > self.after);
        if !oldest.is_some_and(is_old) {
            return Vec::new();
        }
        let mut storms: Vec<Vec<usize>> = Vec::new();
        let mut found: BTreeMap<_, usize> = BTreeMap::new();
        for (place, waiting) in waiting.enumerate() {
            let except = match waiting.recipients {
                Recipients::Configured => None,
                Recipients::Except(address) => Some(address.as_str()),
                Recipients::Only(_) => continue,
            };
            match found.entry((waiting.event_type, except)) {
                Entry::Occupied(at) => storms[*at.get()].push(place),
                Entry::Vacant(free) => {
                    free.insert(storms.len());
                    storms.push(vec![place]);
                }
            }
        }
        storms.retain(|storm| storm.len() > self.more_than);
        storms
    }
}

impl LaneDefaults {
    /// Whether a channel of this kind gets digests, where `set` is what it says itself.
    pub fn digests(&self, set: Option<bool>) -> bool {
        set.unwrap_or(self.digest)
    }
}

#[cfg(test)]
mod tests;
