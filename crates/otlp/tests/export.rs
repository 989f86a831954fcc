//! A real engine's spans at a real receiver. The export is configured by the environment, so that the engine runs in a
//! process of its own: this program again, which finds its part in a variable.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{collections::BTreeMap, env, path::Path, process::Command, sync::Arc, time::Duration};

use fanfare::{
    Fanfare, Keyring, NewChannel, Submission,
    core::{AddressPolicy, NotificationSettings},
};
use fanfare_http::{HttpTransport, Limits};
use fanfare_net::{Guard, tls_config};
use fanfare_otlp::{Export, Settings};
use fanfare_testkit::{Answer, Receiver};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    trace::v1::{ResourceSpans, Span},
};
use prost::Message;
use serde_json::json;
use tokio::runtime::Handle;
use tracing_subscriber::layer::SubscriberExt;

/// Where the child's webhook goes; that there is one makes a process the child.
const WEBHOOK: &str = "FANFARE_TEST_WEBHOOK";
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_spans_of_an_event_reach_a_collector_as_one_trace() {
    if let Ok(webhook) = env::var(WEBHOOK) {
        return deliver(webhook).await;
    }
    let (collector, receiver) = (Receiver::start().await, Receiver::start().await);
    receiver.answer(Answer::status(503));
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["--exact", "the_spans_of_an_event_reach_a_collector_as_one_trace", "--nocapture"]);
    child.env(WEBHOOK, receiver.url("/hook"));
    child.env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url("")).env("OTEL_EXPORTER_OTLP_HEADERS", "x-key=abc");
    child.env("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test");
    let ended = tokio::task::spawn_blocking(move || child.output()).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&ended.stdout).into_owned() + &String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{said}");
    let event = said.split_once("event ").unwrap().1.split_whitespace().next().unwrap().to_owned();

    let requests = collector.requests();
    assert!(!requests.is_empty(), "nothing arrived: {said}");
    let mut resources: Vec<ResourceSpans> = Vec::new();
    for request in requests {
        assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/v1/traces"));
        assert_eq!(request.header("content-type"), Some("application/x-protobuf"));
        assert_eq!(request.header("x-key"), Some("abc"));
        resources.extend(ExportTraceServiceRequest::decode(request.body).unwrap().resource_spans);
    }
    let attributes = texts(&resources[0].resource.as_ref().unwrap().attributes);
    assert_eq!(attributes["service.name"], "fanfare");
    assert_eq!(attributes["deployment.environment"], "test");

    let spans = resources.into_iter().flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans);
    let spans: Vec<Span> = spans.collect();
    let named = |name: &str| spans.iter().filter(|span| span.name == name).collect::<Vec<_>>();
    let (accept, plan, lanes, attempts) = (named("accept"), named("plan"), named("lane"), named("attempt"));
    assert_eq!((accept.len(), plan.len(), lanes.len(), attempts.len()), (1, 1, 2, 2), "{spans:?}");
    let trace = event.replace('-', "");
    for span in &spans {
        let hex: String = span.trace_id.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!((hex.as_str(), &texts(&span.attributes)["event_id"]), (trace.as_str(), &event), "{span:?}");
        assert!(span.end_time_unix_nano >= span.start_time_unix_nano);
    }
    assert_eq!(plan[0].parent_span_id, accept[0].span_id);
    for attempt in &attempts {
        assert!(lanes.iter().any(|lane| lane.span_id == attempt.parent_span_id), "{attempt:?}");
    }
    let of_attempts: Vec<_> = attempts.iter().map(|attempt| texts(&attempt.attributes)).collect();
    let mut outcomes: Vec<_> = of_attempts.iter().map(|attributes| attributes["outcome"].as_str()).collect();
    outcomes.sort_unstable();
    assert_eq!(outcomes, ["delivered", "temporary"]);
    let delivery = receiver.requests()[0].header("webhook-id").unwrap().to_owned();
    assert!(of_attempts.iter().all(|attributes| attributes["delivery_id"] == delivery), "{of_attempts:?}");
}

/// The attributes that are texts.
fn texts(attributes: &[opentelemetry_proto::tonic::common::v1::KeyValue]) -> BTreeMap<String, String> {
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    let text = |value: Option<Value>| match value {
        Some(Value::StringValue(text)) => Some(text),
        _ => None,
    };
    let pairs = attributes.iter().map(|pair| (pair.key.clone(), pair.value.clone().and_then(|value| value.value)));
    pairs.filter_map(|(key, value)| Some((key, text(value)?))).collect()
}

/// The child: an engine whose webhook fails once.
async fn deliver(webhook: String) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let settings = Settings::read(|name| env::var(name).ok()).unwrap().expect("a collector is named");
    let limits = Limits { exchange: settings.timeout, ..Limits::default() };
    let guard = Arc::new(Guard::new(AddressPolicy::with_loopback()));
    let transport = HttpTransport::new(guard, tls_config(None).unwrap(), limits).unwrap();
    let export = Export::start(Arc::new(transport), Handle::current()).unwrap();
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(export.layer())).unwrap();

    let dir = tempfile::tempdir().unwrap();
    let event = send(dir.path(), webhook).await;
    tokio::task::spawn_blocking(move || export.stop()).await.unwrap();
    println!("event {event} ");
}

async fn send(dir: &Path, webhook: String) -> String {
    let retry = fanfare::core::RetryPolicy {
        schedule: vec![Duration::from_millis(50)],
        jitter: 0.0,
        ..fanfare::core::RetryPolicy::default()
    };
    let url = format!("sqlite:{}", dir.join("test.db").display());
    let builder = Fanfare::builder(url, &Keyring::generate()).unwrap().retry(retry);
    let engine = builder.addresses(AddressPolicy::with_loopback()).start().await.unwrap();
    let new = NewChannel {
        name: "ops".into(),
        kind: "webhook".into(),
        config: json!({ "url": webhook }),
        enabled: true,
        delivery: Default::default(),
    };
    let channel = engine.create_channel(new).await.unwrap().id;
    let settings = NotificationSettings { global_channels: vec![channel], ..Default::default() };
    engine.replace_settings(settings, None).await.unwrap();
    let data = json!({ "component": "test", "error": "disk full" });
    let data = data.as_object().cloned().unwrap();
    let submission = Submission { event_type: "system_error".into(), data, ..Submission::default() };
    let accepted = engine.accept(submission, None).await.unwrap();
    tokio::time::timeout(PATIENCE, async {
        while engine.counters().await.unwrap().1["delivered"] < 1 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .expect("delivered in time");
    engine.stop(PATIENCE).await;
    accepted.id.to_string()
}
