//! Connections that wait for the next message.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use fanfare_core::Network;
use tokio::time::{Instant, sleep_until};

use super::open::Open;

/// How many connections wait at the most.
const MOST: usize = 8;

/// Connections that wait for the next message, each no longer than `idle`.
pub(crate) struct Pool {
    idle: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The one that has waited longest comes first.
    waiting: Vec<Waiting>,
    /// Whether a task looks after those that have waited too long.
    watched: bool,
}

struct Waiting {
    connection: Open,
    /// The rules under which it was made.
    network: Network,
    until: Instant,
}

impl Pool {
    pub(crate) fn new(idle: Duration) -> Arc<Self> {
        Arc::new(Self { idle, state: Mutex::default() })
    }

    /// The connection that has waited for the shortest time, if the rules of this moment would let it be made.
    pub(crate) fn take(&self, network: &Network) -> Option<Open> {
        let now = Instant::now();
        let mut state = self.state();
        state.waiting.retain(|waiting| waiting.until > now && is_same(&waiting.network, network));
        state.waiting.pop().map(|waiting| waiting.connection)
    }

    /// Keeps a connection for later, or gives it back if enough are kept.
    pub(crate) fn keep(self: &Arc<Self>, connection: Open, network: Network) -> Option<Open> {
        let mut state = self.state();
        if state.waiting.len() >= MOST {
            return Some(connection);
        }
        state.waiting.push(Waiting { connection, network, until: Instant::now() + self.idle });
        if !std::mem::replace(&mut state.watched, true) {
            tokio::spawn(watch(Arc::downgrade(self), Instant::now() + self.idle));
        }
        None
    }

    /// Takes out what has waited too long, and says when to look again.
    fn overdue(&self) -> (Vec<Open>, Option<Instant>) {
        let now = Instant::now();
        let mut state = self.state();
        let fresh = state.waiting.partition_point(|waiting| waiting.until <= now);
        let overdue = state.waiting.drain(..fresh).map(|waiting| waiting.connection).collect();
        let next = state.waiting.first().map(|waiting| waiting.until);
        state.watched = next.is_some();
        (overdue, next)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says goodbye on connections that have waited too long. Ends when none is left, or with the pool.
async fn watch(pool: Weak<Pool>, mut at: Instant) {
    loop {
        sleep_until(at).await;
        let Some((overdue, next)) = pool.upgrade().map(|pool| pool.overdue()) else { return };
        for connection in overdue {
            connection.quit().await;
        }
        match next {
            Some(next) => at = next,
            None => return,
        }
    }
}

fn is_same(one: &Network, other: &Network) -> bool {
    one.policy == other.policy && one.extra_ca_pem == other.extra_ca_pem
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pool({} waiting)", self.state().waiting.len())
    }
}
