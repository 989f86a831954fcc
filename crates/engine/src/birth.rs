//! The rows of an accepted event. They are made where the event is accepted, so that the writer, of which there is
//! one, only decides what depends on everything else: where each delivery begins.

use std::sync::Arc;

use fanfare_core::{DeliveryId, Event, Notification, Recipients, Target};
use fanfare_store::{CHANNEL_DELETED, DeliveryRow, DeliveryState, EventRow, NewEvent};
use jiff::Timestamp;
use tracing::Span;
use uuid::Uuid;

use crate::{Accepted, AcceptedDelivery, intake::Prepared, send::Leased};

/// An event that is ready to be written. The lists are of one length, a place for each target.
#[derive(Debug)]
pub(crate) struct Birth {
    /// What is written.
    pub(crate) new: NewEvent,
    /// What lanes get.
    pub(crate) leases: Vec<Leased>,
    /// What the sender is told.
    pub(crate) accepted: Accepted,
}

impl Birth {
    pub(crate) fn new(prepared: Prepared, now: Timestamp, expires_at: Timestamp) -> Self {
        let Prepared {
            event, plan, notification, user_notification, last_run, next_run, is_own, wording_error, ..
        } = prepared;
        let row = EventRow {
            id: event.id.0,
            event_type: event.event_type.to_string(),
            job_id: event.job.as_ref().map(|job| job.id.0),
            test: false,
            occurred_at: event.occurred_at.as_millisecond(),
            created_at: now.as_millisecond(),
            event: event_document(&event, is_own, wording_error.as_deref()),
            notification: document(&*notification),
            user_notification: user_notification.as_deref().map(document),
            plan: document(&plan),
        };
        let mut deliveries = Vec::with_capacity(plan.targets.len());
        let mut leases = Vec::with_capacity(plan.targets.len());
        let mut told = Vec::with_capacity(plan.targets.len());
        for target in plan.targets {
            let id = DeliveryId(Uuid::now_v7());
            let words = words_for(&target, &notification, user_notification.as_ref());
            deliveries.push(delivery_row(id, &event, &target, words, now, expires_at));
            leases.push(Leased {
                // Nobody's, until it is decided where it begins.
                owner: 0,
                id,
                event_id: event.id,
                event_type: event.event_type.clone(),
                job: event.job.as_ref().map(|job| job.id),
                notification: words.clone(),
                recipients: target.recipients.clone(),
                attempts: 0,
                expires_at,
                is_own,
                span: Span::none(),
                since: now,
                members: None,
            });
            told.push(AcceptedDelivery {
                id,
                channel_id: target.channel_id,
                target: target.label(),
                channel_name: target.channel_name,
                reason: target.reason,
                state: DeliveryState::Pending,
            });
        }
        let accepted = Accepted { id: event.id, duplicate: false, deliveries: told, skipped: plan.skips };
        let new = NewEvent { event: row, deliveries, key: None, last_run, next_run, follows: Vec::new() };
        Self { new, leases, accepted }
    }

    /// The deliveries that this one waits for.
    pub(crate) fn after(&self, place: usize) -> impl Iterator<Item = Uuid> {
        let id = self.new.deliveries[place].id;
        self.new.follows.iter().filter(move |follow| follow.delivery_id == id).map(|follow| follow.after_id)
    }

    /// Says that somebody looks at a delivery at this time, in milliseconds since 1970, that waits for others.
    pub(crate) fn look_at(&mut self, place: usize, at: i64) {
        self.settle(place, DeliveryState::Pending, None);
        self.new.deliveries[place].due_at = Some(at);
    }

    /// Says where a delivery begins: `owner` for one that goes to its lane at once.
    pub(crate) fn settle(&mut self, place: usize, state: DeliveryState, owner: Option<i64>) {
        let row = &mut self.new.deliveries[place];
        row.state = state;
        row.owner = owner;
        row.due_at = (state == DeliveryState::Pending).then_some(row.created_at);
        row.held_at = (state == DeliveryState::Held).then_some(row.created_at);
        row.last_detail = (state == DeliveryState::Suppressed).then(|| CHANNEL_DELETED.into());
        self.accepted.deliveries[place].state = state;
    }
}

/// The row of a delivery that nothing has happened to yet.
fn delivery_row(
    id: DeliveryId,
    event: &Event,
    target: &Target,
    words: &Notification,
    now: Timestamp,
    expires_at: Timestamp,
) -> DeliveryRow {
    DeliveryRow {
        id: id.0,
        event_id: event.id.0,
        event_type: event.event_type.to_string(),
        job_id: event.job.as_ref().map(|job| job.id.0),
        channel_id: target.channel_id.0,
        channel_name: target.channel_name.clone(),
        kind: target.kind.clone(),
        target: target.label(),
        recipients: recipients_text(&target.recipients),
        reason: target.reason.as_str().into(),
        title: words.title.clone(),
        test: false,
        state: DeliveryState::Pending,
        attempts: 0,
        due_at: None,
        owner: None,
        expires_at: expires_at.as_millisecond(),
        held_at: None,
        possibly_duplicate: false,
        created_at: now.as_millisecond(),
        delivered_at: None,
        last_attempt_at: None,
        last_duration_ms: None,
        last_status: None,
        last_outcome: None,
        last_detail: None,
        digest_id: None,
        digest_count: None,
    }
}

/// What a target is told: the user's own wording where there is one, else the ordinary one.
pub(crate) fn words_for<'a>(
    target: &Target,
    notification: &'a Arc<Notification>,
    user_notification: Option<&'a Arc<Notification>>,
) -> &'a Arc<Notification> {
    match target.recipients {
        Recipients::Only(_) => user_notification.unwrap_or(notification),
        Recipients::Configured | Recipients::Except(_) => notification,
    }
}

pub(crate) fn recipients_text(recipients: &Recipients) -> Option<String> {
    (*recipients != Recipients::Configured).then(|| document(recipients))
}

/// The part of an event that is kept as a document. `own` marks one that tells of a channel's health; `wording_error`
/// says why an own wording was not used.
pub(crate) fn event_document(event: &Event, own: bool, wording_error: Option<&str>) -> String {
    #[derive(serde::Serialize)]
    struct Document<'a> {
        data: &'a serde_json::Map<String, serde_json::Value>,
        user: &'a Option<fanfare_core::User>,
        condition: &'a Option<fanfare_core::Condition>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        own: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        wording_error: Option<&'a str>,
    }
    document(&Document { data: &event.data, user: &event.user, condition: &event.condition, own, wording_error })
}

/// JSON of a type that always has one.
pub(crate) fn document<T: serde::Serialize>(value: &T) -> String {
    // Longer than most are; starting there saves the growing.
    let mut text = Vec::with_capacity(512);
    match serde_json::to_writer(&mut text, value) {
        Ok(()) => String::from_utf8(text).unwrap_or_default(),
        Err(_) => String::new(),
    }
}
