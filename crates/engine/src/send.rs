//! One attempt: what a channel is called with, and what its answer means for the delivery.

use std::{
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use fanfare_core::{
    Attempt, AttemptInfo, ChannelId, DeliveryId, ErrorKind, EventId, EventTypeId, JobId, NetworkRules, Notification,
    Receipt, Recipients, RetryPolicy, SendError, Transport, Variables,
};
use fanfare_store::{Attempted, Next, StoreError};
use futures_util::FutureExt;
use jiff::Timestamp;
use tokio::sync::mpsc;
use tracing::{Instrument, Span};
use uuid::Uuid;

use crate::{Clock, LanePolicy, Random, herald::Turned, meters::Meters, snapshot::ChannelEntry};

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
    /// Whether it tells of a channel's health.
    pub(crate) is_own: bool,
    /// Its time in the lane, from where it is taken in to what became of it.
    pub(crate) span: Span,
    /// When it was accepted; of a digest, when its first member was.
    pub(crate) since: Timestamp,
    /// How many it tells of, where it is a digest.
    pub(crate) members: Option<u32>,
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
    pub(crate) lanes: LanePolicy,
    /// Where lanes say what somebody must hear.
    pub(crate) turned: mpsc::UnboundedSender<Turned>,
    /// How long the ledger tells of an event.
    pub(crate) retention: Duration,
    pub(crate) meters: Meters,
}

/// An attempt that has ended.
#[derive(Debug)]
pub(crate) struct Tried {
    /// The channel as it was then.
    pub(crate) entry: Arc<ChannelEntry>,
    pub(crate) leased: Leased,
    pub(crate) result: Result<Receipt, SendError>,
    began: Timestamp,
    /// By the clock, and no longer than it was where that was set meanwhile.
    took: Duration,
    /// What was sent, where it failed.
    payload: Option<String>,
    /// The attempt, in what is logged of it.
    pub(crate) span: Span,
}

/// What is to be written of a delivery.
#[derive(Debug)]
pub(crate) struct Done {
    /// The start of this node that made the attempt; only as the same may it be recorded.
    pub(crate) owner: i64,
    pub(crate) channel_id: ChannelId,
    /// When what was tried had been accepted.
    pub(crate) since: Timestamp,
    pub(crate) attempted: Attempted,
}

/// Calls the channel once. A panic inside it is a failed attempt.
///
/// What is logged at warn and above names event, delivery and channel itself: the spans that name them are there only
/// where debug is on.
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
    let (event_id, delivery_id) = (info.event_id, info.delivery_id);
    let attempt = Attempt { info, transport: &*outside.transport, network: &*outside.network };
    let sent = AssertUnwindSafe(channel.send(notification, &attempt)).catch_unwind().await;
    sent.unwrap_or_else(|_| {
        let (channel, kind) = (entry.info.id, entry.info.kind.as_str());
        tracing::error!(%event_id, %delivery_id, %channel, kind, "a channel panicked");
        Err(SendError::temporary("the channel's adapter failed unexpectedly"))
    })
}

/// Makes one attempt at a delivery.
pub(crate) async fn attempt(outside: &Outside, entry: Arc<ChannelEntry>, leased: Leased) -> Tried {
    let span = tracing::debug_span!(
        parent: &leased.span,
        "attempt",
        event_id = %leased.event_id,
        delivery_id = %leased.id,
        channel = %entry.info.id,
        kind = entry.info.kind,
        attempts = leased.attempts,
        outcome = tracing::field::Empty,
        status = tracing::field::Empty,
    );
    let (began, started) = (outside.clock.now(), Instant::now());
    let info = AttemptInfo {
        delivery_id: leased.id,
        event_id: leased.event_id,
        event_type: leased.event_type.clone(),
        job: leased.job,
        recipients: &leased.recipients,
        at: began,
        variables: &*outside.variables,
    };
    let result = call(outside, &entry, &leased.notification, info.clone()).instrument(span.clone()).await;
    let by_clock = Duration::try_from(outside.clock.now().duration_since(began)).unwrap_or_default();
    let took = by_clock.min(started.elapsed());
    let payload = if result.is_err() { payload(&entry, &leased.notification, &info).ok() } else { None };
    Tried { entry, leased, result, began, took, payload, span }
}

impl Tried {
    /// How it ended: what the ledger and the log call it, and the status of the answer if there was one.
    pub(crate) fn outcome(&self) -> (&'static str, Option<u16>) {
        match &self.result {
            Ok(receipt) => ("delivered", receipt.status),
            Err(error) => (error.outcome(), error.status),
        }
    }

    /// What the ledger keeps of it, where this follows.
    pub(crate) fn record(self, next: Next) -> Attempted {
        let (outcome, status) = self.outcome();
        let mut attempted = Attempted {
            delivery_id: self.leased.id.0,
            next,
            counts: 1,
            at: self.began.as_millisecond(),
            duration_ms: i64::try_from(self.took.as_millis()).unwrap_or(i64::MAX),
            status: status.map(i32::from),
            outcome,
            detail: String::new(),
            possibly_duplicate: false,
            failure: None,
            is_digest: self.leased.members.is_some(),
        };
        match self.result {
            Ok(receipt) => attempted.detail = receipt.detail,
            Err(error) => {
                attempted.counts = i32::from(!matches!(error.kind, ErrorKind::RateLimited { .. }));
                attempted.possibly_duplicate = matches!(error.kind, ErrorKind::Temporary { outcome_unknown: true, .. });
                attempted.detail = error.detail;
                attempted.failure = Some((Uuid::now_v7(), self.payload));
            }
        }
        attempted
    }
}

/// What is written of a delivery, or of a digest, that cannot be read.
pub(crate) fn unreadable(delivery_id: Uuid, is_digest: bool, why: &StoreError, now: Timestamp) -> Attempted {
    Attempted {
        delivery_id,
        next: Next::Dead,
        counts: 0,
        at: now.as_millisecond(),
        duration_ms: 0,
        status: None,
        outcome: "unreadable",
        detail: why.to_string(),
        possibly_duplicate: false,
        failure: None,
        is_digest,
    }
}

impl Leased {
    /// What is written of a delivery whose life ended while it waited.
    pub(crate) fn expired(&self, now: Timestamp) -> Attempted {
        Attempted {
            delivery_id: self.id.0,
            next: Next::Dead,
            counts: 0,
            at: now.as_millisecond(),
            duration_ms: 0,
            status: None,
            outcome: "expired",
            detail: "its time ran out while its channel could not send".into(),
            possibly_duplicate: false,
            failure: None,
            is_digest: self.members.is_some(),
        }
    }
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
