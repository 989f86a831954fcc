//! The first page: is everything getting through?

use axum::extract::State;
use fanfare::{ChannelView, DeliveryState, DeliveryView, HealthState, JobView};
use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};

use super::{
    Html, Visitor,
    chart::{self, Hour},
    frame::{Page, user_of},
    icons::{self, icon},
    jobs, live,
    parts::{self, Tone, note, when},
    visitor::PageError,
    words,
};
use crate::app::AppState;

pub(super) async fn show(State(app): State<AppState>, visitor: Visitor) -> Result<Html, PageError> {
    let engine = &app.engine;
    let now = Timestamp::now();
    let channels = engine.channels();
    let jobs = engine.jobs().await?;
    let (_, states) = engine.counters().await?;
    let since = now.checked_sub(SignedDuration::from_hours(23)).unwrap_or(now);
    let hours = chart::hours(engine.hours(since).await?, now);
    let failures = engine.latest_failures(5).await?;
    let count = |state: DeliveryState| states.get(state.as_str()).copied().unwrap_or(0);
    let page = Page { title: "Overview", lead: html! { (answer(&channels, &hours)) }, above: &[], action: html! {} };
    let settings = engine.settings();
    let chosen = !settings.global_channels.is_empty()
        || settings.events.values().any(|own| own.channels.is_some())
        || jobs.iter().any(|job| !job.notifications.is_empty());
    let content = html! {
        div.stack #overview data-part {
            @if !chosen { (first_steps(&channels)) }
            ul.figures {
                (figure("Delivered in 24 hours", hours.iter().map(|hour| hour.delivered).sum(), "/history?state=delivered", false))
                (figure("Waiting", count(DeliveryState::Pending), "/history?state=pending", false))
                (figure("Held", count(DeliveryState::Held), "/history?state=held", false))
                (figure("Failed", count(DeliveryState::Dead), "/history?state=dead", true))
            }
            section.card aria-labelledby="chart-title" { div.card-head { h2 #chart-title { "Deliveries by hour" } (chart::key()) } div.card-body { (chart::bars(&hours)) } }
            div.split {
                (health(&channels, now))
                (latest(&failures, visitor.may_change, now))
            }
            @if !jobs.is_empty() { (runs(&jobs, now)) }
        }
        (live::quietly(5_000))
    };
    let users = failures.iter().filter_map(|failure| user_of(&failure.target));
    Ok(page.with(&visitor, content).hiding(&visitor, users))
}

/// The answer to the one question, in a sentence.
fn answer(channels: &[ChannelView], hours: &[Hour]) -> Markup {
    let failing = channels.iter().filter(|c| c.enabled && c.health.state == HealthState::Failing).count();
    let failed: i64 = hours.iter().map(|hour| hour.failed).sum();
    html! {
        @match (failing, failed) {
            _ if channels.is_empty() => { "Is everything getting through? Nothing was sent yet." }
            (0, 0) => { span.badge.success { "✓" } " Everything is getting through." }
            (0, failed) => { span.badge.warning { "!" } " " (failed) " failed in the last 24 hours; the channels work now." }
            (1, _) => { span.badge.failure { "✕" } " One channel does not get through at the moment." }
            (failing, _) => { span.badge.failure { "✕" } " " (failing) " channels do not get through at the moment." }
        }
    }
}

fn figure(name: &str, number: i64, address: &str, bad: bool) -> Markup {
    html! {
        li.card { a.figure href=(address) { span.name { (name) } span.number.failure[bad && number > 0] { (number) } } }
    }
}

/// The way to the first notification that arrives.
fn first_steps(channels: &[ChannelView]) -> Markup {
    let added = !channels.is_empty();
    let arrived = channels.iter().any(|channel| channel.health.state == HealthState::Ok);
    let first = channels.first().map(|channel| format!("/channels/{}", channel.id));
    let steps = [
        (
            added,
            "Add a channel",
            "A place that Fanfare writes to: a chat, a mailbox, a phone.",
            "/channels/new".to_owned(),
        ),
        (
            arrived,
            "Test it, and see it arrive",
            "The test shows what the service answered.",
            first.unwrap_or_else(|| "/channels".into()),
        ),
        (
            false,
            "Choose what it hears of",
            "Make it one of the Global Channels, or let a job tell it of its runs.",
            "/settings/notifications".to_owned(),
        ),
    ];
    let next = steps.iter().position(|(done, ..)| !done);
    html! {
        section.card aria-labelledby="steps-title" {
            div.card-head { h2 #steps-title { "Three steps to your first notification" } }
            ol.steps {
                @for (i, (done, title, text, address)) in steps.iter().enumerate() {
                    li.done[*done] {
                        span.n { @if *done { (icon("check")) } @else { (i + 1) } }
                        div.row.spread { div.grow { h3 { (title) @if *done { span.unseen { " (done)" } } } p.quiet.small { (text) } } @if next == Some(i) { a.button.primary href=(address) { (title) } } }
                    }
                }
            }
        }
    }
}

fn health(channels: &[ChannelView], now: Timestamp) -> Markup {
    html! {
        section.card aria-labelledby="health-title" {
            div.card-head { h2 #health-title { "Channels" } a.small href="/channels" { "All channels" } }
            @if channels.is_empty() { div.empty { p { "No channel yet." } } }
            ul.lines { @for channel in channels { li {
                div.row.spread {
                    span.row.grow { (icons::kind_mini(&channel.kind)) a href={ "/channels/" (channel.id) } { (channel.name) } }
                    @if channel.enabled { (parts::health_badge(&channel.health)) } @else { (parts::badge(Tone::Plain, "Disabled")) }
                }
                @if channel.health.state == HealthState::Failing {
                    p.small.quiet { (channel.health.last_error.as_deref().unwrap_or_default()) @if let Some(since) = channel.health.since { " – since " (when(since, now)) } }
                }
            } } }
        }
    }
}

fn latest(failures: &[DeliveryView], may_change: bool, now: Timestamp) -> Markup {
    html! {
        section.card aria-labelledby="failures-title" {
            div.card-head { h2 #failures-title { "Latest failures" } a.small href="/history?state=dead" { "All failures" } }
            @if failures.is_empty() { div.card-body { (note(Tone::Plain, html! { p { "Nothing has failed." } })) } }
            ul.lines { @for delivery in failures { li {
                div.row.spread {
                    span.grow { a href={ "/history/" (delivery.id) } { (delivery.title) } " " span.small.quiet { (delivery.channel_name) ", " (when(delivery.created_at, now)) } }
                    @if may_change { button.button.slim.script-only type="button" data-call={ "POST /api/v1/deliveries/" (delivery.id) "/retry" } data-done="It is tried again now." aria-label={ "Retry " (delivery.title) } { (icon("retry")) "Retry" } }
                }
                @if let Some(error) = &delivery.last_error { p.small.quiet { (error) } }
            } } }
        }
    }
}

fn runs(all: &[JobView], now: Timestamp) -> Markup {
    html! {
        section.card aria-labelledby="jobs-title" {
            div.card-head { h2 #jobs-title { "Jobs" } a.small href="/jobs" { "All jobs" } }
            div.table-wrap { table.fold {
                thead { tr { th { "Job" } th { "Last run" } th { "Next expected" } } }
                tbody { @for job in all.iter().take(10) { tr.link {
                    td { a.whole href={ "/jobs/" (job.id) } { (job.name) } }
                    td { @match &job.last_run { Some(run) => { (words::outcome_badge(run.outcome)) " " (when(run.at, now)) } None => { span.quiet { "No run yet" } } } }
                    td.wide { (jobs::expected(job, now)) }
                } } }
            } }
        }
    }
}
