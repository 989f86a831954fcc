#![doc = include_str!("../README.md")]

mod by_event;
mod client;
mod settings;

use std::sync::Arc;

use fanfare_core::Transport;
use opentelemetry::{Key, trace::TracerProvider};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithHttpConfig};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use tokio::runtime::Handle;
use tracing::{Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{Layer, filter::Targets, registry::LookupSpan};

use by_event::ByEvent;
use client::Client;
pub use settings::{Settings, SettingsError};

/// Spans on their way to a collector.
#[derive(Debug)]
pub struct Export {
    provider: SdkTracerProvider,
}

/// Why nothing can be sent to a collector.
#[derive(Debug, thiserror::Error)]
#[error("the spans cannot be exported: {0}; check OTEL_EXPORTER_OTLP_ENDPOINT and OTEL_EXPORTER_OTLP_HEADERS")]
pub struct ExportError(#[from] ExporterBuildError);

impl Export {
    /// Sends spans from now on, by `transport`, whose exchanges run on `runtime`. The rest of what OpenTelemetry lets an
    /// operator set (endpoint, headers, batches, sampling, resource) is read from the environment.
    pub fn start(transport: Arc<dyn Transport>, runtime: Handle) -> Result<Self, ExportError> {
        let exporter = SpanExporter::builder().with_http().with_http_client(Client::new(transport, runtime)).build()?;
        let provider =
            SdkTracerProvider::builder().with_batch_exporter(ByEvent(exporter)).with_resource(resource()).build();
        Ok(Self { provider })
    }

    /// What collects the spans of Fanfare's own targets, at debug.
    pub fn layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        let layer = tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer("fanfare"))
            .with_tracked_inactivity(false)
            .with_threads(false)
            .with_location(false);
        layer.with_filter(Targets::new().with_target("fanfare", LevelFilter::DEBUG))
    }

    /// Sends what is left and ends. It waits for that, a few seconds at the most: not for a thread that others wait for.
    pub fn stop(self) {
        // What cannot be sent now is lost, as it is whenever the collector is away.
        let _ = self.provider.shutdown();
    }
}

/// What is said of this process; its name unless the environment gives one.
fn resource() -> Resource {
    let given = Resource::builder().build();
    let name = given.get(&Key::new("service.name")).map(|name| name.to_string()).unwrap_or_default();
    if name.is_empty() || name.starts_with("unknown_service") {
        return Resource::builder().with_service_name("fanfare").build();
    }
    given
}
