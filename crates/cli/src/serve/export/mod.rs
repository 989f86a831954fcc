//! Spans for an OpenTelemetry collector, where the feature `otlp` is built in.

#[cfg(not(feature = "otlp"))]
mod absent;
#[cfg(feature = "otlp")]
mod otlp;

#[cfg(not(feature = "otlp"))]
pub(super) use absent::Export;
#[cfg(feature = "otlp")]
pub(super) use otlp::Export;
