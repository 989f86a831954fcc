//! One attempt: what a channel is called with, and what its answer means for the delivery.

use std::{panic::AssertUnwindSafe, sync::Arc};

use fanfare_core::{
    Attempt, AttemptInfo, ChannelId, Decision, DeliveryId, ErrorKind, EventId, EventTypeId, JobId, NetworkRules,
    Notification, Receipt, Recipients, RetryPolicy, SendError, Transport, Variables,
};
use fanfare_store::{Attempted, Next};
use futures_util::FutureExt;
use jiff::Timestamp;
use uuid::Uuid;

use crate::{Clock, Random, snapshot::ChannelEntry};

/// A delivery that this node has in memory.
#[derive(Clone, Debug)]
pub(crate) struct Leased {
    /// The start of this node that has it.
    pub(crate) owner: i64,
    pub(crate) id: DeliveryId,
    pub(crate) event_id: EventId,
    pub(crate) event_type: EventTypeId,
    pub(crate) job: Option<JobId>,
    pub(crate) notification: Arc<Notification>,
    pub(crate) recipients: Recipients,
    pub(crate) attempts: u32,
    pub(crate) expires_at: Timestamp,
}

/// What attempts are made with.
#[derive(Debug)]
pub(crate) struct Outside {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) network: Arc<dyn NetworkRules>,
    pub(crate) variables: Arc<dyn Variables>,
    pub(crate) retry: RetryPolicy,
}

/// How an attempt ended, for the ledger and for the lane.
#[derive(Debug)]
pub(crate) struct Done {
    /// The start of this node that made the attempt; only as the same may it be recorded.
    pub(crate) owner: i64,
    pub(crate) channel_id: ChannelId,
    pub(crate) attempted: Attempted,
    /// Nothing else goes out through this channel before.
    pub(crate) pause: Option<Timestamp>,
    pub(crate) error: Option<SendError>,
}

/// Calls the channel once. A panic inside it is a failed attempt.
pub(crate) async fn call(
    outside: &Outside,
    entry: &ChannelEntry,
    notification: &Notification,
    info: AttemptInfo<'_>,
) -> Result<Receipt, SendError> {
    let channel = entry
        .channel
        .as_ref()
        .map_err(|why| SendError::misconfigured(format!("the channel's configuration cannot be used: {why}")))?;
    let attempt = Attempt { info, transport: &*outside.transport, network: &*outside.network };
    let sent = AssertUnwindSafe(channel.send(notification, &attempt)).catch_unwind().await;
    sent.unwrap_or_else(|_| {
        tracing::error!(kind = entry.info.kind, "a channel panicked");
        Err(SendError::temporary("the channel's adapter failed unexpectedly"))
    })
}

/// Makes one attempt at a delivery and decides what follows.
pub(crate) async fn attempt(outside: &Outside, entry: Arc<ChannelEntry>, leased: Leased) -> Done {
    let began = outside.clock.now();
    let info = AttemptInfo {
        delivery_id: leased.id,
        event_id: leased.event_id,
        event_type: leased.event_type.clone(),
        job: leased.job,
        recipients: &leased.recipients,
        at: began,
        variables: &*outside.variables,
    };
    let result = call(outside, &entry, &leased.notification, info.clone()).await;
    let now = outside.clock.now();
    let mut attempted = Attempted {
        delivery_id: leased.id.0,
        next: Next::Delivered,
        counts: 1,
        at: began.as_millisecond(),
        duration_ms: (now.as_millisecond() - began.as_millisecond()).max(0),
        status: None,
        outcome: "delivered",
        detail: String::new(),
        possibly_duplicate: false,
        failure: None,
    };
    let error = match result {
        Ok(receipt) => {
            attempted.status = receipt.status.map(i32::from);
            attempted.detail = receipt.detail;
            return Done { owner: leased.owner, channel_id: entry.info.id, attempted, pause: None, error: None };
        }
        Err(error) => error,
    };
    attempted.counts = i32::from(!matches!(error.kind, ErrorKind::RateLimited { .. }));
    let failures = leased.attempts + 1;
    let decision = outside.retry.decide(&error, failures, now, leased.expires_at, outside.random.unit());
    attempted.next = match decision {
        Decision::Again(at) | Decision::Pause(at) => Next::Again(at.as_millisecond()),
        Decision::Dead => Next::Dead,
    };
    attempted.status = error.status.map(i32::from);
    attempted.outcome = error.outcome();
    attempted.detail.clone_from(&error.detail);
    attempted.possibly_duplicate = matches!(error.kind, ErrorKind::Temporary { outcome_unknown: true, .. });
    attempted.failure = Some((Uuid::now_v7(), payload(&entry, &leased.notification, &info).ok()));
    let pause = match decision {
        Decision::Pause(at) => Some(at),
        _ => None,
    };
    Done { owner: leased.owner, channel_id: entry.info.id, attempted, pause, error: Some(error) }
}

/// What would go out.
pub(crate) fn payload(
    entry: &ChannelEntry,
    notification: &Notification,
    info: &AttemptInfo<'_>,
) -> Result<String, String> {
    let channel = entry.channel.as_ref().map_err(Clone::clone)?;
    channel.payload(notification, info).map_err(|error| error.detail)
}
