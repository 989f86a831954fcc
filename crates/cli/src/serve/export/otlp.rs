//! Spans go to the collector that the environment names.

use std::{env, sync::Arc};

use fanfare::core::Transport;
use fanfare_http::Limits;
use tokio::runtime::Handle;
use tracing_subscriber::Layer;

use crate::{client, config::Settings, failure::Failure, serve::logging::Listener};

/// Takes spans to the collector, if there is one.
pub(crate) struct Export(Option<fanfare_otlp::Export>);

impl Export {
    pub(crate) fn start(settings: &Settings) -> Result<Self, Failure> {
        let wanted = fanfare_otlp::Settings::read(|name| env::var(name).ok());
        let Some(wanted) = wanted.map_err(|error| Failure::WrongUse(error.to_string()))? else { return Ok(Self(None)) };
        let limits = Limits { exchange: wanted.timeout, ..Limits::default() };
        let transport: Arc<dyn Transport> = Arc::new(client::transport(settings, limits)?);
        let export = fanfare_otlp::Export::start(transport, Handle::current());
        Ok(Self(Some(export.map_err(|error| Failure::WrongUse(error.to_string()))?)))
    }

    pub(crate) fn listener(&self) -> Option<Listener> {
        Some(self.0.as_ref()?.layer().boxed())
    }

    pub(crate) async fn stop(self) {
        if let Some(export) = self.0 {
            // Waits for a thread that sends what is left. If it panicked, there is nothing left to do.
            let _ = tokio::task::spawn_blocking(move || export.stop()).await;
        }
    }
}
