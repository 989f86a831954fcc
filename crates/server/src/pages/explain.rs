//! "Who would hear of it?": the plan of an event or a run that never happens.

use axum::extract::{RawQuery, State};
use fanfare::{
    Absence, AcceptError, Engine, Explanation, JobView, Run, Submission,
    core::{EventType, Fault, Outcome, User, catalog::Layer},
};
use maud::{Markup, html};
use serde_json::{Map, Value};

use super::{
    Html, Visitor,
    channel::pretty,
    delivery::skipped,
    frame::{Page, sentence},
    icons::{self, icon},
    looks,
    parts::{self, Tone, note, said},
    visitor::PageError,
    words,
};
use crate::app::AppState;

/// What somebody asks about, as it stands in the address.
#[derive(Debug, Default)]
struct Question {
    event_type: String,
    data: String,
    email: String,
    job: String,
    outcome: String,
}

impl Question {
    fn read(query: Option<String>) -> Self {
        let mut question = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            match &*name {
                "type" => question.event_type = value.into_owned(),
                "data" => question.data = value.into_owned(),
                "email" => question.email = value.into_owned(),
                "job" => question.job = value.into_owned(),
                "outcome" => question.outcome = value.into_owned(),
                _ => {}
            }
        }
        question
    }

    async fn answer(&self, engine: &Engine) -> Option<Result<Explanation, Vec<Fault>>> {
        if !self.job.is_empty() {
            let absence = [("missed", Absence::Missed), ("recovered", Absence::Recovered)];
            if let Some((_, absence)) = absence.into_iter().find(|(word, _)| *word == self.outcome) {
                return Some(engine.explain_absence(&self.job, absence, None).await.map_err(faults));
            }
            let outcome =
                outcomes().into_iter().find(|(word, ..)| *word == self.outcome).map(|(_, _, outcome)| outcome);
            let outcome = outcome.unwrap_or(Outcome::Failure);
            let error = (outcome != Outcome::Success).then(|| "pg_dump: connection refused".to_owned());
            let run = Run {
                outcome,
                source: None,
                started_at: None,
                occurred_at: None,
                duration_ms: Some(42_000),
                size_bytes: None,
                error,
            };
            return Some(engine.explain_run(&self.job, run).await.map_err(faults));
        }
        let event_type = engine.catalog().get(&self.event_type)?;
        let data = match self.data_or_sample(event_type) {
            Ok(data) => data,
            Err(fault) => return Some(Err(vec![fault])),
        };
        let email = Some(self.email.trim()).filter(|email| !email.is_empty());
        let user = email.map(|email| User { email: Some(email.to_owned()), ..User::default() });
        let submission =
            Submission { event_type: self.event_type.clone(), data, user, condition: None, occurred_at: None };
        Some(engine.explain(submission).await.map_err(faults))
    }

    fn data_or_sample(&self, event_type: &EventType) -> Result<Map<String, Value>, Fault> {
        if self.data.trim().is_empty() {
            return Ok(event_type.sample.clone());
        }
        serde_json::from_str(&self.data)
            .map_err(|error| Fault::new("/data", format!("the data is no JSON object: {error}")))
    }
}

fn faults(error: AcceptError) -> Vec<Fault> {
    match error {
        AcceptError::Invalid(faults) => faults,
        other => vec![Fault::new("", other.to_string())],
    }
}

fn outcomes() -> [(&'static str, &'static str, Outcome); 3] {
    [
        ("success", "Success", Outcome::Success),
        ("partial", "Partial", Outcome::Partial),
        ("failure", "Failure", Outcome::Failure),
    ]
}

pub(super) async fn show(
    State(app): State<AppState>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Result<Html, PageError> {
    let question = Question::read(query);
    let engine = &app.engine;
    let jobs = engine.jobs().await?;
    let answer = question.answer(engine).await;
    let page = Page {
        title: "Who would hear of it?",
        lead: html! { "Choose an event or the outcome of a run, and see who would be told, who would not, and why. Nothing is stored or sent." },
        above: &[],
        action: html! {},
    };
    let content = html! {
        div.split {
            div.stack { (about_event(engine, &question)) (about_run(&jobs, &question)) }
            div.stack aria-live="polite" {
                @match &answer {
                    None => { div.card { div.empty { (icons::large("ask")) p { "The answer is made by the same rules that decide about real events." } } } }
                    Some(Ok(explanation)) => (told(explanation)),
                    Some(Err(faults)) => (note(Tone::Failure, html! { @for fault in faults { p { @if !fault.pointer.is_empty() { code { (fault.pointer) } " " } (sentence(&fault.detail)) } } })),
                }
            }
        }
    };
    Ok(page.with(&visitor, content))
}

fn about_event(engine: &Engine, question: &Question) -> Markup {
    let types: Vec<_> = engine.catalog().iter().filter(|event_type| event_type.layer == Layer::System).collect();
    let chosen = engine.catalog().get(&question.event_type).or(types.first().copied());
    let sample = chosen.and_then(|chosen| serde_json::to_string_pretty(&chosen.sample).ok()).unwrap_or_default();
    html! {
        form.card method="get" action="/explain" {
            div.card-head { h2 { "An event" } }
            div.card-body {
                div.field { label for="type" { "Event" } select #type name="type" { @for event in &types { option value=(event.id) selected[event.id.as_str() == question.event_type] { (event.name) } } } }
                div.field { label for="email" { "About the user with the address " span.optional { "optional" } } input #email name="email" type="email" value=(question.email) placeholder="ada@example.com"; }
                details.field open[!question.data.is_empty()] {
                    summary { "Its data " span.optional { "an example where empty" } }
                    textarea.mono name="data" aria-label="Data as JSON" rows="7" spellcheck="false" placeholder=(sample) { (question.data) }
                }
            }
            div.card-foot { button.button.primary { (icon("ask")) "Who would hear?" } }
        }
    }
}

fn about_run(jobs: &[JobView], question: &Question) -> Markup {
    html! {
        @if !jobs.is_empty() {
            form.card method="get" action="/explain" {
                div.card-head { h2 { "A run of a job" } }
                div.card-body.fields-2 {
                    div.field { label for="job" { "Job" } select #job name="job" { @for job in jobs { option value=(job.id) selected[job.id.to_string() == question.job] { (job.name) } } } }
                    div.field { label for="outcome" { "Outcome" } select #outcome name="outcome" { @for (word, name, _) in outcomes() { option value=(word) selected[word == question.outcome] { (name) } } option value="missed" selected[question.outcome == "missed"] { "Missed" } option value="recovered" selected[question.outcome == "recovered"] { "Recovered" } } }
                }
                div.card-foot { button.button.primary { (icon("ask")) "Who would hear?" } }
            }
        }
    }
}

fn told(explanation: &Explanation) -> Markup {
    let plan = &explanation.plan;
    html! {
        section.card #plan aria-labelledby="plan-title" {
            div.card-head { h2 #plan-title { @match plan.targets.len() { 0 => "Nobody would hear of it", 1 => "One would hear of it", n => { (n) " would hear of it" } } } }
            ul.lines {
                @for target in &plan.targets { li {
                    div.row.spread {
                        span.row { (icons::kind_mini(&target.kind)) strong { (target.channel_name) } @if target.label() != "channel" { span.quiet { "→ " (target.label().replace("user:", "")) } } }
                        @if target.held { (parts::badge(Tone::Plain, "Held: disabled")) } @else { (parts::badge(Tone::Success, "Told")) }
                    }
                    p.small.quiet { (words::reason(target.reason.as_str())) }
                } }
                (skipped(plan))
            }
        }
        section.card aria-label="Notification" { div.card-head { h2 { "What it says" } } div.card-body { (said(&explanation.notification)) } }
        @if let Some(user) = &explanation.user {
            section.card aria-label="Mail to the user" { div.card-head { h2 { "What the user reads" } } div.card-body { (said(&user.notification)) } }
        }
        @if !explanation.payloads.is_empty() {
            section.card aria-label="Payloads" {
                div.card-head { h2 { "What would go out" } }
                div.card-body.stack {
                    @for (channel, payload) in &explanation.payloads {
                        @if let Some(target) = plan.targets.iter().find(|target| target.channel_id == *channel) {
                            details { summary { (target.channel_name) } @match payload { Ok(payload) => (sent(&target.kind, payload)), Err(why) => { p.error { (why) } } } }
                        }
                    }
                }
            }
        }
    }
}

/// How a payload looks at its receiver, and the payload itself.
fn sent(kind: &str, payload: &str) -> Markup {
    html! {
        div.stack {
            @if let Some(look) = looks::look(kind, payload, None) { (look) }
            pre.code tabindex="0" { (pretty(payload)) }
        }
    }
}
