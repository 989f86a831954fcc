//! Events that begin, continue or end a condition: who of their plan's targets knows already.
//!
//! Everything of such an event but this is decided before the queue. This is decided by the writer, one event after
//! the other, in the transaction that also writes what follows; of two that arrive together, the second sees the first.

use std::collections::BTreeSet;

use fanfare_core::{ConditionFacts, ConditionState, Event, EventType, Plan, Reminder, Told, remind};
use fanfare_store::{Commit, ConditionId, Follow, KnownConditions, ToldRow};
use jiff::Timestamp;
use uuid::Uuid;

use crate::{birth::Birth, intake::Prepared, writer::Acceptance};

/// The conditions that an event begins, continues or ends.
#[derive(Clone, Debug)]
pub(crate) struct Concern {
    state: ConditionState,
    /// The one that begins or continues; or all that end.
    ids: Vec<ConditionId>,
    reminder: Reminder,
}

impl Concern {
    /// What the event's condition concerns; `None` for an event without one.
    pub(crate) fn of(event: &Event, event_type: &EventType, reminder: Reminder) -> Option<Self> {
        let condition = event.condition.as_ref()?;
        let types = event_type.concerns(condition.state);
        let ids = types.map(|event_type| ConditionId::new(event_type.as_str(), &condition.key)).collect();
        Some(Self { state: condition.state, ids, reminder })
    }

    /// The conditions.
    pub(crate) fn ids(&self) -> impl Iterator<Item = ConditionId> {
        self.ids.iter().copied()
    }

    /// The plan without those who know already, or never knew.
    pub(crate) fn settle(&self, plan: Plan, known: &KnownConditions, now: Timestamp) -> Plan {
        let rows = self.ids.iter().filter_map(|id| known.get(id)).flatten();
        let told: Vec<_> = rows.map(told).collect();
        remind(plan, &ConditionFacts { state: self.state, told: &told, reminder: self.reminder, now })
    }
}

fn told(row: &ToldRow) -> Told {
    let at = row.told_at.and_then(|at| Timestamp::from_millisecond(at).ok());
    Told { target: row.target.clone(), at, on_its_way: row.on_its_way }
}

/// An event on its way to the writer.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "it travels in a box of the acceptance")]
pub(crate) enum Draft {
    /// Nothing is left to decide but where each delivery begins.
    Ready(Birth),
    /// Who knows of its conditions is to be seen first.
    Concerned(Box<Prepared>, Concern, Timestamp),
}

impl Draft {
    pub(crate) fn new(mut prepared: Prepared, now: Timestamp, expires_at: Timestamp) -> Self {
        match prepared.concern.take() {
            None => Self::Ready(Birth::new(prepared, now, expires_at)),
            Some(concern) => Self::Concerned(Box::new(prepared), concern, expires_at),
        }
    }
}

/// The conditions that a batch concerns.
pub(crate) fn concerned(accepts: &[Acceptance]) -> BTreeSet<ConditionId> {
    let concerns = accepts.iter().filter_map(|accept| match &accept.draft {
        Draft::Concerned(_, concern, _) => Some(concern.ids()),
        Draft::Ready(_) => None,
    });
    concerns.flatten().collect()
}

/// The conditions of a batch, as they stand while it is decided.
#[derive(Debug, Default)]
pub(crate) struct Book {
    known: KnownConditions,
    changed: BTreeSet<ConditionId>,
    ended: BTreeSet<ConditionId>,
}

impl Book {
    pub(crate) fn new(known: KnownConditions) -> Self {
        Self { known, ..Self::default() }
    }

    /// What is to be written for an event, now that everything before it is decided.
    pub(crate) fn birth(&mut self, draft: Draft, now: Timestamp) -> Birth {
        let (mut prepared, concern, expires_at) = match draft {
            Draft::Ready(birth) => return birth,
            Draft::Concerned(prepared, concern, expires_at) => (*prepared, concern, expires_at),
        };
        prepared.plan = concern.settle(prepared.plan, &self.known, now);
        let targets: Vec<String> = prepared.plan.targets.iter().map(|target| target.key()).collect();
        let mut birth = Birth::new(prepared, now, expires_at);
        if concern.state == ConditionState::Resolved {
            let deliveries = targets.iter().zip(&birth.new.deliveries);
            let follows = deliveries.flat_map(|(target, delivery)| self.before(&concern, target, delivery.id));
            birth.new.follows = follows.collect();
        }
        for id in concern.ids() {
            if concern.state == ConditionState::Resolved {
                self.known.remove(&id);
                self.ended.insert(id);
                continue;
            }
            let rows = self.known.entry(id).or_default();
            for (target, delivery) in targets.iter().zip(&birth.new.deliveries) {
                let before = rows.iter().position(|row| row.target == *target).map(|at| rows.remove(at));
                rows.push(ToldRow {
                    target: target.clone(),
                    delivery_id: Some(delivery.id),
                    told_at: before.and_then(|row| row.told_at),
                    on_its_way: true,
                });
            }
            self.changed.insert(id);
        }
        birth
    }

    /// What the end of conditions waits for at one target: the alerts that are still on their way to it. Where none before
    /// them arrived, one of them has to, or there is nothing to end.
    fn before(&self, concern: &Concern, target: &str, delivery_id: Uuid) -> Vec<Follow> {
        let rows = concern.ids.iter().filter_map(|id| self.known.get(id)).flatten();
        let rows: Vec<_> = rows.filter(|row| row.target == target).collect();
        let needed = rows.iter().all(|row| row.told_at.is_none());
        let on_their_way = rows.iter().filter(|row| row.on_its_way).filter_map(|row| row.delivery_id);
        on_their_way.map(|after_id| Follow { delivery_id, after_id, needed }).collect()
    }

    /// Adds what has become of the conditions.
    pub(crate) fn write(self, commit: &mut Commit, now: Timestamp) {
        let now = now.as_millisecond();
        self.ended.into_iter().for_each(|id| commit.end_condition(id));
        for id in self.changed {
            for mut row in self.known.get(&id).into_iter().flatten().cloned() {
                // A time to come was written before the clock was put back.
                row.told_at = row.told_at.map(|at| at.min(now));
                commit.tell_condition(id, row, now);
            }
        }
    }
}
