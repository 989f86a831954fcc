//! Ends what time ends, now and then: deliveries that were held for too long, idempotency keys that count no more,
//! conditions of which nobody has heard for as long as the ledger reaches back, and what the ledger has told for long
//! enough.

use std::time::Duration;

use fanfare_store::{Store, StoreError};
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};

use crate::writer::Write;

/// How long an idempotency key counts.
pub(crate) const KEY_LIFE: Duration = Duration::from_secs(24 * 3_600);

/// How long a delivery is held before it is given up.
const LONGEST_HOLD: Duration = Duration::from_secs(7 * 24 * 3_600);

/// What is said of a delivery that was held for so long.
const HELD_TOO_LONG: &str = "its channel was disabled for 7 days";

/// How long the ledger tells of an event, unless it is set otherwise.
pub const RETENTION: Duration = Duration::from_secs(90 * 24 * 3_600);

/// How often somebody looks.
const EVERY: Duration = Duration::from_secs(60);

/// How much is ended at once. The writer does nothing else meanwhile.
const SLICE: u64 = 500;

/// How long others have the writer for themselves between two slices.
const BREATH: Duration = Duration::from_millis(50);

/// How many events are forgotten at once, each with its deliveries and attempts.
const EVENTS: u64 = 200;

/// Looks at once and then every minute, as long as there is a writer.
pub(crate) async fn run(writer: mpsc::UnboundedSender<Write>) {
    loop {
        let (answer, ended) = oneshot::channel();
        if writer.send(Write::End(answer)).is_err() {
            return;
        }
        match ended.await {
            Ok(Ok(true)) => {
                tokio::time::sleep(BREATH).await;
                continue;
            }
            Ok(Ok(false)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "what time has ended stays until the next look"),
            Err(_) => return,
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// What a slice has brought about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended {
    /// Whether there may be more.
    pub(crate) more: bool,
    /// Whether deliveries have changed.
    pub(crate) deliveries: bool,
}

/// Ends one slice.
pub(crate) async fn end(store: &Store, now: Timestamp, retention: Duration) -> Result<Ended, StoreError> {
    let before = |life: Duration| now.as_millisecond() - life.as_millis() as i64;
    let held = store.give_up_held(before(LONGEST_HOLD), SLICE, HELD_TOO_LONG).await?;
    let keys = store.forget_keys(before(KEY_LIFE), SLICE).await?;
    let conditions = store.forget_conditions(before(retention), SLICE).await?;
    store.forget_follows().await?;
    let events = store.prune(before(retention), EVENTS).await?;
    let digests = store.prune_digests(before(retention), EVENTS).await?;
    let more = [held, keys, conditions].contains(&SLICE) || [events, digests].contains(&EVENTS);
    Ok(Ended { more, deliveries: held > 0 || events > 0 })
}
