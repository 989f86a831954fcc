//! Waiting for conditions, never for luck.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// How long something may take that normally takes moments; generous, because machines are busy.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Asks `probe` again and again until it answers.
///
/// # Panics
/// When it has not after `limit`.
pub async fn until<T>(what: &str, limit: Duration, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = probe().await {
            return found;
        }
        assert!(Instant::now() < deadline, "no {what} within {limit:?}");
        sleep(Duration::from_millis(5)).await;
    }
}
