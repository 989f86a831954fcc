//! The trace of a span is the event that it belongs to.

use std::time::Duration;

use opentelemetry::trace::{SpanContext, TraceId};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{SpanData, SpanExporter},
};
use uuid::Uuid;

/// The field in which our spans name their event.
const EVENT_ID: &str = "event_id";

/// Puts spans into the traces of their events and hands them on.
#[derive(Debug)]
pub(crate) struct ByEvent<E>(pub(crate) E);

impl<E: SpanExporter> SpanExporter for ByEvent<E> {
    fn export(&self, mut batch: Vec<SpanData>) -> impl Future<Output = OTelSdkResult> + Send {
        batch.iter_mut().for_each(put_into_trace);
        self.0.export(batch)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.0.set_resource(resource);
    }
}

/// A span and its parent belong to the same event, so that both get the same trace. One of no event keeps its own.
fn put_into_trace(span: &mut SpanData) {
    let event = span.attributes.iter().find(|attribute| attribute.key.as_str() == EVENT_ID);
    let Some(event) = event.and_then(|attribute| Uuid::parse_str(&attribute.value.as_str()).ok()) else { return };
    let was = &span.span_context;
    span.span_context = SpanContext::new(
        TraceId::from_bytes(event.into_bytes()),
        was.span_id(),
        was.trace_flags(),
        was.is_remote(),
        was.trace_state().clone(),
    );
}
