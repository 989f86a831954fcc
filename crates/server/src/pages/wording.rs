//! Own wording: what an administrator has the events of a type, or the runs of a job, say instead.

use axum::extract::{RawQuery, State};
use fanfare::{
    Absence, Engine, JobView, Run, Submission,
    core::{
        EventType, JobId, Notification, Outcome, User,
        catalog::{Layer, OwnWording},
    },
};
use maud::{Markup, html};
use serde_json::{Value, json};

use super::{
    Html, Visitor,
    frame::Page,
    job,
    parts::{self, Tone, note, said},
    visitor::{PageError, PageId},
    wording_form::Form,
};
use crate::{app::AppState, extract::Name, problem::Problem};

/// Whom an example that is about a user is about.
const EXAMPLE_ADDRESS: &str = "ada@example.com";

/// What a wording comes out as on the example: for everybody, and for the user where one is told directly.
#[derive(Debug, Default)]
struct Preview {
    everybody: Option<Notification>,
    user: Option<Notification>,
    trouble: Option<String>,
}

/// What a page of a wording says.
struct View<'a> {
    form: Form<'a>,
    preview: Preview,
    /// What the API is asked for a preview, besides the wording.
    question: Option<Value>,
    may_change: bool,
}

pub(super) async fn of_event(State(app): State<AppState>, visitor: Visitor, Name(id): Name) -> Result<Html, PageError> {
    let engine = &app.engine;
    let event_type = engine.catalog().get(&id).filter(|event_type| event_type.layer == Layer::System);
    let event_type = event_type.ok_or_else(|| Problem::not_found("event type with settings of its own"))?;
    let own = engine.settings().of(event_type).and_then(|own| own.wording.clone()).unwrap_or_default();
    let user = event_type.notify_user.is_some().then(|| json!({"email": EXAMPLE_ADDRESS}));
    let mut question = json!({"type": id, "data": event_type.sample});
    if let Some(user) = &user {
        question["user"] = user.clone();
    }
    let view = View {
        preview: preview_of_event(engine, event_type, &own).await,
        form: Form { event_type, own, prefix: "/wording".into(), takes_user: user.is_some() },
        question: Some(question),
        may_change: visitor.may_change,
    };
    let page = Page {
        title: &format!("Wording: {}", event_type.name),
        lead: html! { "What this event says instead of its own words. Colour, status and badge stay, so that good and bad news keep looking alike." },
        above: &[("/settings/notifications", "Notifications")],
        action: html! {},
    };
    let call = format!("PATCH /api/v1/settings/notifications/events/{id}");
    Ok(page.with(&visitor, view.show(&call, r#"{"wording":null}"#)))
}

async fn preview_of_event(engine: &Engine, event_type: &EventType, own: &OwnWording) -> Preview {
    let about_user = event_type.notify_user.is_some();
    let submission = Submission {
        event_type: event_type.id.to_string(),
        data: event_type.sample.clone(),
        user: about_user.then(|| User { email: Some(EXAMPLE_ADDRESS.into()), ..User::default() }),
        condition: None,
        occurred_at: None,
    };
    match engine.explain_worded(submission, Some(own)).await {
        Ok(explained) => Preview {
            everybody: Some(explained.notification),
            user: explained.user.map(|user| user.notification),
            trouble: None,
        },
        Err(error) => Preview { trouble: Some(error.to_string()), ..Preview::default() },
    }
}

/// What a job can tell of.
#[derive(Clone, Copy, Debug)]
enum News {
    Run(Outcome),
    Absence(Absence),
}

/// All that a job can tell of: the event type, and its name.
const NEWS: [(&str, &str, News); 5] = [
    ("backup_failure", "Failure", News::Run(Outcome::Failure)),
    ("backup_partial", "Partial", News::Run(Outcome::Partial)),
    ("backup_success", "Success", News::Run(Outcome::Success)),
    ("run_missed", "Missed", News::Absence(Absence::Missed)),
    ("run_recovered", "Recovered", News::Absence(Absence::Recovered)),
];

pub(super) async fn of_job(
    State(app): State<AppState>,
    visitor: Visitor,
    PageId(id): PageId<JobId>,
    RawQuery(query): RawQuery,
) -> Result<Html, PageError> {
    let job = job::load(&app, id).await?;
    let wanted = query.unwrap_or_default();
    let wanted = wanted.strip_prefix("news=").unwrap_or("backup_failure");
    let (news, _, told) = NEWS.into_iter().find(|(id, ..)| *id == wanted).unwrap_or(NEWS[0]);
    let engine = &app.engine;
    let event_type = engine.catalog().get(news).ok_or_else(|| Problem::not_found("event type"))?;
    let own = job.wording.as_ref().and_then(|wording| wording.get(news)).cloned().unwrap_or_default();
    // No run is missed where none is expected, so there is no example of that.
    let has_example = matches!(told, News::Run(_)) || job.next_expected_at.is_some();
    let preview = if has_example { preview_of_job(engine, &job, told).await } else { Preview::default() };
    let view = View {
        form: Form { event_type, own: own.into(), prefix: format!("/wording/{news}"), takes_user: false },
        preview,
        question: has_example.then(|| question(&job, told)),
        may_change: visitor.may_change,
    };
    let call = format!("PATCH /api/v1/jobs/{id}");
    let is_only = job.wording.as_ref().is_none_or(|wording| wording.keys().all(|id| id.as_str() == news));
    let reset = if is_only { json!({"wording": null}) } else { json!({"wording": {news: null}}) }.to_string();
    let content = html! {
        nav.segments aria-label="What the job tells of" {
            @for (id, name, _) in NEWS {
                a href={ "/jobs/" (job.id) "/wording?news=" (id) } aria-current=[(id == news).then_some("page")] {
                    (name) @if job.wording.as_ref().is_some_and(|wording| wording.contains_key(id)) { " " span.dot title="Own wording" { "•" } }
                }
            }
        }
        (view.show(&call, &reset))
    };
    Ok(job::page(&job, &visitor, "/wording", content))
}

async fn preview_of_job(engine: &Engine, job: &JobView, news: News) -> Preview {
    let id = job.id.to_string();
    let explained = match news {
        News::Run(outcome) => engine.explain_run(&id, example(outcome)).await,
        News::Absence(absence) => engine.explain_absence(&id, absence, None).await,
    };
    match explained {
        Ok(explained) => Preview { everybody: Some(explained.notification), ..Preview::default() },
        Err(error) => Preview { trouble: Some(error.to_string()), ..Preview::default() },
    }
}

fn example(outcome: Outcome) -> Run {
    Run {
        outcome,
        source: Some(EXAMPLE_SOURCE.into()),
        started_at: None,
        occurred_at: None,
        duration_ms: Some(EXAMPLE_MS),
        size_bytes: Some(EXAMPLE_BYTES),
        error: (outcome != Outcome::Success).then(|| EXAMPLE_ERROR.to_owned()),
    }
}

const EXAMPLE_ERROR: &str = "pg_dump: connection refused";
const EXAMPLE_SOURCE: &str = "shop database";
const EXAMPLE_MS: u64 = 42_000;
const EXAMPLE_BYTES: u64 = 1_572_864;

/// The same news, as the API is asked about them.
fn question(job: &JobView, news: News) -> Value {
    let outcome = match news {
        News::Run(outcome) => outcome,
        News::Absence(Absence::Missed) => return json!({"job": job.id.to_string(), "outcome": "missed"}),
        News::Absence(Absence::Recovered) => return json!({"job": job.id.to_string(), "outcome": "recovered"}),
    };
    let word = outcome.event_type().trim_start_matches("backup_");
    let mut run = json!({
        "job": job.id.to_string(), "outcome": word, "source": EXAMPLE_SOURCE,
        "duration_ms": EXAMPLE_MS, "size_bytes": EXAMPLE_BYTES,
    });
    if outcome != Outcome::Success {
        run["error"] = EXAMPLE_ERROR.into();
    }
    run
}

impl View<'_> {
    fn show(&self, call: &str, reset: &str) -> Markup {
        let question = self.question.as_ref().map(Value::to_string);
        let is_own = self.form.own != OwnWording::default();
        html! {
            div.split.wording {
                form.card #wording-form data-part data-call=(call) data-prune=(self.form.prefix) data-explain=[question.as_deref()] data-explained=[question.as_ref().map(|_| "wording-preview")] data-done="Saved: this is what it says from now on." novalidate {
                    div.card-head {
                        h2 { "Own wording" }
                        @if is_own { span.badge.accent { "Own wording" } } @else { span.badge { "Its own words" } }
                    }
                    fieldset.card-body disabled[!self.may_change] { (self.form.fields()) p.error data-general-error {} }
                    @if self.may_change {
                        div.card-foot {
                            button.button.primary.script-only type="submit" { "Save" }
                            @if is_own {
                                button.button.plain.script-only type="button" data-call=(call) data-body=(reset) data-done="It says its own words again." { "Reset to its own words" }
                            }
                        }
                    }
                }
                div.stack.beside { (self.preview()) (self.form.data()) }
            }
        }
    }

    fn preview(&self) -> Markup {
        html! {
            section.card #wording-preview data-part aria-labelledby="preview-title" {
                div.card-head { div { h2 #preview-title { "Preview" } p { "The example in these words. Nothing is saved or sent." } } }
                div.card-body.stack aria-live="polite" {
                    @if let Some(trouble) = &self.preview.trouble { (note(Tone::Failure, html! { p { (trouble) } })) }
                    @match &self.preview.everybody {
                        Some(notification) => { div data-said="notification" { (said(notification)) } }
                        None if self.question.is_none() => {
                            p.quiet { "No run of this job can be missed, because none is expected yet: its settings say how often it runs. A wording is checked when it is saved." }
                        }
                        None => {}
                    }
                    @if self.form.takes_user {
                        div.user-reads {
                            h3 { "What the user reads" }
                            div data-said="user" { @if let Some(notification) = &self.preview.user { (said(notification)) } }
                            @if self.preview.user.is_none() { p.quiet.small data-unsaid="user" { "Nobody is told directly at present: " a href={ "/settings/notifications#event-" (self.form.event_type.id) } { "Notify user directly" } " decides." } }
                        }
                    }
                }
            }
        }
    }
}

/// The way to this page from the list of events.
pub(super) fn link(event_type: &EventType, is_own: bool) -> Markup {
    html! {
        a.button.slim href={ "/settings/notifications/" (event_type.id) "/wording" } aria-label={ "Wording of " (event_type.name) } {
            (super::icons::icon("edit")) "Wording" @if is_own { " " (parts::badge(Tone::Info, "Own")) }
        }
    }
}
