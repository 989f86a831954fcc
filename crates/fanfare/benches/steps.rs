//! What each step on an event's way costs, one beside the other in one run: its plan, its words, the payload of each kind
//! of channel, and the transaction that stores it.

use std::{collections::BTreeMap, hint::black_box, path::Path, sync::Arc};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use fanfare::{
    Engine, EngineParts, Environment, Keyring, NewChannel, Submission,
    core::{
        Catalog, ChannelId, ChannelInfo, Channels, EventType, Facts, NotificationSettings, Transport, TransportError,
        plan,
    },
};
use fanfare_store::{Commit, NewEvent, Store, StoreOptions};
use fanfare_template::Renderer;
use fanfare_testkit::fixtures;
use jiff::Timestamp;
use serde_json::json;
use tokio::runtime::Runtime;
use uuid::Uuid;

/// Channels that are looked up by a plan.
struct Known(BTreeMap<ChannelId, ChannelInfo>);

impl Channels for Known {
    fn get(&self, id: ChannelId) -> Option<&ChannelInfo> {
        self.0.get(&id)
    }
}

fn system_error(catalog: &Catalog) -> &EventType {
    catalog.get("system_error").expect("a builtin type")
}

fn plans(criterion: &mut Criterion) {
    let catalog = Catalog::builtin().expect("a catalog");
    let mut group = criterion.benchmark_group("plan");
    for count in [1, 4, 64] {
        let infos = (0..count).map(|n| ChannelInfo {
            id: Uuid::from_u128(n).into(),
            name: format!("channel {n}"),
            kind: "webhook".into(),
            enabled: true,
            recipients: None,
        });
        let channels = Known(infos.map(|info| (info.id, info)).collect());
        let global_channels = channels.0.keys().copied().collect();
        let settings = NotificationSettings { global_channels, ..Default::default() };
        let event_type = system_error(&catalog);
        let facts =
            Facts { event_type, settings: &settings, channels: &channels, assignments: &[], user_address: None };
        group.bench_function(BenchmarkId::new("channels", count), |bench| bench.iter(|| plan(black_box(&facts))));
    }
    group.finish();
}

fn words(criterion: &mut Criterion) {
    let catalog = Catalog::builtin().expect("a catalog");
    let renderer = Renderer::new(&catalog).expect("wordings");
    let mut group = criterion.benchmark_group("render");
    for event_type in ["system_error", "user_login", "backup_success"] {
        let event_type = catalog.get(event_type).expect("a builtin type");
        group.bench_function(event_type.id.to_string(), |bench| {
            bench.iter(|| renderer.render(event_type, black_box(&event_type.sample), Timestamp::UNIX_EPOCH));
        });
    }
    group.finish();
}

fn payloads(criterion: &mut Criterion) {
    let notification = fixtures::backup_failure();
    let info = fixtures::info();
    let mut group = criterion.benchmark_group("payload");
    for kind in fanfare::registry().kinds() {
        let sample = kind.sample().expect("a sample configuration");
        let channel = kind.build(&sample).expect("a channel");
        channel.payload(&notification, &info).expect("a payload");
        group.bench_function(kind.kind, |bench| bench.iter(|| channel.payload(black_box(&notification), &info)));
    }
    group.finish();
}

/// Nothing is sent here.
#[derive(Debug)]
struct Nowhere;

#[async_trait::async_trait]
impl Transport for Nowhere {
    async fn exchange(&self, _: http::Request<bytes::Bytes>) -> Result<http::Response<bytes::Bytes>, TransportError> {
        Err(TransportError::Connect("nothing is sent in this benchmark".into()))
    }
}

async fn open(dir: &Path, name: &str) -> Store {
    let keyring = Keyring::parse(&Keyring::generate()).expect("a key");
    Store::open(&StoreOptions::sqlite(dir.join(name), keyring), Timestamp::now()).await.expect("a store")
}

/// What the engine writes of an event with one delivery, which is held for a disabled channel.
async fn written(dir: &Path) -> NewEvent {
    let store = open(dir, "engine.db").await;
    let catalog = Catalog::builtin().expect("a catalog");
    let (network, variables) = (Arc::new(fanfare_testkit::nowhere()), Arc::new(Environment::default()));
    let parts = EngineParts::new(store.clone(), catalog, fanfare::registry(), Arc::new(Nowhere), network, variables);
    let engine = Engine::start(parts).await.expect("an engine");
    let new = NewChannel {
        name: "ops".into(),
        kind: "webhook".into(),
        config: json!({ "url": "https://hooks.example/x" }),
        enabled: false,
        delivery: Default::default(),
    };
    let channel = engine.create_channel(new).await.expect("a channel").id;
    let settings = NotificationSettings { global_channels: vec![channel], ..Default::default() };
    engine.replace_settings(settings, None).await.expect("settings");
    let data = json!({ "component": "bench", "error": "the disk is full" });
    let data = data.as_object().cloned().unwrap_or_default();
    let submission = Submission { event_type: "system_error".into(), data, ..Submission::default() };
    let accepted = engine.accept(submission, None).await.expect("accepted");
    let event = store.event(accepted.id.0).await.expect("a store").expect("the event");
    let deliveries = store.deliveries_of(vec![event.id]).await.expect("a store");
    NewEvent { event, deliveries, key: None, last_run: None, next_run: None, follows: Vec::new() }
}

/// So many events like `one`.
fn commit(one: &NewEvent, count: usize) -> Commit {
    let mut commit = Commit::default();
    for _ in 0..count {
        let NewEvent { mut event, mut deliveries, .. } = one.clone();
        event.id = Uuid::now_v7();
        for delivery in &mut deliveries {
            (delivery.id, delivery.event_id) = (Uuid::now_v7(), event.id);
        }
        commit.insert(NewEvent { event, deliveries, key: None, last_run: None, next_run: None, follows: Vec::new() });
    }
    commit
}

fn commits(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let dir = tempfile::tempdir().expect("a directory");
    let one = runtime.block_on(written(dir.path()));
    let store = runtime.block_on(open(dir.path(), "bench.db"));
    let mut group = criterion.benchmark_group("commit");
    group.sample_size(20);
    for count in [1, 16, 256, 1_024] {
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(BenchmarkId::new("events", count), |bench| {
            let write = |commit| runtime.block_on(store.write(commit)).expect("written");
            bench.iter_batched(|| commit(&one, count), write, criterion::BatchSize::PerIteration);
        });
    }
    group.finish();
}

criterion_group!(benches, plans, words, payloads, commits);
criterion_main!(benches);
