//! Who would hear of an event, and what they would be told. Nothing is stored or sent.

use std::collections::BTreeMap;

use fanfare_core::{
    AttemptInfo, DeliveryId, Fault, Recipients,
    catalog::{JobWording, OwnWording},
};
use fanfare_template::Own;
use uuid::Uuid;

use crate::{
    Absence, AcceptError, Engine, Explanation, Run, Submission, UserExplanation, birth::words_for, configure::time,
    engine::find_job, expect::Expectation, intake::Intake, intake::Prepared, send::payload, snapshot::Snapshot,
    wording::OwnEntry,
};

impl Engine {
    /// Who would hear of an event, and what they would be told. Nothing is stored or sent.
    ///
    /// # Errors
    /// Where the event would be refused.
    pub async fn explain(&self, submission: Submission) -> Result<Explanation, AcceptError> {
        self.explain_worded(submission, None).await
    }

    /// The same, with a wording in place of the one that is saved for the event type, as it could be saved: a preview.
    ///
    /// # Errors
    /// Where the event, or the wording when it is saved, would be refused.
    pub async fn explain_worded(
        &self,
        submission: Submission,
        wording: Option<&OwnWording>,
    ) -> Result<Explanation, AcceptError> {
        let submission = self.complete(submission).await;
        let own =
            wording.map(|wording| self.preview_wording(&submission.event_type, wording, "/wording")).transpose()?;
        self.explain_prepared(own.flatten(), |intake| intake.submission(submission)).await
    }

    /// Who would hear of a run, and what they would be told. Nothing is stored or sent.
    ///
    /// # Errors
    /// Where the run would be refused.
    pub async fn explain_run(&self, job: &str, run: Run) -> Result<Explanation, AcceptError> {
        self.explain_run_worded(job, run, None).await
    }

    /// The same, with a wording in place of the job's, as it could be saved.
    ///
    /// # Errors
    /// Where the run, or the wording when it is saved, would be refused.
    pub async fn explain_run_worded(
        &self,
        job: &str,
        run: Run,
        wording: Option<&JobWording>,
    ) -> Result<Explanation, AcceptError> {
        let own = self.preview_job_wording(run.outcome.event_type(), wording)?;
        self.explain_prepared(own, |intake| intake.run(find_job(intake.snapshot, job)?, run)).await
    }

    /// Who would hear that a run of a job is missed, or that one has come at last, as things stand. Of a miss that has
    /// not begun it says what will be told when it does. `wording` takes the place of the job's, as it could be saved.
    /// Nothing is stored or sent.
    ///
    /// # Errors
    /// Where there is no such job, where it expects no runs, or where the wording would be refused.
    pub async fn explain_absence(
        &self,
        job: &str,
        absence: Absence,
        wording: Option<&JobWording>,
    ) -> Result<Explanation, AcceptError> {
        let own = self.preview_job_wording(absence.event_type(), wording)?;
        let id = self.job_id(job)?;
        let found = self.inner.store.job(id.0).await.map_err(|error| AcceptError::Unavailable(error.to_string()))?;
        let row = found.ok_or_else(|| AcceptError::NoJob(job.to_owned()))?;
        let (Some(expectation), Some(watch)) = (Expectation::of(&row), row.watch) else {
            let detail =
                "no run of this job can be missed, since none is expected: expect_every_s says how often it runs";
            return Err(AcceptError::Invalid(vec![Fault::new("/outcome", detail)]));
        };
        let since = watch.missed_since.unwrap_or(watch.expected_at);
        let alarm = time(expectation.watch(since).alarm_at);
        self.explain_prepared(own, |intake| match absence {
            Absence::Missed => Intake { now: intake.now.max(alarm), ..*intake }.missed(&row, since),
            Absence::Recovered => intake.recovered(&row, since),
        })
        .await
    }

    /// A job's wording that is to be tried out, for one of the event types that tell of it.
    fn preview_job_wording(
        &self,
        event_type: &str,
        wording: Option<&JobWording>,
    ) -> Result<Option<OwnEntry>, AcceptError> {
        let Some(wording) = wording else { return Ok(None) };
        let faults = crate::wording::check_job(Some(wording), None, &self.inner.catalog, &self.inner.renderer);
        if !faults.is_empty() {
            return Err(AcceptError::Invalid(faults));
        }
        let text = wording.get(event_type).cloned().unwrap_or_default();
        self.preview_wording(event_type, &text.into(), &format!("/wording/{event_type}"))
    }

    /// A wording that is to be tried out; `None` where the event type does not exist, which is said elsewhere.
    fn preview_wording(
        &self,
        event_type: &str,
        wording: &OwnWording,
        place: &str,
    ) -> Result<Option<OwnEntry>, AcceptError> {
        let Some(event_type) = self.inner.catalog.get(event_type) else { return Ok(None) };
        let refused =
            |faults: Vec<Fault>| AcceptError::Invalid(faults.into_iter().map(|fault| fault.under(place)).collect());
        let own: Own = self.inner.renderer.own_to_save(event_type, wording).map_err(refused)?;
        Ok(Some(OwnEntry::preview(own)))
    }

    async fn explain_prepared(
        &self,
        own: Option<OwnEntry>,
        prepare: impl FnOnce(&Intake<'_>) -> Result<Prepared, AcceptError>,
    ) -> Result<Explanation, AcceptError> {
        let snapshot = self.inner.current.get();
        let prepared = self.planned(|intake| prepare(&Intake { words: own.as_ref(), ..*intake })).await?;
        Ok(self.explained(&snapshot, prepared))
    }

    fn explained(&self, snapshot: &Snapshot, prepared: Prepared) -> Explanation {
        let at = self.inner.outside.clock.now();
        let (mut payloads, mut user) = (BTreeMap::new(), None);
        for target in &prepared.plan.targets {
            let Some(entry) = snapshot.channels.entry(target.channel_id) else { continue };
            let info = AttemptInfo {
                delivery_id: DeliveryId(Uuid::now_v7()),
                event_id: prepared.event.id,
                event_type: prepared.event.event_type.clone(),
                job: prepared.event.job.as_ref().map(|job| job.id),
                recipients: &target.recipients,
                at,
                variables: &*self.inner.outside.variables,
            };
            let words = words_for(target, &prepared.notification, prepared.user_notification.as_ref());
            let payload = payload(entry, words, &info);
            if matches!(target.recipients, Recipients::Only(_)) {
                user = Some(UserExplanation { notification: (**words).clone(), payload: payload.clone() });
            }
            // The user comes last, and does not hide what the same channel's own recipients get.
            payloads.entry(target.channel_id).or_insert(payload);
        }
        Explanation {
            plan: prepared.plan,
            notification: (*prepared.notification).clone(),
            payloads,
            user,
            wording_error: prepared.wording_error,
        }
    }
}
