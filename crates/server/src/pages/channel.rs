//! One channel: its form, its test, how notifications look in it, and its end.

use axum::{
    extract::{RawQuery, State},
    response::Response,
};
use fanfare::{
    ChannelView, Engine, HealthState,
    core::{ChannelId, Kind},
};
use jiff::Timestamp;
use maud::{Markup, html};

use super::{
    Html, Visitor, channel_form,
    facts::{self, Backlog, Use},
    frame::{self, Page},
    icons::icon,
    live, looks,
    parts::{self, Tone, note},
    visitor::{PageError, PageId},
};
use crate::{app::AppState, extract::Name, problem::Problem};

pub(super) async fn new(State(app): State<AppState>, visitor: Visitor, Name(kind): Name) -> Result<Html, PageError> {
    let kind = app.engine.registry().get(&kind).map_err(|_| Problem::not_found("kind of channel"))?;
    let page = Page {
        title: &format!("Add a channel: {}", kind.name),
        lead: html! { (kind.description) },
        above: &[("/channels", "Channels"), ("/channels/new", "Kinds")],
        action: html! {},
    };
    let base = serde_json::json!({"kind": kind.kind, "config": {}}).to_string();
    let content = html! {
        form.card.form data-call="POST /api/v1/channels" data-base=(base) data-goto="/channels/{id}" data-done="The channel is there. Test it now." novalidate {
            div.card-body { (channel_form::fields(kind, None, visitor.may_change)) p.error data-general-error {} }
            @if visitor.may_change { div.card-foot { button.button.primary type="submit" { "Add the channel" } a.button.plain href="/channels" { "Cancel" } } }
        }
    };
    Ok(page.with(&visitor, content))
}

pub(super) async fn show(
    State(app): State<AppState>,
    visitor: Visitor,
    PageId(id): PageId<ChannelId>,
    RawQuery(query): RawQuery,
) -> Result<Html, PageError> {
    let engine = &app.engine;
    let channel = engine.channel(id).ok_or_else(|| Problem::not_found("channel"))?;
    let kind = engine.registry().get(&channel.kind).map_err(|error| Problem::internal(&error))?;
    let uses = facts::uses(engine, id).await?;
    let backlog = facts::backlogs(engine).await?.get(&id).copied().unwrap_or_default();
    let page = Page {
        title: &channel.name,
        lead: html! { (kind.name) ". " (kind.description) },
        above: &[("/channels", "Channels")],
        action: html! {
            @if visitor.may_change {
                button.button.script-only type="button" data-test={ "/api/v1/channels/" (id) "/test" } data-results="results" { (icon("send")) "Test" }
            }
        },
    };
    let chosen = query.as_deref().and_then(event_type_in).unwrap_or(SHOWN_FIRST);
    let content = html! {
        ul.results #results aria-live="polite" {}
        (next_step(engine, &channel, &uses, visitor.may_change))
        div.split {
            div.stack { (form(kind, &channel, visitor.may_change)) }
            div.stack {
                (state(&channel, &uses, backlog, visitor.may_change))
                (preview(engine, id, chosen))
                @if visitor.may_change { (end(&channel, &uses)) }
            }
        }
        (live::quietly(5_000))
    };
    Ok(page.with(&visitor, content))
}

/// The HTML of a mail channel's preview, by itself.
pub(super) async fn mail(
    State(app): State<AppState>,
    _: Visitor,
    PageId(id): PageId<ChannelId>,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    let chosen = query.as_deref().and_then(event_type_in).unwrap_or(SHOWN_FIRST);
    let preview = app.engine.preview(id, chosen)?;
    let html = looks::html_part(&preview.payload).ok_or_else(|| Problem::not_found("mail"))?;
    Ok(frame::by_itself(html))
}

/// What comes next for a channel that nobody has tested, or that hears of nothing.
fn next_step(engine: &Engine, channel: &ChannelView, uses: &[Use], may_change: bool) -> Markup {
    let is_tested = channel.health.state != HealthState::Unknown;
    let global: Vec<_> = engine.settings().global_channels.iter().chain([&channel.id]).copied().collect();
    let body = serde_json::json!({"global_channels": global}).to_string();
    html! {
        section #next-step data-part aria-label="Next step" {
            @if may_change && channel.enabled && !is_tested {
                (note(Tone::Info, html! { p { strong { "Next: test it. " } "Press " em { "Test" } " above, and look whether it arrives." } }))
            } @else if may_change && uses.is_empty() {
                (note(Tone::Info, html! {
                    p { strong { "Next: choose what it hears of. " } "As one of the Global Channels it hears of every event that is on and has no channels of its own." }
                    div.row {
                        button.button.slim.script-only type="button" data-call="PATCH /api/v1/settings/notifications" data-body=(body) data-done={ (channel.name) " is one of the Global Channels now." } { "Make it a Global Channel" }
                        a.button.plain.slim href="/settings/notifications" { "Choose events" }
                        a.button.plain.slim href="/jobs" { "Choose a job" }
                    }
                }))
            }
        }
    }
}

fn form(kind: &Kind, channel: &ChannelView, may_change: bool) -> Markup {
    html! {
        form.card #channel-form data-part data-call={ "PATCH /api/v1/channels/" (channel.id) } data-done="Saved." novalidate {
            div.card-head { h2 { "Configuration" } }
            div.card-body {
                (channel_form::fields(kind, Some(channel), may_change))
                div.field { details #lane { summary { "How deliveries leave" } div.card-body { (channel_form::lane(kind, channel.delivery, may_change)) } } }
                p.error data-general-error {}
            }
            @if may_change { div.card-foot { button.button.primary type="submit" { "Save" } } }
        }
    }
}

fn state(channel: &ChannelView, uses: &[Use], backlog: Backlog, may_change: bool) -> Markup {
    let now = Timestamp::now();
    let call = format!("PATCH /api/v1/channels/{}", channel.id);
    html! {
        section.card #state data-part aria-label="State" {
            div.card-body {
                dl.facts {
                    dt { "Enabled" }
                    dd { (parts::switch("enabled", "Enabled", channel.enabled, may_change, &call, r#"{"enabled":"$checked"}"#)) }
                    dt { "Health" }
                    dd {
                        (parts::health_badge(&channel.health))
                        @if let Some(since) = channel.health.since { " since " (parts::when(since, now)) }
                        @if let Some(error) = &channel.health.last_error { p.quiet.small { "Last failure: " (error) } }
                    }
                    dt { "Used in" }
                    dd {
                        @if uses.is_empty() { "Nothing yet: choose it among the " a href="/settings/notifications" { "Global Channels" } ", for one event, or for a job." }
                        @for (i, place) in uses.iter().enumerate() { @if i > 0 { ", " } a href=(place.address) { (place.name) } }
                    }
                    @if backlog.waiting > 0 { dt { "Waiting" } dd { a href={ "/history?state=pending&channel_id=" (channel.id) } { (backlog.waiting) " waiting" } } }
                    dt { "Changed" } dd { (parts::when(channel.updated_at, now)) }
                }
                @match (channel.enabled, backlog.held) {
                    (false, 1..) => (note(Tone::Warning, html! { p { a href={ "/history?state=held&channel_id=" (channel.id) } { (backlog.held) " held" } ": they leave when you enable the channel." } })),
                    (false, _) => (note(Tone::Info, html! { p { "What is meant for it is held until you enable it." } })),
                    _ => {}
                }
            }
        }
    }
}

fn preview(engine: &Engine, id: ChannelId, chosen: &str) -> Markup {
    let preview = engine.preview(id, chosen);
    let types = engine.catalog().iter();
    html! {
        section.card #preview aria-labelledby="preview-title" {
            div.card-head {
                div { h2 #preview-title { "How it will look" } p { "Made from the exact payload for an event's example." } }
                form.row method="get" action={ "/channels/" (id) "#preview" } {
                    select.slim name="event_type" aria-label="Event" { @for event in types { option value=(event.id) selected[event.id.as_str() == chosen] { (event.name) } } }
                    button.button.slim { "Show" }
                }
            }
            div.card-body {
                @match preview {
                    Ok(preview) => {
                        @let mail = format!("/channels/{id}/mail?event_type={chosen}");
                        @let look = looks::look(&preview.kind, &preview.payload, Some(&mail));
                        @if let Some(look) = &look { (look) }
                        details.payload #payload open[look.is_none()] {
                            summary { "The exact payload" @if let Some(content_type) = &preview.content_type { " " span.quiet.small { (content_type) } } }
                            pre.code tabindex="0" { (pretty(&preview.payload)) }
                        }
                    }
                    Err(error) => { p.error { (error.to_string()) } }
                }
            }
        }
    }
}

fn end(channel: &ChannelView, uses: &[Use]) -> Markup {
    let names = uses.iter().map(|place| place.name.as_str()).collect::<Vec<_>>().join(", ");
    let detail = match uses {
        [] => "What still waits for it is not sent any more. The history stays.".to_owned(),
        _ => format!(
            "It is used in {names}, and is taken out there. What still waits for it is not sent any more. The history stays."
        ),
    };
    let force = if uses.is_empty() { "" } else { "?force=true" };
    html! {
        section.card #end data-part aria-label="Delete" {
            div.card-body.row.spread {
                p.quiet.small.grow { (if uses.is_empty() { "It is used nowhere.".to_owned() } else { format!("Used in {names}.") }) }
                button.button.danger.script-only type="button" data-call={ "DELETE /api/v1/channels/" (channel.id) (force) } data-confirm={ "Delete " (channel.name) "?" } data-confirm-detail=(detail) data-goto="/channels" data-done={ (channel.name) " is deleted." } { "Delete" }
            }
        }
    }
}

/// The event type whose example is shown while nobody asks for another one.
const SHOWN_FIRST: &str = "restore_failure";

/// The event type that the preview's own form asks for.
fn event_type_in(query: &str) -> Option<&str> {
    query.split('&').find_map(|pair| pair.strip_prefix("event_type="))
}

/// JSON with line breaks; everything else as it is.
pub(super) fn pretty(payload: &str) -> String {
    let parsed = serde_json::from_str::<serde_json::Value>(payload).ok().filter(|value| !value.is_string());
    parsed.and_then(|value| serde_json::to_string_pretty(&value).ok()).unwrap_or_else(|| payload.to_owned())
}
