//! What the engine measures of itself, for whoever installs a recorder of the crate `metrics`; without one, nothing
//! is kept and it costs next to nothing.

use std::{collections::BTreeMap, time::Duration};

use fanfare_store::Next;
use jiff::Timestamp;
use metrics::{
    Counter, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};

use crate::send::Done;

/// Seconds from a call to its answer.
const ACCEPT: &str = "fanfare_accept_seconds";
/// Seconds from acceptance to delivery.
const DELIVERY: &str = "fanfare_delivery_seconds";
/// Seconds that a transaction of the writer takes.
const COMMIT: &str = "fanfare_commit_seconds";
/// Events in a transaction of the writer.
const COMMIT_EVENTS: &str = "fanfare_commit_events";
/// Outcomes of attempts in a transaction of the writer.
const COMMIT_OUTCOMES: &str = "fanfare_commit_outcomes";
/// Transactions of the writer that failed.
const DATABASE_ERRORS: &str = "fanfare_database_errors_total";
/// Attempts that ended.
const ATTEMPTS: &str = "fanfare_attempts_total";
/// When this node renewed its lease.
const LEASE_RENEWED: &str = "fanfare_lease_renewed_timestamp_seconds";
/// How often this node lost its lease.
const LEASES_LOST: &str = "fanfare_leases_lost_total";
/// Deliveries that this node took over from others.
const TAKEN_OVER: &str = "fanfare_deliveries_taken_over_total";

/// The measures that are kept at hand.
#[derive(Debug)]
pub(crate) struct Meters {
    accept: Histogram,
    delivery: Histogram,
    commit: Histogram,
    commit_events: Histogram,
    commit_outcomes: Histogram,
    database_errors: Counter,
    leases_lost: Counter,
    taken_over: Counter,
}

impl Meters {
    pub(crate) fn new() -> Self {
        describe_histogram!(ACCEPT, Unit::Seconds, "Time from a call to its answer, of events that were accepted.");
        describe_histogram!(DELIVERY, Unit::Seconds, "Time from the acceptance of an event to the delivery.");
        describe_histogram!(COMMIT, Unit::Seconds, "Time that a transaction of the writer takes.");
        describe_histogram!(COMMIT_EVENTS, Unit::Count, "Events in a transaction of the writer.");
        describe_histogram!(COMMIT_OUTCOMES, Unit::Count, "Outcomes of attempts in a transaction of the writer.");
        describe_counter!(DATABASE_ERRORS, Unit::Count, "Transactions of the writer that failed.");
        describe_counter!(ATTEMPTS, Unit::Count, "Attempts by the channel's kind and their outcome.");
        describe_gauge!(LEASE_RENEWED, Unit::Seconds, "When this node renewed its lease, as Unix time; several nodes.");
        describe_counter!(LEASES_LOST, Unit::Count, "How often others took over what this node had.");
        describe_counter!(TAKEN_OVER, Unit::Count, "Deliveries that were taken over from nodes that are gone.");
        Self {
            accept: histogram!(ACCEPT),
            delivery: histogram!(DELIVERY),
            commit: histogram!(COMMIT),
            commit_events: histogram!(COMMIT_EVENTS),
            commit_outcomes: histogram!(COMMIT_OUTCOMES),
            database_errors: counter!(DATABASE_ERRORS),
            leases_lost: counter!(LEASES_LOST),
            taken_over: counter!(TAKEN_OVER),
        }
    }

    pub(crate) fn accepted(&self, took: Duration) {
        self.accept.record(took);
    }

    pub(crate) fn committed(&self, took: Duration, events: usize, outcomes: usize) {
        self.commit.record(took);
        self.commit_events.record(events as f64);
        self.commit_outcomes.record(outcomes as f64);
    }

    pub(crate) fn failed(&self) {
        self.database_errors.increment(1);
    }

    /// The lease has been renewed. A node that has none, for it is alone, never tells of one.
    pub(crate) fn lease_renewed(&self, now: Timestamp) {
        gauge!(LEASE_RENEWED).set(now.as_millisecond() as f64 / 1_000.0);
    }

    pub(crate) fn lease_lost(&self) {
        self.leases_lost.increment(1);
    }

    pub(crate) fn took_over(&self, deliveries: u64) {
        self.taken_over.increment(deliveries);
    }

    /// Counts attempts whose outcomes have been recorded, each with its channel's kind.
    pub(crate) fn attempted<'a>(&self, ended: impl Iterator<Item = (&'a Done, &'a str)>) {
        // Finding a counter by its labels costs more than counting does, so each is found once.
        let mut counts = BTreeMap::<(&str, &str), u64>::new();
        for (done, kind) in ended {
            let attempted = &done.attempted;
            *counts.entry((kind, attempted.outcome)).or_default() += 1;
            if attempted.next == Next::Delivered {
                let took = (attempted.at + attempted.duration_ms - done.since.as_millisecond()).max(0);
                self.delivery.record(took as f64 / 1_000.0);
            }
        }
        for ((kind, outcome), count) in counts {
            counter!(ATTEMPTS, "kind" => kind.to_owned(), "outcome" => outcome.to_owned()).increment(count);
        }
    }
}
