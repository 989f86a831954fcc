//! What an event costs: in thought alone, stored, and delivered. All on real SQLite; the receiver is not real, so
//! that the difference between the last two is the engine's own.

use std::{hint::black_box, sync::Arc, time::Duration};

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use fanfare::{
    Engine, EngineParts, Environment, Keyring, NewChannel, Submission,
    core::{Catalog, NotificationSettings, Transport, TransportError},
};
use fanfare_store::{Store, StoreOptions};
use http::{Request, Response};
use serde_json::json;
use tokio::runtime::Runtime;

/// A receiver that takes everything at once.
#[derive(Debug)]
struct Everything;

#[async_trait::async_trait]
impl Transport for Everything {
    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        black_box(request);
        Ok(Response::new(Bytes::from_static(b"ok")))
    }
}

fn event() -> Submission {
    let data = json!({ "component": "bench", "error": "the disk is full" });
    Submission {
        event_type: "system_error".into(),
        data: data.as_object().cloned().unwrap_or_default(),
        ..Submission::default()
    }
}

async fn engine(dir: &std::path::Path, channels: usize) -> Engine {
    let keyring = Keyring::parse(&Keyring::generate()).expect("a key");
    let options = StoreOptions::sqlite(dir.join("bench.db"), keyring);
    let store = Store::open(&options, jiff::Timestamp::now()).await.expect("a store");
    let catalog = Catalog::builtin().expect("a catalog");
    let (transport, variables) = (Arc::new(Everything), Arc::new(Environment::default()));
    let network = Arc::new(fanfare_testkit::nowhere());
    let parts = EngineParts::new(store, catalog, fanfare::registry(), transport, network, variables);
    let engine = Engine::start(parts).await.expect("an engine");
    let mut global_channels = Vec::new();
    for n in 0..channels {
        let new = NewChannel {
            name: format!("channel {n}"),
            kind: "webhook".into(),
            config: json!({ "url": "https://hooks.example/x" }),
            enabled: true,
            delivery: Default::default(),
        };
        global_channels.push(engine.create_channel(new).await.expect("a channel").id);
    }
    let settings = NotificationSettings { global_channels, ..Default::default() };
    engine.replace_settings(settings, None).await.expect("settings");
    engine
}

/// Posts `n` events from 64 callers and waits until all are delivered.
async fn deliver(engine: &Engine, n: usize, channels: i64) {
    let before = engine.counters().await.expect("counters").1["delivered"];
    let callers = (0..64).map(|caller| {
        let engine = engine.clone();
        tokio::spawn(async move {
            for _ in (caller..n).step_by(64) {
                engine.accept(event(), None).await.expect("accepted");
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.expect("a caller");
    }
    while engine.counters().await.expect("counters").1["delivered"] < before + n as i64 * channels {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn throughput(criterion: &mut Criterion) {
    const EVENTS: usize = 2_048;
    let runtime = Runtime::new().expect("a runtime");
    let mut group = criterion.benchmark_group("an event");
    group.sample_size(10);
    for channels in [0, 1, 4] {
        let dir = tempfile::tempdir().expect("a directory");
        let engine = runtime.block_on(engine(dir.path(), channels));
        if channels == 1 {
            group.throughput(Throughput::Elements(1));
            group.bench_function("planned and rendered", |bench| {
                bench.iter(|| runtime.block_on(engine.explain(black_box(event()))).expect("explained"));
            });
        }
        group.throughput(Throughput::Elements(EVENTS as u64));
        group.bench_function(BenchmarkId::new("delivered to channels", channels), |bench| {
            bench.iter(|| runtime.block_on(deliver(&engine, EVENTS, channels as i64)));
        });
    }
    group.finish();
}

criterion_group!(benches, throughput);
criterion_main!(benches);
