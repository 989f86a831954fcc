//! Deliveries in the ledger.

use fanfare::{AttemptView, DeliveryDetail as EngineDetail, DeliveryFilter, DeliveryView, DigestView, TextSearch};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{plan::Notification, words::DeliveryState};
use crate::{
    auth::{Caller, Scope},
    problem::Problem,
};

/// Which deliveries to list; every criterion that is given must hold.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DeliveryQuery {
    /// Where they stand.
    state: Option<DeliveryState>,
    /// Through which channel.
    channel_id: Option<Uuid>,
    /// Of which event type.
    event_type: Option<String>,
    /// Of which job's runs.
    job_id: Option<Uuid>,
    /// Of which event.
    event_id: Option<Uuid>,
    /// Tests only (`true`), or all but tests (`false`).
    test: Option<bool>,
    /// Those that say this in their title, their channel's name, or their last failure; for administrators, in their
    /// target, too. Upper and lower case are the same. An answer looks through 100,000 deliveries at the most: where it
    /// has a `next_cursor`, the search goes on there, also if it found nothing.
    #[param(max_length = 200)]
    q: Option<String>,
    /// Told in which digest.
    digest_id: Option<Uuid>,
    /// How many, 1 to 200; 50 where absent.
    #[param(minimum = 1, maximum = 200)]
    pub(crate) limit: Option<u16>,
    /// Where to go on: the `next_cursor` of the answer before.
    pub(crate) cursor: Option<String>,
}

/// Which deliveries to try again.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RetryInput {
    /// Where they stand: `dead` or `pending`.
    pub(crate) state: DeliveryState,
    /// Through which channel.
    pub(crate) channel_id: Option<Uuid>,
    /// Of which event type.
    pub(crate) event_type: Option<String>,
}

/// How many deliveries are tried again now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Retried {
    /// The number of deliveries.
    pub(crate) retried: u64,
}

/// A delivery in the ledger.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryItem {
    /// Its identity; receivers see it too, on every attempt.
    id: Uuid,
    /// The event it tells of.
    event_id: Uuid,
    /// That event's type.
    event_type: String,
    /// The job whose run it tells of.
    job_id: Option<Uuid>,
    /// The channel.
    channel_id: Uuid,
    /// Its name when the event was accepted.
    channel_name: String,
    /// Its kind.
    kind: String,
    /// `channel`, or `user:ADDRESS`.
    target: String,
    /// Why somebody is told.
    reason: String,
    /// Where it stands.
    state: DeliveryState,
    /// The notification's title.
    title: String,
    /// How many attempts were made.
    attempts: u32,
    /// When the next attempt is due.
    next_attempt_at: Option<Timestamp>,
    /// What the last failure said.
    last_error: Option<String>,
    /// Whether an attempt ended without an answer, so that the receiver may have it twice.
    possibly_duplicate: bool,
    /// Whether it was a test.
    test: bool,
    /// The digest in which it is told; null where it is told by itself.
    digest: Option<Digest>,
    /// When its event was accepted.
    created_at: Timestamp,
    /// When it was delivered.
    delivered_at: Option<Timestamp>,
}

/// Several deliveries told as one.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Digest {
    /// The digest's identity, which receivers see in place of the deliveries'.
    id: Uuid,
    /// How many deliveries it tells.
    count: u32,
}

/// A delivery in the ledger, with all that is known of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryDetail {
    /// Its identity; receivers see it too, on every attempt.
    id: Uuid,
    /// The event it tells of.
    event_id: Uuid,
    /// That event's type.
    event_type: String,
    /// The job whose run it tells of.
    job_id: Option<Uuid>,
    /// The channel.
    channel_id: Uuid,
    /// Its name when the event was accepted.
    channel_name: String,
    /// Its kind.
    kind: String,
    /// `channel`, or `user:ADDRESS`.
    target: String,
    /// Why somebody is told.
    reason: String,
    /// Where it stands.
    state: DeliveryState,
    /// The notification's title.
    title: String,
    /// Its attempts, oldest first.
    attempts: Vec<Attempt>,
    /// When the next attempt is due.
    next_attempt_at: Option<Timestamp>,
    /// What the last failure said.
    last_error: Option<String>,
    /// Whether an attempt ended without an answer, so that the receiver may have it twice.
    possibly_duplicate: bool,
    /// Whether it was a test.
    test: bool,
    /// The digest in which it is told; null where it is told by itself.
    digest: Option<Digest>,
    /// When its event was accepted.
    created_at: Timestamp,
    /// When it was delivered.
    delivered_at: Option<Timestamp>,
    /// What it says.
    notification: Notification,
    /// What goes out, exactly; null where the channel is gone or cannot say.
    payload: Option<String>,
    /// That the payload was made again from the same input; null where it was kept from the attempt.
    rebuilt: Option<Rebuilt>,
}

/// That a payload was made again from the same input.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Rebuilt {
    /// Whether the channel's configuration has changed since, so that what went out may have been different.
    config_changed: bool,
}

/// One attempt to deliver.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Attempt {
    /// When it was made.
    at: Timestamp,
    /// How long it took, in milliseconds.
    duration_ms: u64,
    /// The HTTP status or SMTP reply code.
    status: Option<u16>,
    /// How it ended, in one word.
    outcome: String,
    /// The service's own words, or what went wrong.
    detail: String,
}

impl DeliveryQuery {
    /// What they have in common, as far as this caller may search.
    pub(crate) fn filter(&self, caller: &Caller) -> Result<DeliveryFilter, Problem> {
        let text = self.q.as_deref().filter(|text| !text.is_empty());
        if text.is_some_and(|text| text.chars().count() > 200) {
            return Err(Problem::fault("/q", "q has at most 200 characters"));
        }
        Ok(DeliveryFilter {
            state: self.state.map(Into::into),
            channel_id: self.channel_id,
            event_type: self.event_type.clone(),
            job_id: self.job_id,
            event_id: self.event_id,
            test: self.test,
            digest_id: self.digest_id,
            text: text.map(|text| TextSearch { text: text.into(), in_addresses: caller.scope == Scope::Admin }),
            since: None,
        })
    }
}

impl DeliveryItem {
    /// Its identity.
    pub(crate) fn id(&self) -> Uuid {
        self.id
    }
}

impl From<DeliveryView> for DeliveryItem {
    fn from(view: DeliveryView) -> Self {
        Self {
            id: view.id.0,
            event_id: view.event_id.0,
            event_type: view.event_type.as_str().to_owned(),
            job_id: view.job_id.map(|id| id.0),
            channel_id: view.channel_id.0,
            channel_name: view.channel_name,
            kind: view.kind,
            target: view.target,
            reason: view.reason,
            state: view.state.into(),
            title: view.title,
            attempts: view.attempts,
            next_attempt_at: view.next_attempt_at,
            last_error: view.last_error,
            possibly_duplicate: view.possibly_duplicate,
            test: view.test,
            digest: view.digest.map(Digest::from),
            created_at: view.created_at,
            delivered_at: view.delivered_at,
        }
    }
}

impl From<EngineDetail> for DeliveryDetail {
    fn from(detail: EngineDetail) -> Self {
        let item = DeliveryItem::from(detail.view);
        Self {
            id: item.id,
            event_id: item.event_id,
            event_type: item.event_type,
            job_id: item.job_id,
            channel_id: item.channel_id,
            channel_name: item.channel_name,
            kind: item.kind,
            target: item.target,
            reason: item.reason,
            state: item.state,
            title: item.title,
            attempts: detail.attempts.into_iter().map(Attempt::from).collect(),
            next_attempt_at: item.next_attempt_at,
            last_error: item.last_error,
            possibly_duplicate: item.possibly_duplicate,
            test: item.test,
            digest: item.digest,
            created_at: item.created_at,
            delivered_at: item.delivered_at,
            notification: detail.notification.into(),
            payload: detail.payload,
            rebuilt: detail.rebuilt.map(|config_changed| Rebuilt { config_changed }),
        }
    }
}

impl From<DigestView> for Digest {
    fn from(digest: DigestView) -> Self {
        let DigestView { id, count } = digest;
        Self { id, count }
    }
}

impl From<AttemptView> for Attempt {
    fn from(attempt: AttemptView) -> Self {
        let AttemptView { at, duration_ms, status, outcome, detail } = attempt;
        Self { at, duration_ms, status, outcome: outcome.to_string(), detail }
    }
}
