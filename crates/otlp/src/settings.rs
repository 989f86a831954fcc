//! What the environment says of the export, as far as the OpenTelemetry library does not read it itself.

use std::time::Duration;

/// As long as OpenTelemetry's specification says.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How spans are to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long one exchange with the collector may take.
    pub timeout: Duration,
}

/// A variable that says what cannot be done.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Another protocol.
    #[error("{0}: {1:?} is not built in; spans are sent by http/protobuf")]
    Protocol(&'static str, String),
    /// Not a number.
    #[error("{0}: {1:?} is not a number of milliseconds")]
    Timeout(&'static str, String),
}

impl Settings {
    /// Reads the variables; `None` where no collector is named, or nothing is to be sent.
    ///
    /// The specification would have spans sent to this machine where nothing is set at all. Nobody who just starts a
    /// server expects that.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, SettingsError> {
        let variable = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        // The name for traces alone wins over the name for everything.
        let first = |names: [&'static str; 2]| names.into_iter().find_map(|name| Some((name, variable(name)?)));
        let is_off = variable("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"))
            || variable("OTEL_TRACES_EXPORTER").is_some_and(|value| value != "otlp");
        if is_off || first(["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"]).is_none() {
            return Ok(None);
        }
        match first(["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"]) {
            Some((name, protocol)) if protocol != "http/protobuf" => {
                return Err(SettingsError::Protocol(name, protocol));
            }
            _ => {}
        }
        let timeout = match first(["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"]) {
            None => TIMEOUT,
            Some((name, text)) => match text.trim().parse() {
                Ok(milliseconds) => Duration::from_millis(milliseconds),
                Err(_) => return Err(SettingsError::Timeout(name, text)),
            },
        };
        Ok(Some(Self { timeout }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(variables: &[(&str, &str)], expected: Result<Option<u64>, &str>) {
        let read = Settings::read(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        });
        let read = read.map(|settings| settings.map(|settings| settings.timeout.as_millis() as u64));
        let read = read.map_err(|error| error.to_string());
        assert_eq!(read, expected.map_err(str::to_owned), "{variables:?}");
    }

    #[test]
    fn spans_are_sent_where_a_collector_is_named() {
        let collector = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");
        check(&[], Ok(None));
        check(&[("OTEL_EXPORTER_OTLP_ENDPOINT", " ")], Ok(None));
        check(&[collector], Ok(Some(10_000)));
        check(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://c/v1/traces")], Ok(Some(10_000)));
        check(&[collector, ("OTEL_SDK_DISABLED", "TRUE")], Ok(None));
        check(&[collector, ("OTEL_TRACES_EXPORTER", "none")], Ok(None));
        check(&[collector, ("OTEL_TRACES_EXPORTER", "otlp")], Ok(Some(10_000)));
        let timeout = ("OTEL_EXPORTER_OTLP_TIMEOUT", "3000");
        check(&[collector, timeout], Ok(Some(3_000)));
        check(&[collector, timeout, ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "50")], Ok(Some(50)));
    }

    #[test]
    fn what_cannot_be_done_is_said() {
        let collector = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317");
        let of_traces = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf");
        let grpc = ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
        let words = "OTEL_EXPORTER_OTLP_PROTOCOL: \"grpc\" is not built in; spans are sent by http/protobuf";
        check(&[collector, grpc], Err(words));
        check(&[collector, grpc, of_traces], Ok(Some(10_000)));
        let words = "OTEL_EXPORTER_OTLP_TIMEOUT: \"10s\" is not a number of milliseconds";
        check(&[collector, ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s")], Err(words));
    }
}
