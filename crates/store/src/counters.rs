//! The counters of the invariant: rows that change in the transaction that changes the states.

use sea_orm::{DbBackend, Statement, Value};

use crate::DeliveryState;

/// Where the counter of all accepted deliveries stands among those of the states.
pub(crate) const ACCEPTED: i16 = -1;

/// By how much the counters change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// All accepted deliveries.
    pub(crate) accepted: i64,
    /// Those in each state, in the order of [`DeliveryState::ALL`].
    pub(crate) states: [i64; DeliveryState::ALL.len()],
}

impl Counts {
    /// So many deliveries that go from one state to another.
    pub(crate) fn moved(from: DeliveryState, to: DeliveryState, count: u64) -> Self {
        let mut counts = Self::default();
        let by = i64::try_from(count).unwrap_or(i64::MAX);
        counts.states[from as usize] -= by;
        counts.states[to as usize] += by;
        counts
    }

    /// The same, moved besides.
    pub(crate) fn and_moved(mut self, from: DeliveryState, to: DeliveryState, count: u64) -> Self {
        let moved = Self::moved(from, to, count);
        self.states.iter_mut().zip(moved.states).for_each(|(state, by)| *state += by);
        self
    }

    /// The statement that adds them to what this owner counts.
    pub(crate) fn add(self, backend: DbBackend, owner: i64) -> Statement {
        match backend {
            DbBackend::Postgres => {
                let rows = (1..).zip(COUNTERS).map(|(place, state)| format!("({owner}, {state}, ${place}::bigint)"));
                let sql = upsert(&format!("VALUES {}", rows.collect::<Vec<_>>().join(", ")));
                Statement::from_sql_and_values(backend, sql, self.values())
            }
            _ => Statement::from_sql_and_values(backend, ADD_HERE, self.values()),
        }
    }

    /// By how much each of [`COUNTERS`] changes.
    pub(crate) fn values(self) -> [Value; COUNTERS.len()] {
        let mut values = [self.accepted; COUNTERS.len()];
        values[1..].copy_from_slice(&self.states);
        values.map(Value::from)
    }
}

/// All counters, by their numbers.
const COUNTERS: [i16; DeliveryState::ALL.len() + 1] = [ACCEPTED, 0, 1, 2, 3, 4];

/// Adds to the one slot that there is on SQLite.
pub(crate) const ADD_HERE: &str = "UPDATE fanfare_counters SET value = value + CASE state \
     WHEN -1 THEN ? WHEN 0 THEN ? WHEN 1 THEN ? WHEN 2 THEN ? WHEN 3 THEN ? WHEN 4 THEN ? ELSE 0 END";

/// Adds these rows of slot, state and number, on PostgreSQL. A slot that has been folded meanwhile comes into being again.
pub(crate) fn upsert(rows: &str) -> String {
    format!(
        "INSERT INTO fanfare_counters (slot, state, value) {rows} \
         ON CONFLICT (slot, state) DO UPDATE SET value = fanfare_counters.value + excluded.value"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_is_counted() {
        let numbers: Vec<i16> = DeliveryState::ALL.map(DeliveryState::number).to_vec();
        assert_eq!((COUNTERS[0], &COUNTERS[1..]), (ACCEPTED, numbers.as_slice()));
    }
}
