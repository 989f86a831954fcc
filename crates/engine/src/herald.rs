//! Tells of the engine's own troubles: a channel through which nothing gets, and that it works again.
//!
//! This goes the way of every event, with two exceptions: never through the channel that it is about, and how its own
//! deliveries fare is never told of, so that two failing channels do not tell of each other for ever.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use fanfare_core::{ChannelId, ChannelInfo, Color, Notification, Status};
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use crate::{
    AcceptError, Engine, Submission,
    engine::Inner,
    intake::{Intake, Prepared},
    lane::Turn,
};

/// The event type that tells of the engine's own troubles.
pub(crate) const EVENT_TYPE: &str = "system_error";

/// How long to wait when the database cannot take an event.
const PATIENCE: Duration = Duration::from_secs(5);

/// That a channel's health has turned.
#[derive(Clone, Debug)]
pub(crate) struct Turned {
    pub(crate) channel: ChannelId,
    pub(crate) turn: Turn,
}

/// Raises an event for everything that lanes say, until the engine is gone.
pub(crate) async fn run(engine: Weak<Inner>, mut turned: mpsc::UnboundedReceiver<Turned>) {
    while let Some(turned) = turned.recv().await {
        loop {
            let Some(inner) = engine.upgrade() else { return };
            match Engine::of(inner).raise(&turned).await {
                Ok(()) => break,
                Err(AcceptError::Unavailable(_) | AcceptError::Uncertain | AcceptError::Full) => {
                    tokio::time::sleep(PATIENCE).await
                }
                Err(error) => {
                    tracing::error!(channel = %turned.channel, %error, "a channel's health could not be told");
                    break;
                }
            }
        }
    }
}

impl Engine {
    async fn raise(&self, turned: &Turned) -> Result<(), AcceptError> {
        let snapshot = self.inner.current.get();
        let Some(entry) = snapshot.channels.entry(turned.channel) else { return Ok(()) };
        let name = &entry.info.name;
        match &turned.turn {
            Turn::Failing(error) => tracing::warn!(channel = %turned.channel, name, error, "a channel is failing"),
            Turn::Recovered => tracing::info!(channel = %turned.channel, name, "a channel works again"),
        }
        self.store_prepared(None, |intake| of_channel(intake, &entry.info, &turned.turn)).await.map(drop)
    }
}

/// What tells of a channel's health.
fn of_channel(intake: &Intake<'_>, channel: &ChannelInfo, turn: &Turn) -> Result<Prepared, AcceptError> {
    let settings = intake.settings.clone().without(channel.id);
    let component = format!("channel {}", channel.name);
    let error = match turn {
        Turn::Failing(error) => error.clone(),
        Turn::Recovered => RECOVERED.to_owned(),
    };
    let data = [("component", component), ("error", error)];
    let data: Map<_, _> = data.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect();
    let submission = Submission { event_type: EVENT_TYPE.into(), data, ..Submission::default() };
    let prepared = Intake { settings: &settings, ..*intake }.submission(submission)?;
    let notification = match turn {
        Turn::Failing(_) => prepared.notification,
        Turn::Recovered => Arc::new(good_news((*prepared.notification).clone(), &channel.name)),
    };
    Ok(Prepared { notification, is_own: true, ..prepared })
}

const RECOVERED: &str = "deliveries get through again";

/// The words of an error, turned into those of its end.
fn good_news(notification: Notification, channel: &str) -> Notification {
    Notification {
        title: "Channel Recovered".into(),
        message: format!("The channel {channel} works again: {RECOVERED}."),
        status: Status::Success,
        color: Color { r: 0x22, g: 0xc5, b: 0x5e },
        badge: Some("Recovered".into()),
        fields: notification.fields.into_iter().filter(|field| field.value != RECOVERED).collect(),
        ..notification
    }
}

/// Whether this document is that of an event that tells of a channel's health.
pub(crate) fn is_own(document: &str) -> bool {
    #[derive(Deserialize)]
    struct Mark {
        #[serde(default)]
        own: bool,
    }
    serde_json::from_str::<Mark>(document).is_ok_and(|mark| mark.own)
}
