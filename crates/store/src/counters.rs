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

    /// The statement that adds them.
    pub(crate) fn add(self, backend: DbBackend) -> Statement {
        let (sql, values) = self.text_and_values(backend);
        Statement::from_sql_and_values(backend, sql, values)
    }

    /// The statement that adds them, in two parts. The text does not depend on the numbers, so that it stays prepared.
    pub(crate) fn text_and_values(self, backend: DbBackend) -> (String, [Value; DeliveryState::ALL.len() + 1]) {
        let mut values = [0; DeliveryState::ALL.len() + 1];
        values[0] = self.accepted;
        values[1..].copy_from_slice(&self.states);
        let states = std::iter::once(ACCEPTED).chain(DeliveryState::ALL.map(DeliveryState::number));
        let case = |(place, state)| match backend {
            DbBackend::Postgres => format!(" WHEN {state} THEN ${}::bigint", place + 1),
            _ => format!(" WHEN {state} THEN ?"),
        };
        let cases: String = states.enumerate().map(case).collect();
        let sql = format!("UPDATE fanfare_counters SET value = value + CASE state{cases} ELSE 0 END");
        (sql, values.map(Value::from))
    }
}
