//! From a submission to everything that will be written: validate, plan, render. Nothing here waits.

use std::sync::Arc;

use fanfare_core::{
    Assignment, Catalog, Condition, ConditionState, Event, EventId, EventType, Facts, Fault, JobRef, Notification,
    NotificationSettings, Plan, Recipients, catalog::Layer, plan, whole_millis,
};
use fanfare_store::{JobRow, LastRun, Watch};
use fanfare_template::Renderer;
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::{
    Absence, AcceptError, Run, Submission,
    conditions::Concern,
    configure::time,
    expect::Expectation,
    snapshot::Snapshot,
    wording::{OwnEntry, Voice},
};

/// An event that may be accepted, with its plan and its words.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    pub(crate) event: Event,
    pub(crate) plan: Plan,
    pub(crate) notification: Arc<Notification>,
    /// What the user is told, where the plan tells one directly.
    pub(crate) user_notification: Option<Arc<Notification>>,
    pub(crate) last_run: Option<LastRun>,
    /// Whether it tells of a channel's health.
    pub(crate) is_own: bool,
    /// For a run of which more are expected: when the next one is.
    pub(crate) next_run: Option<Watch>,
    /// The conditions that it begins, continues or ends; who knows of them is not yet taken out of the plan.
    pub(crate) concern: Option<Concern>,
    /// Why an own wording was not used.
    pub(crate) wording_error: Option<String>,
}

/// What intake works with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Intake<'a> {
    pub(crate) catalog: &'a Catalog,
    pub(crate) renderer: &'a Renderer,
    pub(crate) snapshot: &'a Snapshot,
    /// The settings of the snapshot, or what is to count instead.
    pub(crate) settings: &'a NotificationSettings,
    /// A wording to try out in place of the one that is saved.
    pub(crate) words: Option<&'a OwnEntry>,
    pub(crate) id: EventId,
    pub(crate) now: Timestamp,
}

impl Intake<'_> {
    /// Prepares an event of the system layer.
    pub(crate) fn submission(&self, submission: Submission) -> Result<Prepared, AcceptError> {
        let event_type = self.catalog.get(&submission.event_type).ok_or_else(|| {
            let detail = format!("there is no event type {:?}; GET /event-types lists them", submission.event_type);
            AcceptError::Invalid(vec![Fault::new("/type", detail)])
        })?;
        if event_type.layer == Layer::Job {
            let detail = format!("{} tells of a job's run: report the run to /jobs/{{id}}/runs", event_type.id);
            return Err(AcceptError::Invalid(vec![Fault::new("/type", detail)]));
        }
        if submission.condition.as_ref().is_some_and(|condition| condition.key.trim().is_empty()) {
            let fault = Fault::new("/condition/key", "this names what lasts, and must not be empty");
            return Err(AcceptError::Invalid(vec![fault]));
        }
        let data = event_type.check(submission.data, submission.user.as_ref()).map_err(AcceptError::Invalid)?;
        let condition = event_type.condition_of(&data, submission.condition);
        let event = Event {
            id: self.id,
            event_type: event_type.id.clone(),
            data,
            user: submission.user,
            job: None,
            condition,
            occurred_at: whole_millis(submission.occurred_at.unwrap_or(self.now)),
        };
        self.prepare(event_type, event, &[])
    }

    /// Prepares the event that tells of a job's run.
    pub(crate) fn run(&self, job: &JobRow, run: Run) -> Result<Prepared, AcceptError> {
        let event_type = self.catalog.get(run.outcome.event_type()).ok_or_else(|| {
            AcceptError::Unavailable(format!("the catalog has no event type {}", run.outcome.event_type()))
        })?;
        let ended = whole_millis(run.occurred_at.unwrap_or(self.now));
        let duration_ms = match (run.duration_ms, run.started_at) {
            (Some(duration), _) => Some(duration),
            (None, Some(started)) => {
                let lasted = ended.as_millisecond() - started.as_millisecond();
                let detail = "the run began after it ended: started_at must not be later than occurred_at";
                let fault = || AcceptError::Invalid(vec![Fault::new("/started_at", detail)]);
                Some(u64::try_from(lasted).map_err(|_| fault())?)
            }
            (None, None) => None,
        };
        let last_run = LastRun {
            event_id: self.id.0,
            outcome: run.outcome,
            at: ended,
            duration_ms,
            size_bytes: run.size_bytes,
            error: run.error.clone(),
        };
        let mut data = Map::new();
        let members: [(&str, Option<Value>); 5] = [
            ("job_name", Some(job.name.as_str().into())),
            ("source_name", run.source.map(Value::from)),
            ("duration_ms", duration_ms.map(Value::from)),
            ("size_bytes", run.size_bytes.map(Value::from)),
            ("error", run.error.map(Value::from)),
        ];
        data.extend(members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        let event = Event {
            id: self.id,
            event_type: event_type.id.clone(),
            data: event_type.check(data, None).map_err(|faults| AcceptError::Invalid(without_data(faults)))?,
            user: None,
            job: Some(JobRef { id: job.id.into(), name: job.name.clone() }),
            condition: None,
            occurred_at: ended,
        };
        let prepared = self.prepare(event_type, event, &job.notifications)?;
        let next_run = Expectation::of(job)
            .map(|expected| expected.watch(expected.after(ended.as_millisecond(), self.now.as_millisecond())));
        Ok(Prepared { last_run: Some(last_run), next_run, ..prepared })
    }

    /// Prepares the event that tells of a run of a job that did not come.
    pub(crate) fn missed(&self, job: &JobRow, expected_at: i64) -> Result<Prepared, AcceptError> {
        let last_run_at = job.last_run.as_ref().map(|run| run.at.to_string().into());
        let members = [("expected_at", Some(time(expected_at).to_string().into())), ("last_run_at", last_run_at)];
        self.absence(Absence::Missed, job, members.into_iter(), ConditionState::Firing)
    }

    /// Prepares the event that tells that one has come at last.
    pub(crate) fn recovered(&self, job: &JobRow, missed_since: i64) -> Result<Prepared, AcceptError> {
        let members = [("missed_since", Some(time(missed_since).to_string().into()))];
        self.absence(Absence::Recovered, job, members.into_iter(), ConditionState::Resolved)
    }

    /// The condition is the job's, whatever it is called by now.
    fn absence(
        &self,
        absence: Absence,
        job: &JobRow,
        members: impl Iterator<Item = (&'static str, Option<Value>)>,
        state: ConditionState,
    ) -> Result<Prepared, AcceptError> {
        let id = absence.event_type();
        let missing = || AcceptError::Unavailable(format!("the catalog has no event type {id}"));
        let event_type = self.catalog.get(id).ok_or_else(missing)?;
        let members = std::iter::once(("job_name", Some(job.name.as_str().into()))).chain(members);
        let data = members.filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
        let event = Event {
            id: self.id,
            event_type: event_type.id.clone(),
            data: event_type.check(data, None).map_err(AcceptError::Invalid)?,
            user: None,
            job: Some(JobRef { id: job.id.into(), name: job.name.clone() }),
            condition: Some(Condition { key: job.id.to_string(), state }),
            occurred_at: whole_millis(self.now),
        };
        self.prepare(event_type, event, &job.notifications)
    }

    fn prepare(
        &self,
        event_type: &EventType,
        event: Event,
        assignments: &[Assignment],
    ) -> Result<Prepared, AcceptError> {
        let _in = tracing::debug_span!("plan", event_id = %event.id, event_type = %event_type.id).entered();
        let plan = plan(&Facts {
            event_type,
            settings: self.settings,
            channels: &self.snapshot.channels,
            assignments,
            user_address: event_type.user_email(&event.data, event.user.as_ref()),
        });
        tracing::debug!(targets = plan.targets.len(), skips = plan.skips.len(), "an event was planned");
        let unsayable = |error: fanfare_template::RenderError| {
            AcceptError::Invalid(vec![Fault::new("/data", format!("this cannot be put into words: {error}"))])
        };
        let mut voice = Voice {
            renderer: self.renderer,
            event_type,
            own: self.words.or_else(|| self.snapshot.wordings.of(event_type, event.job.as_ref().map(|job| job.id.0))),
            data: &event.data,
            at: event.occurred_at,
            error: None,
        };
        let notification = Arc::new(voice.ordinary().map_err(unsayable)?);
        let tells_user = plan.targets.iter().any(|target| matches!(target.recipients, Recipients::Only(_)));
        let user_notification = if tells_user { voice.for_user().map_err(unsayable)?.map(Arc::new) } else { None };
        let wording_error = voice.error;
        let concern = Concern::of(&event, event_type, self.settings.reminder_of(event_type));
        Ok(Prepared {
            event,
            plan,
            notification,
            user_notification,
            last_run: None,
            next_run: None,
            is_own: false,
            concern,
            wording_error,
        })
    }
}

/// A run's members stand at the top of the document that reports it.
fn without_data(faults: Vec<Fault>) -> Vec<Fault> {
    let place = |fault: Fault| {
        let pointer = fault.pointer.strip_prefix("/data").unwrap_or(&fault.pointer).replace("/source_name", "/source");
        Fault { pointer, ..fault }
    };
    faults.into_iter().map(place).collect()
}
