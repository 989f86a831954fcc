//! Channels: where notifications go.

use axum::extract::State;
use fanfare::{ChannelView, DeliveryView, Engine};
use jiff::Timestamp;
use maud::{Markup, html};

use super::{
    Html, Visitor,
    facts::{self, Backlog, Use},
    frame::{Page, user_of},
    icons::{self, icon},
    live, parts,
    visitor::PageError,
};
use crate::app::AppState;

pub(super) async fn list(State(app): State<AppState>, visitor: Visitor) -> Result<Html, PageError> {
    let engine = &app.engine;
    let (settings, jobs) = (engine.settings(), engine.jobs().await?);
    let backlogs = facts::backlogs(engine).await?;
    let mut tiles = Vec::new();
    for channel in engine.channels() {
        let last = facts::last_delivery(engine, channel.id).await?;
        let backlog = backlogs.get(&channel.id).copied().unwrap_or_default();
        let uses = facts::uses_in(&settings, &jobs, engine, channel.id);
        tiles.push(Tile { channel, last, backlog, uses });
    }
    let add = html! {
        @if visitor.may_change { a.button.primary href="/channels/new" { (icon("plus")) "Add a channel" } }
    };
    let page = Page {
        title: "Channels",
        lead: html! { "Where notifications go: a chat, a mailbox, a phone, or a program of yours." },
        above: &[],
        action: if tiles.is_empty() {
            html! {}
        } else {
            add.clone()
        },
    };
    let now = Timestamp::now();
    let users: Vec<_> = tiles.iter().filter_map(|tile| user_of(&tile.last.as_ref()?.target)).collect();
    let shown = page.with(
        &visitor,
        html! {
            @if tiles.is_empty() {
                (parts::empty("channels", "No channel yet", "A channel is a place that Fanfare writes to. Add one, test it, and see the test arrive; then choose what it hears of.", add))
            } @else {
                div.grid #channels data-part { @for tile in &tiles { (tile.show(engine, visitor.may_change, now)) } }
                (live::quietly(5_000))
            }
        },
    );
    Ok(shown.hiding(&visitor, users))
}

struct Tile {
    channel: ChannelView,
    last: Option<DeliveryView>,
    backlog: Backlog,
    uses: Vec<Use>,
}

impl Tile {
    fn show(&self, engine: &Engine, may_change: bool, now: Timestamp) -> Markup {
        let ChannelView { id, name, kind, enabled, health, .. } = &self.channel;
        let call = format!("PATCH /api/v1/channels/{id}");
        html! {
            article.card.tile id={ "channel-" (id) } {
                div.card-body {
                    div.tile-head {
                        (icons::kind(kind))
                        div.grow { h2 { a href={ "/channels/" (id) } { (name) } } p.quiet.small { (facts::kind_name(engine, kind)) } }
                        (parts::switch(&format!("enable-{id}"), &format!("{name} is enabled"), *enabled, may_change, &call, r#"{"enabled":"$checked"}"#))
                    }
                    div.row {
                        @if *enabled { (parts::health_badge(health)) } @else { (parts::badge(parts::Tone::Plain, "Disabled")) }
                        @if self.backlog.held > 0 { span.badge.warning { (self.backlog.held) " held" } }
                        @if self.backlog.waiting > 0 { span.badge { (self.backlog.waiting) " waiting" } }
                    }
                    @if let Some(error) = health.last_error.as_ref().filter(|_| health.state == fanfare::HealthState::Failing) { p.error { (error) } }
                    p.quiet.small {
                        @match &self.last {
                            Some(last) => { "Last: " a href={ "/history/" (last.id) } { (last.title) } ", " (parts::when(last.created_at, now)) }
                            None => { "Nothing was sent yet." }
                        }
                        br;
                        @match self.uses.as_slice() {
                            [] => { "Not used yet." }
                            [one] => { "Used in " (one.name) "." }
                            [one, rest @ ..] => { "Used in " (one.name) " and " (rest.len()) " more." }
                        }
                    }
                    ul.results id={ "results-" (id) } data-keep aria-live="polite" {}
                }
                div.card-foot {
                    a.button.slim href={ "/channels/" (id) } { (if may_change { "Edit" } else { "Look" }) }
                    @if may_change {
                        button.button.slim.script-only id={ "test-" (id) } type="button" data-test={ "/api/v1/channels/" (id) "/test" } data-results={ "results-" (id) } aria-label={ "Test " (name) } { (icon("send")) "Test" }
                    }
                }
            }
        }
    }
}

pub(super) async fn kinds(State(app): State<AppState>, visitor: Visitor) -> Html {
    let page = Page {
        title: "Add a channel",
        lead: html! { "What kind of channel is it?" },
        above: &[("/channels", "Channels")],
        action: html! {},
    };
    let content = html! {
        div.grid {
            @for kind in app.engine.registry().kinds() {
                a.card.pick href={ "/channels/new/" (kind.kind) } {
                    (icons::kind(kind.kind))
                    span { strong { (kind.name) } br; span.quiet.small { (kind.description) } }
                }
            }
        }
    };
    page.with(&visitor, content)
}
