//! One delivery in full: what it said, what went out, every attempt, and why it was this target.

use axum::{extract::State, response::Response};
use fanfare::{
    DeliveryDetail, DeliveryState, DeliveryView, DigestView, EventView,
    core::{DeliveryId, Plan},
};
use jiff::Timestamp;
use maud::{Markup, PreEscaped, html};

use super::{
    Html, Visitor,
    channel::pretty,
    frame::{self, Page, user_of},
    icons::{self, icon},
    live, looks,
    parts::{self, Tone, exact, note, said, state_badge, when},
    visitor::{PageError, PageId},
    words,
};
use crate::{app::AppState, problem::Problem};

pub(super) async fn show(
    State(app): State<AppState>,
    visitor: Visitor,
    PageId(id): PageId<DeliveryId>,
) -> Result<Html, PageError> {
    let detail = app.engine.delivery(id).await?.ok_or_else(|| Problem::not_found("delivery"))?;
    let event = app.engine.event(detail.view.event_id).await?;
    let view = &detail.view;
    let can_retry =
        visitor.may_change && !view.test && matches!(view.state, DeliveryState::Dead | DeliveryState::Pending);
    let page = Page {
        title: &view.title,
        lead: html! { (state_badge(view.state)) " through " a href={ "/channels/" (view.channel_id) } { (view.channel_name) } ", " (when(view.created_at, Timestamp::now())) "." },
        above: &[("/history", "History")],
        action: html! {
            @if can_retry {
                button.button.primary.script-only type="button" data-call={ "POST /api/v1/deliveries/" (view.id) "/retry" } data-done="It is tried again now." { (icon("retry")) "Retry now" }
            }
        },
    };
    let content = html! {
        (live::of(id))
        div #delivery data-part {
            @if view.state == DeliveryState::Dead {
                (note(Tone::Failure, html! { p { strong { "It did not get through. " } (super::frame::sentence(view.last_error.as_deref().unwrap_or("no attempt was made in time"))) } }))
            }
            div.split {
                div.stack {
                    section.card aria-label="Notification" { div.card-head { h2 { "Notification" } } div.card-body { (said(&detail.notification)) } }
                    (attempts(&detail))
                    (payload(&detail))
                }
                div.stack {
                    (facts(&detail, &app))
                    @if let Some((event, deliveries)) = &event { (others(event, deliveries, view)) }
                }
            }
        }
    };
    let users = users_of(view, event.as_ref());
    Ok(page.with(&visitor, content).hiding(&visitor, users))
}

/// The addresses of the users whom a delivery and its event are about.
fn users_of(view: &DeliveryView, event: Option<&(EventView, Vec<DeliveryView>)>) -> Vec<String> {
    let mut users: Vec<_> = user_of(&view.target).into_iter().collect();
    if let Some((event, deliveries)) = event {
        users.extend(deliveries.iter().filter_map(|delivery| user_of(&delivery.target)));
        users.extend(event.user.as_ref().and_then(|user| user.email.clone()));
    }
    users
}

/// The HTML of a mail that went out, by itself.
pub(super) async fn mail(
    State(app): State<AppState>,
    visitor: Visitor,
    PageId(id): PageId<DeliveryId>,
) -> Result<Response, PageError> {
    let detail = app.engine.delivery(id).await?.ok_or_else(|| Problem::not_found("delivery"))?;
    let event = app.engine.event(detail.view.event_id).await?;
    let html = detail.payload.as_deref().and_then(looks::html_part).ok_or_else(|| Problem::not_found("mail"))?;
    let shown = Html(PreEscaped(html)).hiding(&visitor, users_of(&detail.view, event.as_ref()));
    Ok(frame::by_itself(shown.0.into_string()))
}

fn attempts(detail: &DeliveryDetail) -> Markup {
    let now = Timestamp::now();
    html! {
        section.card aria-labelledby="attempts-title" {
            div.card-head {
                h2 #attempts-title { "Attempts" }
                @if let Some(at) = detail.view.next_attempt_at { span.quiet.small { "Next: " (when(at, now)) } }
            }
            @if detail.attempts.is_empty() { div.card-body { p.quiet { "None yet." } } }
            @else { div.table-wrap { table.fold {
                thead { tr { th { "When" } th { "Result" } th { "Answer" } th.num { "Took" } } }
                tbody { @for attempt in &detail.attempts { tr {
                    td { (when(attempt.at, now)) }
                    td { @if attempt.outcome == "delivered" { (parts::badge(Tone::Success, "Delivered")) } @else { (parts::badge(Tone::Failure, &super::schema::label(&attempt.outcome))) } }
                    td.wide { (attempt.detail) }
                    td.num { (words::duration(attempt.duration_ms)) }
                } } }
            } } }
        }
    }
}

fn payload(detail: &DeliveryDetail) -> Markup {
    html! {
        section.card aria-labelledby="payload-title" {
            div.card-head { div {
                h2 #payload-title { "What went out" }
                p {
                    @if let Some(digest) = detail.view.digest { "One message for all " (digest.count) " of the digest. " }
                    @match detail.rebuilt {
                        None => { "Exactly as it was sent." }
                        Some(false) => { "Built again from the same input: byte for byte the same." }
                        Some(true) => { "Built again. The channel has changed since, so it may have been different." }
                    }
                }
            } }
            div.card-body.stack {
                @match &detail.payload {
                    Some(payload) => {
                        @let mail = format!("/history/{}/mail", detail.view.id);
                        @if let Some(look) = looks::look(&detail.view.kind, payload, Some(&mail)) { (look) }
                        div.ready { pre.code #payload tabindex="0" { (pretty(payload)) } button.button.slim.script-only type="button" data-copy="payload" { "Copy" } } }
                    None => { p.quiet { "The channel is gone, so this cannot be told any more." } }
                }
            }
        }
    }
}

fn facts(detail: &DeliveryDetail, app: &AppState) -> Markup {
    let view = &detail.view;
    let event_type = app.engine.catalog().get(view.event_type.as_str());
    html! {
        section.card aria-label="Facts" { div.card-body { dl.facts {
            dt { "Why" } dd { (words::reason(&view.reason)) }
            dt { "To" } dd { @if view.target == "channel" { "Everybody in the channel" } @else { (view.target.replace("user:", "")) } }
            dt { "Event" } dd { (event_type.map_or(view.event_type.as_str(), |known| known.name.as_str())) @if view.test { " " (parts::badge(Tone::Info, "Test")) } }
            @if let Some(job) = view.job_id { dt { "Job" } dd { a href={ "/jobs/" (job) } { "Its page" } } }
            dt { "Accepted" } dd { (exact(view.created_at)) }
            @if let Some(at) = view.delivered_at { dt { "Delivered" } dd { (exact(at)) } }
            @if view.possibly_duplicate { dt { "Perhaps twice" } dd { "An attempt ended without an answer, so the receiver may have it twice, with the same id." } }
            @if let Some(digest) = view.digest { dt { "Digest" } dd { (together(view.state, digest)) } }
            dt { "Id" } dd.mono { (view.id) }
        } } }
    }
}

/// That it is told with others, and where those stand.
fn together(state: DeliveryState, digest: DigestView) -> Markup {
    let told = match state {
        DeliveryState::Delivered => "Told in one with ",
        _ => "Kept together with ",
    };
    html! {
        (told) a href={ "/history?digest_id=" (digest.id) } { (digest.count.saturating_sub(1)) " others" } "." br;
        span.small.quiet { "Its receiver knows it as " span.mono { (digest.id) } "." }
    }
}

/// Everybody else whom the event concerned: who was told, and who was left out and why.
fn others(event: &EventView, deliveries: &[DeliveryView], this: &DeliveryView) -> Markup {
    html! {
        section.card aria-labelledby="others-title" {
            div.card-head { div { h2 #others-title { "Who heard of this event" } p { "And who did not, and why." } } }
            ul.lines {
                @for delivery in deliveries { li.row {
                    (icons::kind_mini(&delivery.kind))
                    span.grow { @if delivery.id == this.id { strong { (delivery.channel_name) } " (this one)" } @else { a href={ "/history/" (delivery.id) } { (delivery.channel_name) } } }
                    (state_badge(delivery.state))
                } }
                (skipped(&event.plan))
            }
        }
    }
}

/// Who was left out, and why.
pub(super) fn skipped(plan: &Plan) -> Markup {
    html! {
        @for skip in &plan.skips { li {
            div.row.spread { span { (super::frame::sentence(&skip.detail)) } span.badge { (words::skip(skip.reason)) } }
        } }
    }
}
