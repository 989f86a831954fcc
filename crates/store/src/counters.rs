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

    /// The statement that adds them.
    pub(crate) fn add(self, backend: DbBackend) -> Statement {
        self.statement(backend, |_| "")
    }

    /// The same for SQLite, and besides as many go from pending to `to` as the statement before changed.
    pub(crate) fn add_and_move(self, to: DeliveryState) -> Statement {
        self.statement(DbBackend::Sqlite, |state| match state {
            _ if state == DeliveryState::Pending.number() => " - changes()",
            _ if state == to.number() => " + changes()",
            _ => "",
        })
    }

    /// The text does not depend on the numbers, so that it stays prepared.
    fn statement(self, backend: DbBackend, besides: impl Fn(i16) -> &'static str) -> Statement {
        let states = DeliveryState::ALL.map(|state| (state.number(), self.states[state as usize]));
        let counters = [(ACCEPTED, self.accepted)].into_iter().chain(states).enumerate();
        let (cases, values): (String, Vec<Value>) = counters
            .map(|(place, (state, by))| {
                let mark = if backend == DbBackend::Postgres { format!("${}::bigint", place + 1) } else { "?".into() };
                (format!(" WHEN {state} THEN {mark}{}", besides(state)), Value::from(by))
            })
            .unzip();
        let sql = format!("UPDATE fanfare_counters SET value = value + CASE state{cases} ELSE 0 END");
        Statement::from_sql_and_values(backend, sql, values)
    }
}
