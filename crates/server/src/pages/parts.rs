//! The parts that pages are made of.

use fanfare::{DeliveryState, Health, HealthState, core::Notification};
use jiff::Timestamp;
use maud::{Markup, html};

use super::icons::{self, icon};

/// How something is meant, which colours it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    Success,
    Info,
    Warning,
    Failure,
}

impl Tone {
    fn class(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Success => "success",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Failure => "failure",
        }
    }
}

/// A word in a coloured frame.
pub(super) fn badge(tone: Tone, text: &str) -> Markup {
    html! { span.badge.(tone.class()) { (text) } }
}

/// Where a delivery stands.
pub(super) fn state_badge(state: DeliveryState) -> Markup {
    let (tone, text) = match state {
        DeliveryState::Pending => (Tone::Warning, "Waiting"),
        DeliveryState::Held => (Tone::Plain, "Held"),
        DeliveryState::Delivered => (Tone::Success, "Delivered"),
        DeliveryState::Suppressed => (Tone::Plain, "Suppressed"),
        DeliveryState::Dead => (Tone::Failure, "Failed"),
    };
    badge(tone, text)
}

/// Whether a channel's deliveries get through.
pub(super) fn health_badge(health: &Health) -> Markup {
    let (tone, text) = match health.state {
        HealthState::Unknown => (Tone::Plain, "Nothing sent yet"),
        HealthState::Ok => (Tone::Success, "Working"),
        HealthState::Limited => (Tone::Warning, "Asked to wait"),
        HealthState::Failing => (Tone::Failure, "Failing"),
    };
    badge(tone, text)
}

/// A time, as long ago as it is; the exact one is on hover. The script says it in the reader's own zone.
pub(super) fn when(at: Timestamp, now: Timestamp) -> Markup {
    let exact = at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    html! { time.nowrap datetime=(at) title=(exact) { (distance(at, now)) } }
}

/// A time in full. The script says it in the reader's own zone.
pub(super) fn exact(at: Timestamp) -> Markup {
    html! { time datetime=(at) data-exact { (at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()) } }
}

/// The same words as in the script.
fn distance(at: Timestamp, now: Timestamp) -> String {
    let ms = at.as_millisecond() - now.as_millisecond();
    let seconds = (ms.abs() + 500) / 1000;
    let (count, unit) = match seconds {
        0..5 => return "just now".into(),
        5..60 => (seconds, "s"),
        60..3_600 => (seconds / 60, "min"),
        3_600..86_400 => (seconds / 3_600, "h"),
        _ => (seconds / 86_400, "d"),
    };
    if ms < 0 { format!("{count} {unit} ago") } else { format!("in {count} {unit}") }
}

/// A card that says why nothing is here and what to do next.
pub(super) fn empty(sign: &str, title: &str, text: &str, action: Markup) -> Markup {
    html! { div.card { div.empty { (icons::large(sign)) h2 { (title) } p { (text) } (action) } } }
}

/// A sentence that stands out.
pub(super) fn note(tone: Tone, content: Markup) -> Markup {
    let sign = if matches!(tone, Tone::Warning | Tone::Failure) { "warning" } else { "info" };
    html! { div.note.(tone.class()) { (icon(sign)) div { (content) } } }
}

/// A notification as people see it.
pub(super) fn said(notification: &Notification) -> Markup {
    let color = notification.color.to_string();
    html! {
        div.said {
            svg preserveAspectRatio="none" viewBox="0 0 4 4" aria-hidden="true" { rect width="4" height="4" fill=(color) {} }
            div {
                h3 { (notification.title) @if let Some(text) = &notification.badge { " " (badge(tone_of(notification), text)) } }
                @if !notification.message.is_empty() { p.message { (notification.message) } }
                @if !notification.fields.is_empty() {
                    dl.said-fields {
                        @for field in &notification.fields {
                            div.wide[!field.inline] { dt { (field.name) } dd { @match field.value.parse::<Timestamp>() { Ok(at) => (exact(at)), Err(_) => (field.value) } } }
                        }
                    }
                }
                @if let Some(link) = &notification.link { p.small { a href=(link) rel="noreferrer noopener" { (link) } } }
            }
        }
    }
}

fn tone_of(notification: &Notification) -> Tone {
    match notification.status {
        fanfare::core::Status::Success => Tone::Success,
        fanfare::core::Status::Info => Tone::Info,
        fanfare::core::Status::Warning => Tone::Warning,
        fanfare::core::Status::Failure => Tone::Failure,
    }
}

/// Help texts as they stand in doc comments: what is between backticks is code.
pub(super) fn prose(text: &str) -> Markup {
    html! {
        @for (i, piece) in text.split('`').enumerate() {
            @if i % 2 == 1 { code { (piece) } } @else { (piece) }
        }
    }
}

/// A switch that calls the API when it is turned.
pub(super) fn switch(id: &str, label: &str, on: bool, enabled: bool, call: &str, body: &str) -> Markup {
    html! {
        span.switch {
            input #(id) type="checkbox" role="switch" checked[on] disabled[!enabled] aria-label=(label) autocomplete="off" data-call=(call) data-body=(body);
            span {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distance_is_told_in_one_unit() {
        let now: Timestamp = "2026-03-29T12:00:00Z".parse().unwrap();
        let check = |at: &str, text: &str| assert_eq!(distance(at.parse().unwrap(), now), text);
        check("2026-03-29T11:59:58Z", "just now");
        check("2026-03-29T11:59:10Z", "50 s ago");
        check("2026-03-29T11:00:01Z", "59 min ago");
        check("2026-03-28T12:00:01Z", "23 h ago");
        check("2026-03-20T12:00:00Z", "9 d ago");
        check("2026-03-29T13:30:00Z", "in 1 h");
    }
}
