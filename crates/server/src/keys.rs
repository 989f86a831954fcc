//! The keys that secrets are encrypted with, as far as the server changes them.

use std::{fmt, io, sync::Arc};

use fanfare::{Engine, Keyring, Rotated};
use tokio::{sync::Mutex, task::spawn_blocking};

use crate::problem::{Kind, Problem};

/// Where a key is kept that nobody has given: it can be replaced while the server runs.
///
/// Both calls wait for the disk, and both leave behind, whatever happens, keys that open everything.
pub trait KeyPlace: fmt::Debug + Send + Sync + 'static {
    /// Puts a new key in front of those that are kept, and gives all of them, as [`Keyring::parse`] reads them.
    fn add(&self) -> io::Result<Keyring>;

    /// Keeps the first key alone.
    fn keep_first(&self) -> io::Result<()>;
}

/// Changes keys, one change at a time.
#[derive(Debug)]
pub(crate) struct Keys {
    place: Option<Arc<dyn KeyPlace>>,
    changing: Mutex<()>,
}

impl Keys {
    pub(crate) fn new(place: Option<Arc<dyn KeyPlace>>) -> Self {
        Self { place, changing: Mutex::default() }
    }

    /// Whether the server itself keeps the key, rather than whoever started it.
    pub(crate) fn are_ours(&self) -> bool {
        self.place.is_some()
    }

    /// Encrypts all secrets anew: with a new key where the key is ours, else with the first of those that were given.
    pub(crate) async fn rotate(&self, engine: &Engine) -> Result<Rotated, Problem> {
        let _alone = self.changing.lock().await;
        let Some(place) = &self.place else { return Ok(engine.rotate_keys(None).await?) };
        let adding = place.clone();
        let keyring = on_disk(move || adding.add()).await?;
        let rotated = engine.rotate_keys(Some(keyring)).await?;
        let keeping = place.clone();
        on_disk(move || keeping.keep_first()).await?;
        Ok(rotated)
    }
}

async fn on_disk<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T, Problem> {
    let failed = |cause: &dyn fmt::Display| {
        tracing::error!(%cause, "the key file could not be written");
        Problem::new(Kind::KEY_FILE, "the key file cannot be written: the log says why; all secrets can still be read")
    };
    match spawn_blocking(work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(failed(&error)),
        Err(error) => Err(failed(&error)),
    }
}
