//! Who watches deliveries is told which of them change, at whatever node.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use fanfare_store::{Changed, Store};
use tokio::sync::{broadcast, mpsc};

use crate::writer::Write;

/// So many changes wait for a watcher; one that is slower hears that many have changed.
const WAITING: usize = 256;

/// How long a node waits before it listens again to a database that was gone.
const PATIENCE: Duration = Duration::from_secs(1);

/// Those who watch.
#[derive(Debug)]
pub(crate) struct Watchers(Mutex<Option<broadcast::Sender<Changed>>>);

/// Hears of changes from the moment on at which it was made.
#[derive(Debug)]
pub struct Watcher(broadcast::Receiver<Changed>);

impl Watchers {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Some(broadcast::Sender::new(WAITING))))
    }

    /// One more; nobody, once it has ended.
    pub(crate) fn join(&self) -> Option<Watcher> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|sender| Watcher(sender.subscribe()))
    }

    /// Whether anybody watches.
    pub(crate) fn any(&self) -> bool {
        let sender = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sender.as_ref().is_some_and(|sender| sender.receiver_count() > 0)
    }

    pub(crate) fn tell(&self, changed: Changed) {
        if let Some(sender) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            // Fails where nobody watches.
            let _ = sender.send(changed);
        }
    }

    /// Nobody is told anything any more.
    pub(crate) fn end(&self) {
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

impl Watcher {
    /// What has changed next; `None` once the engine stops.
    pub async fn next(&mut self) -> Option<Changed> {
        match self.0.recv().await {
            Ok(changed) => Some(changed),
            Err(broadcast::error::RecvError::Lagged(_)) => Some(Changed::Many),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

/// Passes on what PostgreSQL tells of all nodes, until the writer has ended.
pub(crate) async fn follow(store: Store, watchers: std::sync::Arc<Watchers>, writer: mpsc::UnboundedSender<Write>) {
    let listen = async {
        loop {
            match listen(&store, &watchers).await {
                Ok(()) => return,
                Err(error) => tracing::warn!(%error, "the database does not tell what changes; trying again"),
            }
            tokio::time::sleep(PATIENCE).await;
            watchers.tell(Changed::Many);
        }
    };
    tokio::select! {
        () = writer.closed() => {}
        () = listen => {}
    }
}

async fn listen(store: &Store, watchers: &Watchers) -> Result<(), fanfare_store::StoreError> {
    let Some(mut listener) = store.listen().await? else { return Ok(()) };
    loop {
        watchers.tell(listener.next().await?);
    }
}
