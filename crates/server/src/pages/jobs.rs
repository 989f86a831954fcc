//! Jobs: named pieces of work whose runs are reported.

use axum::extract::State;
use fanfare::{ChannelView, JobView};
use jiff::Timestamp;
use maud::{Markup, html};

use super::{
    Html, Visitor,
    frame::Page,
    icons::{self, icon},
    parts::{self, when},
    visitor::PageError,
    words,
};
use crate::app::AppState;

pub(super) async fn list(State(app): State<AppState>, visitor: Visitor) -> Result<Html, PageError> {
    let jobs = app.engine.jobs().await?;
    let channels = app.engine.channels();
    let now = Timestamp::now();
    let add = html! { @if visitor.may_change { a.button.primary href="/jobs/new" { (icon("plus")) "Add a job" } } };
    let page = Page {
        title: "Jobs",
        lead: html! { "Work that reports how it went: a backup, a sync, a nightly script. Each job says who hears of its runs." },
        above: &[],
        action: if jobs.is_empty() {
            html! {}
        } else {
            add.clone()
        },
    };
    let content = html! {
        @if jobs.is_empty() {
            (parts::empty("jobs", "No job yet", "A job is a named piece of work whose runs are reported, by a line in a script or in cron. It knows its last run, notices a missing one, and tells the channels that you choose for it.", add))
        } @else {
            div.card #jobs data-part { div.table-wrap { table.fold {
                thead { tr { th { "Job" } th { "Last run" } th { "Next expected" } th { "Who hears" } } }
                tbody { @for job in &jobs { (row(job, &channels, now)) } }
            } } }
        }
    };
    Ok(page.with(&visitor, content))
}

fn row(job: &JobView, channels: &[ChannelView], now: Timestamp) -> Markup {
    html! {
        tr.link {
            td { a.whole href={ "/jobs/" (job.id) } { (job.name) } }
            td { @match &job.last_run { Some(run) => { (words::outcome_badge(run.outcome)) " " (when(run.at, now)) } None => { span.quiet { "No run yet" } } } }
            td { (expected(job, now)) }
            td.wide { (who(job, channels)) }
        }
    }
}

/// When the next run is due.
pub(super) fn expected(job: &JobView, now: Timestamp) -> Markup {
    html! {
        @match job.next_expected_at {
            Some(at) if at < now => { (parts::badge(parts::Tone::Warning, "Overdue")) " " (when(at, now)) }
            Some(at) => (when(at, now)),
            None => { span.quiet { (if job.expect_every_s.is_some() { "After the first run" } else { "At no set times" }) } }
        }
    }
}

fn who(job: &JobView, channels: &[ChannelView]) -> Markup {
    html! {
        @if job.notifications.is_empty() { span.quiet { "Nobody yet" } }
        div.chips {
            @for assigned in &job.notifications {
                @if let Some(channel) = channels.iter().find(|channel| channel.id == assigned.channel_id) {
                    span.chip { (icons::kind_mini(&channel.kind)) (channel.name) " · " (words::condition(assigned.condition)) }
                }
            }
        }
    }
}

pub(super) async fn new(visitor: Visitor) -> Html {
    let page = Page {
        title: "Add a job",
        lead: html! { "Give it a name now; who hears of it comes next." },
        above: &[("/jobs", "Jobs")],
        action: html! {},
    };
    let content = html! {
        form.card.form data-call="POST /api/v1/jobs" data-goto="/jobs/{id}/notifications" data-done="The job is there. Choose who hears of its runs." novalidate {
            div.card-body { fieldset disabled[!visitor.may_change] { (fields(None)) } p.error data-general-error {} }
            @if visitor.may_change { div.card-foot { button.button.primary type="submit" { "Add the job" } a.button.plain href="/jobs" { "Cancel" } } }
        }
    };
    page.with(&visitor, content)
}

/// The fields of a job besides who hears of it.
pub(super) fn fields(job: Option<&JobView>) -> Markup {
    let every = job.and_then(|job| job.expect_every_s);
    let grace = job.and_then(|job| job.grace_s);
    html! {
        div.field {
            label for="name" { "Name" }
            input #name name="/name" required maxlength="200" autocomplete="off" value=[job.map(|job| job.name.as_str())] placeholder="Nightly shop backup" aria-describedby="name-help name-error";
            p.help #name-help { "What reports a run names the job by it." }
            p.error #name-error {}
        }
        div.field {
            label for="expect" { "A run is expected" }
            select #expect name="/expect_every_s" data-type="integer" aria-describedby="expect-help expect-error" {
                option value="" selected[every.is_none()] { "at no set times" }
                (periods(every, true))
            }
            p.help #expect-help { "A job that misses its time is told as missed to those who hear of failures." }
            p.error #expect-error {}
        }
        div.field {
            label for="grace" { "It may be late by" }
            select #grace name="/grace_s" data-type="integer" aria-describedby="grace-error" {
                option value="" selected[grace.is_none()] { "the default" }
                (periods(grace, false))
            }
            p.error #grace-error {}
        }
    }
}

/// Usual stretches of time, and the present one where it is none of them.
fn periods(present: Option<u32>, every: bool) -> Markup {
    let usual: &[u32] = if every {
        &[300, 900, 3_600, 21_600, 43_200, 86_400, 604_800, 2_592_000]
    } else {
        &[60, 300, 900, 1_800, 3_600, 10_800, 43_200, 86_400]
    };
    let own = present.filter(|seconds| !usual.contains(seconds));
    html! {
        @for seconds in own.iter().chain(usual) {
            option value=(seconds) selected[present == Some(*seconds)] { @if every { "every " } (words::seconds(*seconds)) }
        }
    }
}
