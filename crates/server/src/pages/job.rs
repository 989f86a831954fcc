//! One job: its runs, who hears of them, how to report one.

use axum::extract::State;
use fanfare::{
    ChannelView, EventView, JobView, Page as Stretch,
    core::{Assignment, JobId, RunCondition},
};
use jiff::Timestamp;
use maud::{Markup, html};
use serde_json::{Value, json};

use super::{
    Html, Visitor,
    frame::Page,
    icons::{self, icon},
    jobs, live,
    parts::{Tone, note, when},
    visitor::{PageError, PageId},
    words,
};
use crate::{app::AppState, problem::Problem};

/// The pages of a job: what its address ends in, and its name.
const TABS: [(&str, &str); 4] =
    [("", "Runs"), ("/notifications", "Notifications"), ("/wording", "Wording"), ("/settings", "Settings")];

pub(super) async fn load(app: &AppState, id: JobId) -> Result<JobView, PageError> {
    Ok(app.engine.job(id).await?.ok_or_else(|| Problem::not_found("job"))?)
}

pub(super) fn page(job: &JobView, visitor: &Visitor, tab: &str, content: Markup) -> Html {
    let page = Page {
        title: &job.name,
        lead: html! {
            @match &job.last_run {
                Some(run) => { "Last run: " (words::outcome_badge(run.outcome)) " " (when(run.at, Timestamp::now())) "." }
                None => { "It has not run yet." }
            }
        },
        above: &[("/jobs", "Jobs")],
        action: html! {},
    };
    page.with(
        visitor,
        html! {
            nav.tabs aria-label="Job" {
                @for (path, name) in TABS { a href={ "/jobs/" (job.id) (path) } aria-current=[(path == tab).then_some("page")] { (name) } }
            }
            (content)
        },
    )
}

pub(super) async fn runs(
    State(app): State<AppState>,
    visitor: Visitor,
    PageId(id): PageId<JobId>,
) -> Result<Html, PageError> {
    let job = load(&app, id).await?;
    let events = app.engine.events(Some(id), Stretch { before: None, limit: 50 }).await?;
    let now = Timestamp::now();
    let content = html! {
        div.stack {
            section.card #runs data-part aria-labelledby="runs-title" {
                div.card-head { h2 #runs-title { "Runs" } span.quiet.small { "Next expected: " (jobs::expected(&job, now)) } }
                @if events.is_empty() { div.empty { p { "No run was reported yet. One of the lines below does it." } } }
                @else { div.table-wrap { table.fold {
                    thead { tr { th { "Outcome" } th { "When" } th { "Took" } th { "Size" } th { "What happened" } th { "Told" } } }
                    tbody { @for event in &events { (run(event, now)) } }
                } } }
            }
            (reporting(&job, &visitor))
        }
        (live::quietly(3_000))
    };
    Ok(page(&job, &visitor, "", content))
}

fn run(event: &EventView, now: Timestamp) -> Markup {
    let number = |name: &str| event.data.get(name).and_then(Value::as_u64);
    let error = event.data.get("error").and_then(Value::as_str);
    let told: Vec<_> = event.plan.targets.iter().map(|target| target.channel_name.as_str()).collect();
    html! {
        tr {
            td { (words::run_badge(event.event_type.as_str())) }
            td { (when(event.occurred_at, now)) }
            td.nowrap { @if let Some(ms) = number("duration_ms") { (words::duration(ms)) } }
            td.nowrap { @if let Some(bytes) = number("size_bytes") { (words::size(bytes)) } }
            td.wide { @if let Some(error) = error { (error) } }
            td.wide {
                @if told.is_empty() {
                    span.quiet title=(event.plan.skips.iter().map(|skip| skip.detail.as_str()).collect::<Vec<_>>().join("; ")) { "Nobody" }
                } @else {
                    a href={ "/history?event_id=" (event.id) } { (told.join(", ")) }
                }
            }
        }
    }
}

/// Ready lines that report a run.
fn reporting(job: &JobView, visitor: &Visitor) -> Markup {
    html! {
        @if visitor.may_change { (check_in(job, visitor)) }
        (with_token(job))
    }
}

/// The address that a job calls, which is all that it needs to know.
fn check_in(job: &JobView, visitor: &Visitor) -> Markup {
    let url = format!("{}/ping/{}", visitor.origin, job.ping_key);
    let call = format!("curl -fsS -m 10 --retry 5 -o /dev/null {url}");
    let ready = [
        ("cron", "cron", format!("30 1 * * *  /usr/local/bin/backup; {call}/$?")),
        (
            "systemd",
            "systemd, in the unit of the service",
            format!(
                "ExecStartPre=-/usr/bin/{call}/start\nExecStopPost=-/bin/sh -c 'exec {call}/$([ \"$SERVICE_RESULT\" = success ] && echo 0 || echo fail)'"
            ),
        ),
        ("borgmatic", "borgmatic", format!("healthchecks:\n    ping_url: {url}")),
        ("restic", "restic", format!("restic backup /srv; {call}/$?")),
        ("pg-dump", "pg_dump", format!("pg_dump -f shop.sql shop; {call}/$?")),
    ];
    html! {
        section.card #check-in data-part aria-labelledby="check-in-title" {
            div.card-head {
                div { h2 #check-in-title { "Check-in URL" } p { "Calling it reports a success; with " code { "/fail" } " or an exit code behind it, how the run ended; with " code { "/start" } ", that it began." } }
                button.button.slim.script-only type="button" data-call={ "POST /api/v1/jobs/" (job.id) "/ping-key" } data-confirm="Make a new check-in URL?" data-confirm-detail="The present one ends at once: whatever calls it has to be told the new one." data-done="The job has a new check-in URL." { "New URL" }
            }
            div.card-body.stack {
                (line("check-in-url", "The URL. Whoever has it can report runs of this job.", &url))
                @for (id, title, text) in &ready { (line(id, title, text)) }
            }
        }
    }
}

/// Reporting with a token, which tells more of a run.
fn with_token(job: &JobView) -> Markup {
    let name = format!("'{}'", job.name.replace('\'', r"'\''"));
    html! {
        section.card aria-labelledby="report-title" {
            div.card-head { div { h2 #report-title { "Around a command" } p { "Outcome, duration and the end of the error output report themselves. " code { "FANFARE_URL" } " and a token with the scope send in " code { "FANFARE_TOKEN" } " say where to." } } }
            div.card-body.stack { (line("wrapped", "In place of the command itself", &format!("fanfare run --job {name} -- pg_dump -f shop.sql shop"))) }
        }
    }
}

fn line(id: &str, title: &str, text: &str) -> Markup {
    html! {
        div {
            p.small.quiet { (title) }
            div.ready { pre.code id=(id) tabindex="0" { (text) } button.button.slim.script-only type="button" data-copy=(id) { "Copy" } }
        }
    }
}

pub(super) async fn notifications(
    State(app): State<AppState>,
    visitor: Visitor,
    PageId(id): PageId<JobId>,
) -> Result<Html, PageError> {
    let job = load(&app, id).await?;
    let channels = app.engine.channels();
    let view = Assigned { job: &job, channels: &channels, may_change: visitor.may_change };
    Ok(page(&job, &visitor, "/notifications", view.show()))
}

struct Assigned<'a> {
    job: &'a JobView,
    channels: &'a [ChannelView],
    may_change: bool,
}

impl Assigned<'_> {
    fn show(&self) -> Markup {
        html! {
            section.card #assigned data-part aria-labelledby="assigned-title" {
                div.card-head {
                    div { h2 #assigned-title { "Who hears of its runs" } p { "Missed runs count as failures; a recovery is told to those who were told." } }
                    @if self.may_change { (self.adding()) }
                }
                @if self.job.notifications.is_empty() {
                    div.empty { p { "Nobody hears of this job's runs yet. " @if self.channels.is_empty() { a href="/channels/new" { "Add a channel" } " first." } @else { "Add a channel." } } }
                }
                ul { @for i in 0..self.job.notifications.len() { (self.assignment(i)) } }
            }
            (note(Tone::Info, html! { p { strong { "A set-up that works well: " } "one channel that you look at now and then with " em { "Always" } ", and the one that wakes you with " em { "On Failure" } "." } }))
        }
    }

    fn call(&self) -> String {
        format!("PATCH /api/v1/jobs/{}", self.job.id)
    }

    fn assignment(&self, at: usize) -> Markup {
        let Assignment { channel_id, condition } = self.job.notifications[at];
        let channel = self.channels.iter().find(|channel| channel.id == channel_id);
        let name = channel.map_or("A channel that is gone", |channel| channel.name.as_str());
        html! {
            li.event data-assigned=(channel_id) {
                div.row.spread {
                    div.row.grow {
                        (icons::kind(channel.map_or("", |channel| channel.kind.as_str())))
                        a href={ "/channels/" (channel_id) } { (name) }
                        @if channel.is_some_and(|channel| !channel.enabled) { span.badge { "Disabled" } }
                    }
                    div.row {
                        fieldset.choice disabled[!self.may_change] {
                            legend.unseen { "Runs that " (name) " hears of" }
                            @for one in [RunCondition::Always, RunCondition::OnSuccess, RunCondition::OnFailure] {
                                label {
                                    input type="radio" name={ "condition-" (at) } id={ "condition-" (channel_id) "-" (words::condition_word(one)) } value=(words::condition_word(one)) checked[one == condition] autocomplete="off" data-call=(self.call()) data-body=r#"{"notifications":"$assigned"}"#;
                                    span { (words::condition(one)) }
                                }
                            }
                        }
                        @if self.may_change {
                            button.button.plain.slim type="button" data-call=(self.call()) data-body=r#"{"notifications":"$others"}"# data-done={ (name) " does not hear of this job any more." } aria-label={ "Remove " (name) } { "Remove" }
                        }
                    }
                }
            }
        }
    }

    fn adding(&self) -> Markup {
        let free: Vec<_> =
            self.channels.iter().filter(|c| !self.job.notifications.iter().any(|a| a.channel_id == c.id)).collect();
        html! {
            details.picker #add-channel {
                summary.button { (icon("plus")) "Add a channel" }
                div.picker-panel data-chooser {
                    @if free.is_empty() { p.help { "Every channel hears of this job already. " a href="/channels/new" { "Make another one" } "." } }
                    div.picker-list {
                        @for channel in free {
                            button.check.grow type="button" data-call=(self.call()) data-late data-body=(added(channel)) data-done={ (channel.name) " hears of this job now." } { (icons::kind_mini(&channel.kind)) span { (channel.name) } }
                        }
                    }
                }
            }
        }
    }
}

/// The whole list and one more, which hears of failures: what somebody adds, they want to be warned by.
fn added(channel: &ChannelView) -> String {
    json!({"notifications": ["$assigned", {"channel_id": channel.id, "condition": "on_failure"}]}).to_string()
}

pub(super) async fn settings(
    State(app): State<AppState>,
    visitor: Visitor,
    PageId(id): PageId<JobId>,
) -> Result<Html, PageError> {
    let job = load(&app, id).await?;
    let content = html! {
        form.card.form #job-form data-call={ "PATCH /api/v1/jobs/" (job.id) } data-goto={ "/jobs/" (job.id) "/settings" } data-done="Saved." novalidate {
            div.card-body { fieldset disabled[!visitor.may_change] { (jobs::fields(Some(&job))) } p.error data-general-error {} }
            @if visitor.may_change { div.card-foot { button.button.primary type="submit" { "Save" } } }
        }
        @if visitor.may_change {
            section.card.form aria-label="Delete" { div.card-body.row.spread {
                p.quiet.small.grow { "What its runs told stays in the history." }
                button.button.danger.script-only type="button" data-call={ "DELETE /api/v1/jobs/" (job.id) } data-confirm={ "Delete " (job.name) "?" } data-confirm-detail="Runs that are reported from now on are refused. The history stays." data-goto="/jobs" data-done={ (job.name) " is deleted." } { "Delete" }
            } }
        }
    };
    Ok(page(&job, &visitor, "/settings", content))
}
