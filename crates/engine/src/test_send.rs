//! Tests of channels and event types: sent at once, through the same rendering and channel code as everything
//! else, but not through the queue. They stand in the ledger as tests and do not count.

use std::sync::Arc;

use fanfare_core::{
    AttemptInfo, ChannelId, DeliveryId, Event, EventId, EventType, EventTypeId, Facts, Field, Notification, NotifyUser,
    Recipients, SendError, Skip, SkipReason, Status, Target, TargetReason, User, bare_address, plan,
};
use fanfare_store::{AttemptRow, DeliveryRow, DeliveryState, EventRow, NewEvent};
use futures_util::future::join_all;
use jiff::Timestamp;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::{
    ConfigureError, Engine, EventTest, TestResult,
    birth::{document, event_document, recipients_text, words_for},
    send::{call, payload},
    snapshot::{ChannelEntry, Snapshot},
    wording::Voice,
    writer::Write,
};

/// What the title of every test begins with.
const MARK: &str = "[Test] ";

/// The event type that a test of a channel names; it is in no catalog.
const CHANNEL_TEST: &str = "test";

/// An address that no mail is ever sent to (RFC 2606).
const STAND_IN: &str = "user@fanfare.invalid";

/// What a test says.
struct Said {
    words: Arc<Notification>,
    /// To the user, where that is something else.
    to_user: Option<Arc<Notification>>,
    wording_error: Option<String>,
}

/// One message of a test, and how it went.
struct Sent {
    target: Target,
    id: DeliveryId,
    began: Timestamp,
    result: Result<fanfare_core::Receipt, SendError>,
    latency_ms: u64,
    payload: Option<String>,
}

impl Engine {
    /// Sends a sample through a channel at once. A disabled channel can be tested.
    pub async fn test_channel(&self, id: ChannelId) -> Result<TestResult, ConfigureError> {
        let snapshot = self.inner.current.get();
        let entry = snapshot.channels.entry(id).ok_or(ConfigureError::NotFound("channel"))?;
        let now = self.inner.outside.clock.now();
        let event = Event {
            id: EventId(Uuid::now_v7()),
            event_type: EventTypeId::from(CHANNEL_TEST),
            data: Default::default(),
            user: None,
            job: None,
            condition: None,
            occurred_at: now,
        };
        let words = Arc::new(channel_sample(entry, now));
        let target = Target {
            channel_id: id,
            channel_name: entry.info.name.clone(),
            kind: entry.info.kind.clone(),
            recipients: Recipients::Configured,
            reason: TargetReason::Override,
            held: false,
        };
        let sent = self.send_test(&snapshot, &event, target.clone(), words.clone()).await;
        let result = test_result(&sent);
        let plan = fanfare_core::Plan { targets: vec![target], skips: Vec::new() };
        let said = Said { words, to_user: None, wording_error: None };
        self.keep_test(&event, &plan, &said, vec![sent]).await?;
        if result.ok {
            // Whoever tests what they have mended need not wait for the next probe. Fails only while stopping.
            let _ = self.inner.writer.send(Write::Proved(id));
        }
        Ok(result)
    }

    /// Sends a sample of an event type to everybody who would hear of it, whether it is on or off. The user is
    /// `user_email`; without an address that mail can go to, the target that would be the user reports so.
    pub async fn test_event(&self, event_type: &str, user_email: Option<&str>) -> Result<EventTest, ConfigureError> {
        let snapshot = self.inner.current.get();
        let event_type = self.inner.catalog.get(event_type).ok_or(ConfigureError::NotFound("event type"))?;
        if event_type.layer == fanfare_core::catalog::Layer::Job {
            let detail = "runs are told by each job's own notifications: test the job's channels instead";
            return Err(ConfigureError::Conflict(detail.into()));
        }
        let event_enabled = snapshot.settings.is_enabled(event_type);
        let (plan, event) = self.plan_test(&snapshot, event_type, user_email);
        let unsayable = |error: fanfare_template::RenderError| ConfigureError::Conflict(error.to_string());
        let mut voice = Voice {
            renderer: &self.inner.renderer,
            event_type,
            own: snapshot.wordings.of(event_type, None),
            data: &event.data,
            at: event.occurred_at,
            error: None,
        };
        let words = Arc::new(marked(voice.ordinary().map_err(unsayable)?));
        let to_user = voice.for_user().map_err(unsayable)?.map(|own| Arc::new(marked(own)));
        let mut said = Said { words, to_user, wording_error: voice.error };
        let targets = plan.targets.iter().cloned();
        let sending = targets.map(|target| {
            let words = words_for(&target, &said.words, said.to_user.as_ref()).clone();
            self.send_test(&snapshot, &event, target, words)
        });
        let sent = join_all(sending).await;
        let mut results: Vec<_> = sent.iter().map(test_result).collect();
        let unreachable = plan.skips.iter().find(|skip| skip.reason == SkipReason::UserUnreachable);
        results.extend(unreachable.map(|skip| untold_user(&snapshot, event_type, skip)));
        if results.is_empty() {
            let why = plan.skips.iter().map(|skip| skip.detail.as_str()).collect::<Vec<_>>().join("; ");
            return Err(ConfigureError::Conflict(format!("a test would reach nobody: {why}")));
        }
        let tells_user = sent.iter().any(|sent| matches!(sent.target.recipients, Recipients::Only(_)));
        said.to_user = said.to_user.filter(|_| tells_user);
        self.keep_test(&event, &plan, &said, sent).await?;
        Ok(EventTest { results, event_enabled })
    }

    /// The plan of a test: as for an event with the sample's data, were the type on. A user who is to be told and
    /// cannot be is skipped as unreachable, whatever happens instead.
    fn plan_test(
        &self,
        snapshot: &Snapshot,
        event_type: &Arc<EventType>,
        user_email: Option<&str>,
    ) -> (fanfare_core::Plan, Event) {
        let mut settings = snapshot.settings.clone();
        let own = settings.events.entry(event_type.id.clone()).or_default();
        own.enabled = Some(true);
        let wants_user = own.notify_user != NotifyUser::None && event_type.notify_user.is_some();
        let mut data = event_type.sample.clone();
        if let (Some(fields), Some(email)) = (&event_type.notify_user, user_email)
            && let Some(name) = &fields.email
        {
            data.insert(name.to_string(), email.into());
        }
        let address = user_email.and_then(bare_address);
        let mut plan = plan(&Facts {
            event_type,
            settings: &settings,
            channels: &snapshot.channels,
            assignments: &[],
            // The sample's own address is nobody's. Somebody's stands in for a missing one, since the users of
            // events have addresses: who else is told does not depend on what the test lacks.
            user_address: Some(address.unwrap_or(STAND_IN)),
        });
        if wants_user {
            let untold = match (address, user_email) {
                (Some(_), _) => None,
                (None, Some(_)) => Some("the user's e-mail address is not a valid one"),
                (None, None) => Some("the test has no address for the user: send {\"user\": {\"email\": …}}"),
            };
            take_out_user(&mut plan, untold);
        }
        let event = Event {
            id: EventId(Uuid::now_v7()),
            event_type: event_type.id.clone(),
            data,
            user: user_email.map(|email| User { email: Some(email.to_owned()), ..User::default() }),
            job: None,
            condition: None,
            occurred_at: fanfare_core::whole_millis(self.inner.outside.clock.now()),
        };
        (plan, event)
    }

    async fn send_test(&self, snapshot: &Snapshot, event: &Event, target: Target, words: Arc<Notification>) -> Sent {
        let outside = &self.inner.outside;
        let began = outside.clock.now();
        let info = AttemptInfo {
            delivery_id: DeliveryId(Uuid::now_v7()),
            event_id: event.id,
            event_type: event.event_type.clone(),
            job: None,
            recipients: &target.recipients,
            at: began,
            variables: &*outside.variables,
        };
        let id = info.delivery_id;
        let (result, payload) = match snapshot.channels.entry(target.channel_id) {
            Some(entry) => {
                let payload = payload(entry, &words, &info).ok();
                (call(outside, entry, &words, info).await, payload)
            }
            None => (Err(SendError::misconfigured("the channel has been deleted")), None),
        };
        let took = outside.clock.now().as_millisecond() - began.as_millisecond();
        Sent { target, id, began, result, latency_ms: u64::try_from(took).unwrap_or(0), payload }
    }

    async fn keep_test(
        &self,
        event: &Event,
        plan: &fanfare_core::Plan,
        said: &Said,
        sent: Vec<Sent>,
    ) -> Result<(), ConfigureError> {
        let now = self.inner.outside.clock.now().as_millisecond();
        let row = EventRow {
            id: event.id.0,
            event_type: event.event_type.to_string(),
            job_id: None,
            test: true,
            occurred_at: event.occurred_at.as_millisecond(),
            created_at: now,
            event: event_document(event, false, said.wording_error.as_deref()),
            notification: document(&*said.words),
            user_notification: said.to_user.as_deref().map(document),
            plan: document(plan),
        };
        let failures = sent.iter().filter_map(failed_attempt).collect();
        let deliveries = sent.into_iter().map(|sent| test_row(sent, event, said)).collect();
        let new = NewEvent { event: row, deliveries, key: None, last_run: None, next_run: None, follows: Vec::new() };
        let stopping = || ConfigureError::Conflict("Fanfare is stopping; try again in a moment".into());
        let (answer, done) = oneshot::channel();
        self.inner.writer.send(Write::Tested(Box::new(new), failures, answer)).map_err(|_| stopping())?;
        Ok(done.await.map_err(|_| stopping())??)
    }
}

/// Says of a user who was to be told and is not why that is. `untold` is what the test lacks.
fn take_out_user(plan: &mut fanfare_core::Plan, untold: Option<&str>) {
    let is_user = |target: &Target| matches!(target.recipients, Recipients::Only(_));
    let told = plan.targets.iter().any(is_user);
    let why = match untold {
        Some(why) if told => {
            plan.targets.retain(|target| !is_user(target));
            why
        }
        _ if plan.targets.iter().any(|target| target.reason == TargetReason::UserFallback) => {
            "no enabled e-mail channel is among the channels, so the channels are told instead of the user"
        }
        _ => return,
    };
    plan.skips.push(Skip { reason: SkipReason::UserUnreachable, channel_id: None, detail: why.into() });
}

/// The result that stands for a user who could not be told.
fn untold_user(snapshot: &Snapshot, event_type: &EventType, skip: &Skip) -> TestResult {
    let channels = snapshot.settings.channels_of(event_type).iter().filter_map(|id| snapshot.channels.entry(*id));
    let mut mail = channels.filter(|entry| entry.info.recipients.is_some());
    // The one that would do it, else one that is disabled.
    let first = mail.next();
    let entry = first.filter(|entry| entry.info.enabled).or_else(|| mail.find(|entry| entry.info.enabled)).or(first);
    TestResult {
        channel_id: entry.map(|entry| entry.info.id),
        channel_name: entry.map(|entry| entry.info.name.clone()).unwrap_or_default(),
        target: "user".into(),
        ok: false,
        detail: skip.detail.clone(),
        latency_ms: 0,
        blocked_network: None,
    }
}

fn channel_sample(entry: &ChannelEntry, now: Timestamp) -> Notification {
    marked(Notification {
        title: "Fanfare reaches this channel".into(),
        message: format!("This is a test of the channel {:?}. Nothing has happened.", entry.info.name),
        fields: vec![
            Field { name: "Channel".into(), value: entry.info.name.clone(), inline: true },
            Field { name: "Kind".into(), value: entry.info.kind.clone(), inline: true },
        ],
        status: Status::Info,
        color: fanfare_core::Color { r: 0x3b, g: 0x82, b: 0xf6 },
        badge: None,
        link: None,
        time: fanfare_core::whole_millis(now),
    })
}

fn marked(mut notification: Notification) -> Notification {
    notification.title.insert_str(0, MARK);
    notification
}

fn test_result(sent: &Sent) -> TestResult {
    let (detail, blocked_network) = match &sent.result {
        Ok(receipt) => (receipt.detail.clone(), None),
        Err(error) => match error.kind {
            fanfare_core::ErrorKind::Misconfigured { blocked_network } => (error.detail.clone(), blocked_network),
            _ => (error.detail.clone(), None),
        },
    };
    TestResult {
        channel_id: Some(sent.target.channel_id),
        channel_name: sent.target.channel_name.clone(),
        target: sent.target.label(),
        ok: sent.result.is_ok(),
        detail,
        latency_ms: sent.latency_ms,
        blocked_network,
    }
}

fn failed_attempt(sent: &Sent) -> Option<AttemptRow> {
    let error = sent.result.as_ref().err()?;
    Some(AttemptRow {
        id: Uuid::now_v7(),
        delivery_id: sent.id.0,
        at: sent.began.as_millisecond(),
        duration_ms: i64::try_from(sent.latency_ms).unwrap_or(i64::MAX),
        status: error.status.map(i32::from),
        outcome: error.outcome().into(),
        detail: error.detail.clone(),
        payload: sent.payload.clone(),
    })
}

fn test_row(sent: Sent, event: &Event, said: &Said) -> DeliveryRow {
    let at = sent.began.as_millisecond();
    let duration = i64::try_from(sent.latency_ms).unwrap_or(i64::MAX);
    let title = &words_for(&sent.target, &said.words, said.to_user.as_ref()).title;
    let (status, outcome, detail) = match &sent.result {
        Ok(receipt) => (receipt.status, "delivered", receipt.detail.clone()),
        Err(error) => (error.status, error.outcome(), error.detail.clone()),
    };
    let delivered = sent.result.is_ok();
    DeliveryRow {
        id: sent.id.0,
        event_id: event.id.0,
        event_type: event.event_type.to_string(),
        job_id: None,
        channel_id: sent.target.channel_id.0,
        channel_name: sent.target.channel_name.clone(),
        kind: sent.target.kind.clone(),
        target: sent.target.label(),
        recipients: recipients_text(&sent.target.recipients),
        reason: sent.target.reason.as_str().into(),
        title: title.clone(),
        test: true,
        state: if delivered { DeliveryState::Delivered } else { DeliveryState::Dead },
        attempts: 1,
        due_at: None,
        owner: None,
        expires_at: at,
        held_at: None,
        possibly_duplicate: false,
        created_at: at,
        delivered_at: delivered.then_some(at + duration),
        last_attempt_at: Some(at),
        last_duration_ms: Some(duration),
        last_status: status.map(i32::from),
        last_outcome: Some(outcome.into()),
        last_detail: Some(detail),
        digest_id: None,
        digest_count: None,
    }
}
