//! Nothing is exported.

use crate::{config::Settings, failure::Failure, serve::logging::Listener};

/// Takes no spans.
pub(crate) struct Export;

impl Export {
    pub(crate) fn start(_settings: &Settings) -> Result<Self, Failure> {
        Ok(Self)
    }

    pub(crate) fn listener(&self) -> Option<Listener> {
        None
    }

    pub(crate) async fn stop(self) {}
}
