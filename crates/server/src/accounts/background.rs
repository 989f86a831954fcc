//! What is done beside the requests: noting when tokens were used, ending sessions, hearing of other nodes.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use fanfare::StoreError;
use tokio::time::{MissedTickBehavior, interval};

use super::{Accounts, Inner};

/// How often another node's changes are looked for.
const LOOK: Duration = Duration::from_secs(1);

/// After how many looks the uses of tokens are written down.
const WRITE_USES: u32 = 30;

/// After how many looks sessions that are over are deleted.
const DELETE_SESSIONS: u32 = 3_600;

/// Starts it. It ends when nobody holds the accounts any more.
pub(super) fn start(accounts: &Arc<Inner>) {
    let accounts = Arc::downgrade(accounts);
    tokio::spawn(run(accounts));
}

async fn run(accounts: Weak<Inner>) {
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut count = 0_u32;
    loop {
        ticks.tick().await;
        let Some(inner) = accounts.upgrade() else { return };
        if let Err(error) = look(&Accounts(inner), count).await {
            tracing::debug!(%error, "the look after accounts failed; it is repeated");
        }
        count = count.wrapping_add(1);
    }
}

async fn look(accounts: &Accounts, count: u32) -> Result<(), StoreError> {
    if accounts.0.store.is_shared() && accounts.revision().await? != accounts.known().revision {
        accounts.read_again().await?;
    }
    if count % WRITE_USES == WRITE_USES - 1 {
        accounts.write_uses().await?;
    }
    if count.is_multiple_of(DELETE_SESSIONS) {
        accounts.delete_expired_sessions().await?;
    }
    Ok(())
}
