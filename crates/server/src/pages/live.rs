//! Pages that follow what happens: the script asks for them again when deliveries change.

use fanfare::core::DeliveryId;
use maud::{Markup, html};

/// Where deliveries are told of as they change.
const STREAM: &str = "/api/v1/deliveries/stream";

/// Says that the page is live, and makes it so.
pub(super) fn mark() -> Markup {
    html! {
        p.live.script-only data-live=(STREAM) {
            span.live-dot aria-hidden="true" {} span data-live-state role="status" { "Connecting" }
            button.button.slim type="button" data-live-show hidden {}
        }
    }
}

/// Makes a page follow many deliveries, at most once in so many milliseconds.
pub(super) fn quietly(pause_ms: u32) -> Markup {
    html! { span hidden data-live=(STREAM) data-live-pause=(pause_ms) {} }
}

/// Makes a page follow one delivery.
pub(super) fn of(delivery: DeliveryId) -> Markup {
    html! { span hidden data-live=(STREAM) data-live-only=(delivery) {} }
}
