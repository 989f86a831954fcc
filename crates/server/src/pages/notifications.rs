//! Settings → Notifications: who hears of what.

use axum::extract::State;
use fanfare::{
    ChannelView, Engine,
    core::{ChannelId, EventSettings, EventType, NotificationSettings, NotifyUser},
};
use maud::{Markup, html};

use super::{
    Html, Visitor,
    facts::{self, category_words},
    frame::Page,
    icons::{self, icon},
    parts::{self, Tone, note},
    picker::Picker,
    wording,
};
use crate::app::AppState;

pub(super) async fn show(State(app): State<AppState>, visitor: Visitor) -> Html {
    let engine = &app.engine;
    let settings = engine.settings();
    let channels = engine.channels();
    let view = View { engine, settings: &settings, channels: &channels, may_change: visitor.may_change };
    let page = Page {
        title: "Notifications",
        lead: html! { "Who hears of system events. Every change holds at once." },
        above: &[("/settings/notifications", "Settings")],
        action: html! {},
    };
    page.with(
        &visitor,
        html! {
            (view.global())
            @for (category, members) in facts::categories(engine) { (view.category(&category, &members)) }
            div.card { div.card-body {
                h2 { "Why no backup events?" }
                p.quiet { "Jobs tell their own outcomes. Whether a backup succeeded, partly succeeded or failed goes to the channels that you choose for each job, so that nobody hears the same thing twice." }
            } }
        },
    )
}

/// Usual times between reminders, in hours.
const REMINDERS: [f64; 6] = [1.0, 6.0, 12.0, 24.0, 72.0, 168.0];

/// A time between reminders in words.
fn every(hours: f64) -> String {
    match hours {
        1.0 => "every hour".into(),
        24.0 => "every day".into(),
        168.0 => "every week".into(),
        _ if hours > 24.0 && hours % 24.0 == 0.0 => format!("every {} days", hours / 24.0),
        _ => format!("every {hours} hours"),
    }
}

struct View<'a> {
    engine: &'a Engine,
    settings: &'a NotificationSettings,
    channels: &'a [ChannelView],
    may_change: bool,
}

impl View<'_> {
    fn global(&self) -> Markup {
        let chosen = &self.settings.global_channels;
        let picker = Picker {
            id: "global",
            channels: self.channels,
            chosen,
            call: "PATCH /api/v1/settings/notifications",
            body: r#"{"global_channels":"$chosen"}"#,
            may_change: self.may_change,
        };
        html! {
            section.card #global data-part aria-labelledby="global-title" {
                div.card-head { div {
                    h2 #global-title { "Global Channels" }
                    p { "They hear of every event below that is on and has no channels of its own." }
                } }
                div.card-body data-chooser {
                    @if self.channels.is_empty() {
                        p.quiet { "There is no channel yet. " a href="/channels/new" { "Add the first one" } ", then choose it here." }
                    } @else {
                        (picker.list())
                        @if chosen.is_empty() {
                            (note(Tone::Warning, html! { p { "Nobody hears of events without channels of their own: choose at least one." } }))
                        }
                    }
                }
            }
        }
    }

    fn category(&self, category: &str, members: &[&EventType]) -> Markup {
        let (name, about) = category_words(category);
        html! {
            section.card aria-labelledby={ "category-" (category) } {
                div.card-head { div { h2 id={ "category-" (category) } { (name) } @if !about.is_empty() { p { (about) } } } }
                ul { @for event_type in members { (self.event(event_type)) } }
            }
        }
    }

    fn event(&self, event_type: &EventType) -> Markup {
        let id = event_type.id.as_str();
        let own = self.settings.of(event_type).cloned().unwrap_or_default();
        let enabled = self.settings.is_enabled(event_type);
        let call = format!("PATCH /api/v1/settings/notifications/events/{id}");
        html! {
            li.event id={ "event-" (id) } data-part {
                div.event-head {
                    (parts::switch(&format!("switch-{id}"), &event_type.name, enabled, self.may_change, &call, r#"{"enabled":"$checked"}"#))
                    div {
                        h3 { (event_type.name) }
                        p.quiet.small { (event_type.description) " " span.nowrap { (if event_type.default_enabled { "On by default." } else { "Off by default." }) } }
                    }
                    div.event-tools {
                        (self.channels_of(event_type, &own, &call))
                        (wording::link(event_type, own.wording.is_some()))
                        @if self.may_change {
                            button.button.slim.script-only type="button" data-test={ "/api/v1/event-types/" (id) "/test" } data-results={ "results-" (id) } aria-label={ "Test " (event_type.name) } { (icon("send")) "Test" }
                        }
                    }
                }
                @if event_type.notify_user.is_some() || event_type.reminder_hours.is_some() {
                    div.event-more {
                        @if event_type.notify_user.is_some() { (self.notify_user(event_type, own.notify_user, &call)) }
                        @if let Some(usual) = event_type.reminder_hours { (self.reminder(event_type, usual, own.reminder_hours, &call)) }
                    }
                }
                ul.results id={ "results-" (id) } data-keep aria-live="polite" {}
            }
        }
    }

    fn channels_of(&self, event_type: &EventType, own: &EventSettings, call: &str) -> Markup {
        let id = event_type.id.as_str();
        let effective = self.settings.channels_of(event_type);
        let picker_id = format!("channels-{id}");
        let picker = Picker {
            id: &picker_id,
            channels: self.channels,
            chosen: effective,
            call,
            body: r#"{"channels":"$chosen"}"#,
            may_change: self.may_change,
        };
        let is_muted = own.channels.as_ref().is_some_and(Vec::is_empty);
        let is_custom = own.channels.is_some();
        html! {
            details.picker id=(picker_id) {
                summary.button.slim aria-label={ "Channels of " (event_type.name) } {
                    (icon("channels"))
                    @if is_muted { span.badge.warning { "Muted" } }
                    @else if is_custom { (picker.summary()) " " span.badge.accent { "Custom Channels" } }
                    @else { "Global Channels" }
                }
                div.picker-panel data-chooser {
                    p.help {
                        @if is_muted { "Nobody hears of this event." }
                        @else if is_custom { "These channels instead of the global ones." }
                        @else { "As the global channels. Tick or untick one, and this event has channels of its own." }
                    }
                    @if self.channels.is_empty() { p.help { a href="/channels/new" { "Add a channel" } " first." } }
                    (picker.list())
                    @if self.may_change {
                        div.picker-foot {
                            @if is_muted { span {} } @else {
                                button.button.plain.slim type="button" data-call=(call) data-body=r#"{"channels":[]}"# { "Mute" }
                            }
                            @if is_custom {
                                button.button.plain.slim type="button" data-call=(call) data-body=r#"{"channels":null}"# data-done={ (event_type.name) " goes to the global channels again." } { "Reset to Global Channels" }
                            }
                        }
                    }
                }
            }
        }
    }

    fn notify_user(&self, event_type: &EventType, mode: NotifyUser, call: &str) -> Markup {
        let id = event_type.id.as_str();
        let chosen = self.settings.channels_of(event_type);
        let has_email = self.can_write_to_people(chosen);
        html! {
            @if has_email {
                label {
                    (icons::kind_mini("email"))
                    span { "Notify user directly" }
                    select.slim id={ "notify-" (id) } disabled[!self.may_change] autocomplete="off" data-call=(call) data-body=r#"{"notify_user":"$value"}"# {
                        option value="none" selected[mode == NotifyUser::None] { "Disabled" }
                        option value="also" selected[mode == NotifyUser::Also] { "Admin & User" }
                        option value="only" selected[mode == NotifyUser::Only] { "User only" }
                    }
                }
            } @else {
                p.quiet.small { "To notify the user directly, choose an e-mail channel for this event." }
                @if mode != NotifyUser::None { (parts::badge(Tone::Warning, "Set, and waits for an e-mail channel")) }
            }
        }
    }

    fn reminder(&self, event_type: &EventType, usual: f64, hours: Option<f64>, call: &str) -> Markup {
        let others: Vec<_> = hours.into_iter().chain(REMINDERS).filter(|hours| *hours > 0.0).collect();
        html! {
            label {
                (icon("clock"))
                span { "Remind while it lasts" }
                select.slim id={ "reminder-" (event_type.id) } disabled[!self.may_change] autocomplete="off" data-call=(call) data-body=r#"{"reminder_hours":"$number"}"# {
                    option value="" selected[hours.is_none()] { "Default: " (every(usual)) }
                    option value="0" selected[hours == Some(0.0)] { "Never: once is enough" }
                    @for (i, other) in others.iter().enumerate() {
                        @if !others[..i].contains(other) { option value=(other) selected[hours == Some(*other)] { (every(*other)) } }
                    }
                }
            }
        }
    }

    fn can_write_to_people(&self, chosen: &[ChannelId]) -> bool {
        let mut chosen = self.channels.iter().filter(|channel| chosen.contains(&channel.id));
        chosen.any(|channel| facts::reaches_people(self.engine, channel))
    }
}
