//! Every operation, driven against a real engine; every answer is held against the API's own document.

#![allow(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

mod access;
mod channels;
#[path = "../common/mod.rs"]
mod common;
mod deliveries;
mod events;
mod jobs;
mod service;
mod settings;
mod whole;

use std::time::Duration;

use common::Api;
use fanfare_testkit::Receiver;
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(10);

fn error_event(text: &str) -> Value {
    json!({"type": "system_error", "data": {"component": "test", "error": text}})
}

#[tokio::test]
async fn every_operation_answers_as_documented() {
    let api = Api::start().await;
    let receiver = Receiver::start().await;
    let other = Receiver::start().await;
    service::service(&api).await;
    let (first, second) = channels::channels(&api, &receiver, &other).await;
    settings::settings(&api, &first).await;
    settings::outbound(&api, &first).await;
    events::event_types(&api, &receiver).await;
    events::events(&api, &first).await;
    jobs::jobs(&api, &second).await;
    deliveries::deliveries(&api, &first, &receiver).await;
    whole::keys(&api, &first).await;
    whole::whole(&api, &first).await;
    channels::deletion(&api, &first, &second).await;
    access::access(&api).await;
    deliveries::watching(&api).await;
    assert_eq!(api.never_exercised(), [], "these operations were never answered with success");
}
