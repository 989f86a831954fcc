//! One transaction: what waits is decided on, written, and then answered and handed out.

use std::{collections::BTreeMap, time::Instant};

use fanfare_core::ChannelId;
use fanfare_store::{
    AttemptRow, Attempted, Commit, DeliveryState, HeldConditions, KnownKey, NewEvent, Next, StoreError,
};
use jiff::Timestamp;

use super::{
    Writer,
    messages::{Acceptance, Answer, Verdict},
};
use crate::{
    AcceptError, Accepted, Idempotency,
    birth::{Birth, document},
    conditions::{Book, concerned},
    follow,
    janitor::KEY_LIFE,
    lane::ToLane,
    send::{Done, Leased},
    snapshot::Snapshot,
};

impl Writer {
    /// Writes everything that waits in one transaction, then answers and hands out.
    pub(super) async fn commit(&mut self, accepts: Vec<Acceptance>) {
        let now = self.outside.clock.now();
        let mut outcomes = std::mem::take(&mut self.unrecorded);
        // What was sent before the lease expired is somebody else's to record.
        outcomes.retain(|done| done.owner == self.store.owner());
        let (known, mut held) = match self.known(&accepts, now).await {
            Ok(known) => known,
            Err(error) => {
                refuse(accepts.into_iter().map(|accept| accept.answer), &error);
                self.unrecorded = outcomes;
                self.is_failing = true;
                return;
            }
        };
        let conditions = held.as_mut().map(|held| std::mem::take(&mut held.known));
        let mut book = Book::new(conditions.unwrap_or_default());
        let (mut commit, births) = self.births(accepts, known, &mut book, now);
        book.write(&mut commit, now);
        let snapshot = self.current.get();
        outcomes.iter().for_each(|done| commit.record(settled(done, &snapshot)));
        let began = Instant::now();
        // Where nodes share a database, it tells what changes.
        let changed = (!self.store.is_shared() && self.watchers.any()).then(|| commit.changed());
        match self.store.write_held(commit, held).await {
            Ok(()) => {
                self.is_failing = false;
                self.outside.meters.committed(began.elapsed(), births.answers.len(), outcomes.len());
                self.hand_out(births, &outcomes, now);
                if let Some(changed) = changed {
                    self.watchers.tell(changed);
                }
            }
            Err(error) => {
                for (channel, leased) in births.leased {
                    if let Some(lane) = self.lanes.get(&channel) {
                        lane.give_back(leased.len());
                    }
                }
                self.outside.meters.failed();
                self.is_failing = true;
                self.doubt();
                refuse(births.answers.into_iter().map(|(answer, _)| answer), &error);
                self.unrecorded = outcomes;
            }
        }
    }

    /// Which of the idempotency keys were used before, and how the conditions stand that the events concern.
    async fn known(
        &self,
        accepts: &[Acceptance],
        now: Timestamp,
    ) -> Result<(Vec<KnownKey>, Option<HeldConditions>), StoreError> {
        let keys = accepts.iter().filter_map(|accept| accept.key.as_ref());
        let keys: Vec<_> = keys.map(|key| (key.scope.as_str(), key.key.as_str())).collect();
        let keys = self.store.known_keys(&keys, now.as_millisecond() - KEY_LIFE.as_millis() as i64).await?;
        let conditions = concerned(accepts);
        let held = if conditions.is_empty() { None } else { Some(self.store.hold_conditions(&conditions).await?) };
        Ok((keys, held))
    }

    /// What is to be written for new events; a repeat is answered with what was answered first.
    fn births(
        &mut self,
        accepts: Vec<Acceptance>,
        mut known: Vec<KnownKey>,
        book: &mut Book,
        now: Timestamp,
    ) -> (Commit, Births) {
        let snapshot = self.current.get();
        let mut births = Births { answers: Vec::with_capacity(accepts.len()), ..Births::default() };
        let mut commit = Commit::with_capacity(accepts.len());
        for accept in accepts {
            if let Some(repeat) = accept.key.as_ref().and_then(|key| repeat(key, &known)) {
                births.answers.push((accept.answer, repeat));
                continue;
            }
            let mut birth = book.birth(accept.draft, now);
            self.settle(&mut birth, &snapshot, &mut births);
            if let Some(Idempotency { scope, key, body_hash }) = accept.key {
                let key = KnownKey { scope, key, body_hash, answer: document(&birth.accepted) };
                known.push(key.clone());
                birth.new.key = Some(key);
            }
            commit.insert(birth.new);
            births.answers.push((accept.answer, Ok(birth.accepted)));
        }
        (commit, births)
    }

    /// Decides where each delivery of an event begins, and remembers who gets it.
    fn settle(&mut self, birth: &mut Birth, snapshot: &Snapshot, births: &mut Births) {
        for (place, leased) in std::mem::take(&mut birth.leases).into_iter().enumerate() {
            let channel = ChannelId(birth.new.deliveries[place].channel_id);
            let waits = self.waits(birth, place, channel);
            let enabled = snapshot.channels.entry(channel).map(|entry| entry.info.enabled);
            let lane = self.lanes.get_mut(&channel);
            match (enabled, lane) {
                (None, _) => birth.settle(place, DeliveryState::Suppressed, None),
                (Some(false), _) => birth.settle(place, DeliveryState::Held, None),
                (Some(true), _) if waits => {
                    birth.look_at(place, follow::next_look(birth.new.event.created_at));
                    births.waiting.push(channel);
                }
                (Some(true), Some(lane)) if !lane.spilling && lane.reserve() => {
                    let owner = self.store.owner();
                    birth.settle(place, DeliveryState::Pending, Some(owner));
                    births.leased.entry(channel).or_default().push(Leased { owner, ..leased });
                }
                (Some(true), lane) => {
                    birth.settle(place, DeliveryState::Pending, None);
                    if let Some(lane) = lane {
                        lane.spilling = true;
                    }
                    if !births.spilled.contains(&channel) {
                        births.spilled.push(channel);
                    }
                }
            }
        }
    }

    /// After the commit: callers are answered, lanes get what is theirs, and what waits in the database is told.
    fn hand_out(&mut self, births: Births, outcomes: &[Done], now: Timestamp) {
        for (answer, accepted) in births.answers {
            let _ = answer.send(accepted);
        }
        for (channel, leased) in births.leased {
            if let Some(lane) = self.lanes.get(&channel) {
                let _ = lane.tell.send(ToLane::Send(leased));
            }
        }
        for channel in births.spilled {
            self.wake(channel, now.as_millisecond(), now.as_millisecond());
        }
        for channel in births.waiting {
            self.wake(channel, follow::next_look(now.as_millisecond()), now.as_millisecond());
        }
        let snapshot = self.current.get();
        let kind = |channel| snapshot.channels.entry(channel).map_or("", |entry| entry.info.kind.as_str());
        self.outside.meters.attempted(outcomes.iter().map(|done| (done, kind(done.channel_id))));
        for done in outcomes {
            match done.attempted.next {
                Next::Again(at) => self.wake(done.channel_id, at, now.as_millisecond()),
                _ => self.ended(done, now),
            }
        }
    }

    pub(super) async fn tested(&mut self, event: NewEvent, attempts: Vec<AttemptRow>) -> Result<(), StoreError> {
        let mut commit = Commit::default();
        commit.insert(event);
        attempts.into_iter().for_each(|attempt| commit.insert_attempt(attempt));
        self.store.write(commit).await
    }
}

/// What a transaction brings about once it is committed.
#[derive(Default)]
struct Births {
    answers: Vec<(Answer<Verdict>, Verdict)>,
    leased: BTreeMap<ChannelId, Vec<Leased>>,
    spilled: Vec<ChannelId>,
    /// Those for which something waits for other deliveries.
    waiting: Vec<ChannelId>,
}

/// Tells callers that nothing of theirs was stored, as far as that is known.
fn refuse(answers: impl Iterator<Item = Answer<Verdict>>, error: &StoreError) {
    tracing::error!(%error, "a batch could not be written");
    for answer in answers {
        let _ = answer.send(Err(match error {
            StoreError::Uncertain(_) => AcceptError::Uncertain,
            full if full.is_full() => AcceptError::Full,
            _ => AcceptError::Unavailable("the database failed; try again in a moment".into()),
        }));
    }
}

/// The answer to a request whose key was used before.
fn repeat(key: &Idempotency, known: &[KnownKey]) -> Option<Verdict> {
    let first = known.iter().find(|first| first.scope == key.scope && first.key == key.key)?;
    if first.body_hash != key.body_hash {
        return Some(Err(AcceptError::KeyReused));
    }
    let answer = serde_json::from_str::<Accepted>(&first.answer);
    let answer = answer.map(|accepted| Accepted { duplicate: true, ..accepted });
    Some(answer.map_err(|error| AcceptError::Unavailable(error.to_string())))
}

/// An outcome in the light of the present configuration: what is to be tried again through a channel that has
/// been disabled meanwhile is held, and through one that has been deleted, suppressed.
fn settled(done: &Done, snapshot: &Snapshot) -> Attempted {
    let mut attempted = done.attempted.clone();
    if matches!(attempted.next, Next::Again(_)) {
        match snapshot.channels.entry(done.channel_id) {
            Some(entry) if entry.info.enabled => {}
            Some(_) => attempted.next = Next::Held,
            None => attempted.next = Next::Suppressed,
        }
    }
    attempted
}
