//! What the ledger shows: events with their plan, deliveries with their attempts.

use std::sync::Arc;

use fanfare_core::{AttemptInfo, ChannelId, DeliveryId, EventId, EventTypeId, JobId, Notification};
use fanfare_store::{
    AttemptRow, DeliveryFilter, DeliveryRow, DeliveryState, DigestRow, EventRow, HourCount, Page, StoreError,
};
use jiff::Timestamp;
use serde::Deserialize;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::{ConfigureError, Engine, EventView, configure::time, send::payload, writer::Write};

/// A delivery as a list shows it.
#[derive(Clone, Debug)]
pub struct DeliveryView {
    /// Its identity.
    pub id: DeliveryId,
    /// The event that it tells of.
    pub event_id: EventId,
    /// That event's type.
    pub event_type: EventTypeId,
    /// The job whose run it tells of.
    pub job_id: Option<JobId>,
    /// The channel.
    pub channel_id: ChannelId,
    /// Its name at that moment.
    pub channel_name: String,
    /// Its kind.
    pub kind: String,
    /// `channel`, or `user:ADDRESS`.
    pub target: String,
    /// Why this target.
    pub reason: String,
    /// Where it stands.
    pub state: DeliveryState,
    /// The notification's title.
    pub title: String,
    /// How many attempts were made; one that a rate limit turned away does not count.
    pub attempts: u32,
    /// When the next attempt is made.
    pub next_attempt_at: Option<Timestamp>,
    /// What the latest failed attempt said.
    pub last_error: Option<String>,
    /// Whether an attempt ended without an answer, so that it may have arrived twice.
    pub possibly_duplicate: bool,
    /// Whether it was a test.
    pub test: bool,
    /// The digest in which it is told, or was.
    pub digest: Option<DigestView>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it was delivered.
    pub delivered_at: Option<Timestamp>,
}

/// Several deliveries that are told as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DigestView {
    /// The digest's identity, which receivers see in place of the deliveries'.
    pub id: Uuid,
    /// How many it tells.
    pub count: u32,
}

/// A delivery with everything that is known of it.
#[derive(Clone, Debug)]
pub struct DeliveryDetail {
    /// As a list shows it.
    pub view: DeliveryView,
    /// What it says.
    pub notification: Notification,
    /// What went out, or would go out; absent where it cannot be told any more.
    pub payload: Option<String>,
    /// `None` where the payload was kept; otherwise it was built again, and this says whether the channel's
    /// configuration has changed since.
    pub rebuilt: Option<bool>,
    /// Every attempt, oldest first.
    pub attempts: Vec<AttemptView>,
}

/// One attempt.
#[derive(Clone, Debug)]
pub struct AttemptView {
    /// When it began.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// The status that was answered.
    pub status: Option<u16>,
    /// `delivered`, or the kind of failure.
    pub outcome: String,
    /// The other side's words, or what went wrong.
    pub detail: String,
}

/// The part of an event's row that is kept as a document.
#[derive(Deserialize)]
struct EventDocument {
    data: serde_json::Map<String, serde_json::Value>,
    user: Option<fanfare_core::User>,
    condition: Option<fanfare_core::Condition>,
    wording_error: Option<String>,
}

impl Engine {
    /// Events, newest first, also those that nobody was told of; of one job's runs where one is named.
    pub async fn events(&self, job: Option<JobId>, page: Page) -> Result<Vec<EventView>, StoreError> {
        self.inner.store.events(job.map(|job| job.0), page).await?.into_iter().map(event_view).collect()
    }

    /// How many deliveries were accepted in each hour since then, and where they stand now.
    pub async fn hours(&self, since: Timestamp) -> Result<Vec<HourCount>, StoreError> {
        self.inner.store.hours(since.as_millisecond()).await
    }

    /// One event and its deliveries.
    pub async fn event(&self, id: EventId) -> Result<Option<(EventView, Vec<DeliveryView>)>, StoreError> {
        let Some(row) = self.inner.store.event(id.0).await? else { return Ok(None) };
        let deliveries = self.inner.store.deliveries_of(vec![id.0]).await?;
        Ok(Some((event_view(row)?, deliveries.into_iter().map(delivery_view).collect())))
    }

    /// Deliveries, newest first.
    pub async fn deliveries(&self, filter: DeliveryFilter, page: Page) -> Result<Vec<DeliveryView>, StoreError> {
        Ok(self.inner.store.deliveries(&filter, page).await?.into_iter().map(delivery_view).collect())
    }

    /// The same, where a text is searched for no further than this many deliveries back; and where a further search can
    /// go on, if it can.
    pub async fn search(
        &self,
        mut filter: DeliveryFilter,
        page: Page,
        far: u64,
    ) -> Result<(Vec<DeliveryView>, Option<DeliveryId>), StoreError> {
        filter.since = match filter.text {
            Some(_) => self.inner.store.delivery_behind(page, far).await?,
            None => None,
        };
        let end = filter.since.map(DeliveryId);
        Ok((self.deliveries(filter, page).await?, end))
    }

    /// The latest deliveries that failed, of the channels that there are.
    pub async fn latest_failures(&self, limit: usize) -> Result<Vec<DeliveryView>, StoreError> {
        let mut failures = Vec::new();
        // Channel by channel, because an index has the dead ones of each: where nothing fails, the whole ledger would be
        // looked through otherwise.
        let channels: Vec<_> = self.inner.current.get().channels.iter().map(|entry| entry.info.id).collect();
        for channel in channels {
            let filter = DeliveryFilter {
                state: Some(DeliveryState::Dead),
                channel_id: Some(channel.0),
                test: Some(false),
                ..DeliveryFilter::default()
            };
            failures.extend(self.deliveries(filter, Page { before: None, limit: limit as u64 }).await?);
        }
        failures.sort_unstable_by_key(|failure| std::cmp::Reverse(failure.id.0));
        failures.truncate(limit);
        Ok(failures)
    }

    /// How many deliveries of each channel are pending, and how many are held; channels without any are left out.
    pub async fn backlogs(&self) -> Result<Vec<(ChannelId, DeliveryState, i64)>, StoreError> {
        let backlogs = self.inner.store.backlogs().await?.into_iter();
        Ok(backlogs.map(|(channel, state, count)| (channel.into(), state, count)).collect())
    }

    /// These deliveries, oldest first; those that the ledger does not have are left out.
    pub async fn deliveries_by_id(&self, ids: Vec<DeliveryId>) -> Result<Vec<DeliveryView>, StoreError> {
        let rows = self.inner.store.deliveries_by_id(ids.into_iter().map(|id| id.0).collect()).await?;
        Ok(rows.into_iter().map(delivery_view).collect())
    }

    /// One delivery with its notification, payload and attempts.
    pub async fn delivery(&self, id: DeliveryId) -> Result<Option<DeliveryDetail>, StoreError> {
        let Some(row) = self.inner.store.delivery(id.0).await? else { return Ok(None) };
        let event = self.inner.store.event(row.event_id).await?;
        let event = event.ok_or(StoreError::Corrupt { what: "delivery", detail: "its event is missing".into() })?;
        let own = event.user_notification.filter(|_| row.target.starts_with("user:"));
        let notification: Notification = read("notification", own.as_deref().unwrap_or(&event.notification))?;
        let mut failed = self.inner.store.failed_attempts(id.0).await?;
        let mut digest = None;
        if let Some(id) = row.digest_id {
            failed.extend(self.inner.store.failed_attempts(id).await?);
            failed.sort_by_key(|attempt| attempt.id);
            digest = self.inner.store.digest(id).await?.filter(|_| row.digest_count.is_some());
        }
        let kept = failed.iter().rev().find_map(|attempt| attempt.payload.clone());
        let (payload, rebuilt) = match kept {
            Some(kept) => (Some(kept), None),
            None => self.rebuild(&row, &notification, digest)?,
        };
        let attempts = attempts(&row, failed);
        Ok(Some(DeliveryDetail { view: delivery_view(row), notification, payload, rebuilt, attempts }))
    }

    /// Tries a dead or pending delivery again at once.
    pub async fn retry(&self, id: DeliveryId) -> Result<(), ConfigureError> {
        let row = self.inner.store.delivery(id.0).await?.ok_or(ConfigureError::NotFound("delivery"))?;
        if row.test {
            return Err(ConfigureError::Conflict("a test is not tried again: test once more".into()));
        }
        match row.state {
            DeliveryState::Dead | DeliveryState::Pending => {}
            state => return Err(ConfigureError::Conflict(format!("a delivery that is {state} is not tried again"))),
        }
        let channel = ChannelId(row.channel_id);
        if self.inner.current.get().channels.entry(channel).is_none() {
            return Err(ConfigureError::Conflict("its channel has been deleted".into()));
        }
        // One that waits as part of a digest takes the whole of it along; one that was given up with a digest goes alone.
        // A pending one that cannot be moved is in a lane's memory: its attempt is next, or under way.
        self.revive(vec![row.id], channel).await.map(drop)
    }

    /// Tries all deliveries in this state again at once, of one channel or event type where that is said, but for those
    /// whose channel has been deleted; says how many those were. They leave at their lanes' pace.
    pub async fn retry_many(
        &self,
        state: DeliveryState,
        channel: Option<ChannelId>,
        event_type: Option<&str>,
    ) -> Result<u64, ConfigureError> {
        let snapshot = self.inner.current.get();
        let channels = snapshot.channels.iter().map(|entry| entry.info.id);
        let began = self.inner.outside.clock.now().as_millisecond();
        let mut retried = 0;
        for channel in channels.filter(|id| channel.is_none_or(|channel| channel == *id)) {
            let mut last = None;
            if state == DeliveryState::Pending {
                let digests = self.inner.store.waiting_digests(channel.0, event_type).await?;
                if !digests.is_empty() {
                    retried += self.revive(digests, channel).await?;
                }
            }
            loop {
                let slice = self.inner.store.stalled(state, channel.0, event_type, last, began).await?;
                let Some(end) = slice.last() else { break };
                last = Some(*end);
                retried += self.revive(slice.iter().map(|found| found.id).collect(), channel).await?;
            }
        }
        Ok(retried)
    }

    async fn revive(&self, ids: Vec<Uuid>, channel: ChannelId) -> Result<u64, ConfigureError> {
        let stopping = || ConfigureError::Conflict("Fanfare is stopping; try again in a moment".into());
        let (answer, done) = oneshot::channel();
        self.inner.writer.send(Write::Retry(ids, channel, answer)).map_err(|_| stopping())?;
        Ok(done.await.map_err(|_| stopping())??)
    }

    /// What goes out for a delivery with the channel's present configuration, and whether that has changed since
    /// the latest attempt.
    fn rebuild(
        &self,
        row: &DeliveryRow,
        notification: &Notification,
        digest: Option<DigestRow>,
    ) -> Result<(Option<String>, Option<bool>), StoreError> {
        let snapshot = self.inner.current.get();
        let Some(entry) = snapshot.channels.entry(row.channel_id.into()) else { return Ok((None, Some(true))) };
        let at = row.last_attempt_at.unwrap_or(row.created_at);
        let recipients = row.recipients.as_deref().and_then(|text| serde_json::from_str(text).ok());
        let mut info = AttemptInfo {
            delivery_id: row.id.into(),
            event_id: row.event_id.into(),
            event_type: EventTypeId::from(row.event_type.as_str()),
            job: row.job_id.map(Into::into),
            recipients: &recipients.unwrap_or_default(),
            at: time(at),
            variables: &*self.inner.outside.variables,
        };
        let words;
        let mut said = notification;
        if let Some(digest) = digest {
            (info.delivery_id, info.event_id, info.job) = (digest.id.into(), digest.event_id.into(), None);
            words = read("notification", &digest.notification)?;
            said = &words;
        }
        Ok((payload(&Arc::clone(entry), said, &info).ok(), Some(entry.row.updated_at > at)))
    }
}

pub(crate) fn delivery_view(row: DeliveryRow) -> DeliveryView {
    let digest = row.digest_id.zip(row.digest_count);
    let failed = row.last_outcome.as_deref().is_some_and(|outcome| outcome != "delivered");
    let ended = matches!(row.state, DeliveryState::Suppressed | DeliveryState::Dead);
    DeliveryView {
        id: row.id.into(),
        event_id: row.event_id.into(),
        event_type: row.event_type.into(),
        job_id: row.job_id.map(Into::into),
        channel_id: row.channel_id.into(),
        channel_name: row.channel_name,
        kind: row.kind,
        target: row.target,
        reason: row.reason,
        state: row.state,
        title: row.title,
        attempts: u32::try_from(row.attempts).unwrap_or(0),
        next_attempt_at: row.due_at.filter(|_| row.state == DeliveryState::Pending).map(time),
        last_error: row.last_detail.filter(|_| failed || ended),
        possibly_duplicate: row.possibly_duplicate,
        test: row.test,
        digest: digest.map(|(id, count)| DigestView { id, count: u32::try_from(count).unwrap_or(0) }),
        created_at: time(row.created_at),
        delivered_at: row.delivered_at.map(time),
    }
}

/// The failed attempts, and the one that got through, which stands in the delivery's own row.
fn attempts(row: &DeliveryRow, failed: Vec<AttemptRow>) -> Vec<AttemptView> {
    let view = |at, duration, status: Option<i32>, outcome, detail| AttemptView {
        at: time(at),
        duration_ms: u64::try_from(duration).unwrap_or(0),
        status: status.and_then(|status| u16::try_from(status).ok()),
        outcome,
        detail,
    };
    let mut attempts: Vec<_> =
        failed.into_iter().map(|a| view(a.at, a.duration_ms, a.status, a.outcome, a.detail)).collect();
    if let (Some("delivered"), Some(at)) = (row.last_outcome.as_deref(), row.last_attempt_at) {
        let detail = row.last_detail.clone().unwrap_or_default();
        attempts.push(view(at, row.last_duration_ms.unwrap_or(0), row.last_status, "delivered".into(), detail));
    }
    attempts
}

fn event_view(row: EventRow) -> Result<EventView, StoreError> {
    let document: EventDocument = read("event", &row.event)?;
    Ok(EventView {
        id: row.id.into(),
        event_type: row.event_type.into(),
        job_id: row.job_id.map(Into::into),
        test: row.test,
        occurred_at: time(row.occurred_at),
        created_at: time(row.created_at),
        data: document.data,
        user: document.user,
        condition: document.condition,
        wording_error: document.wording_error,
        notification: read("notification", &row.notification)?,
        user_notification: row.user_notification.map(|text| read("notification", &text)).transpose()?,
        plan: read("plan", &row.plan)?,
    })
}

fn read<T: serde::de::DeserializeOwned>(what: &'static str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Corrupt { what, detail: error.to_string() })
}
