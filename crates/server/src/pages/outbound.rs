//! What channels may reach besides public addresses.

use axum::extract::State;
use maud::html;

use super::{
    Html, Visitor,
    frame::Page,
    parts::{Tone, note},
};
use crate::app::AppState;

pub(super) async fn show(State(app): State<AppState>, visitor: Visitor) -> Html {
    let settings = app.engine.outbound();
    let networks = settings.allow_networks.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    let may_change = visitor.may_change && !settings.locked;
    let page = Page {
        title: "Networks",
        lead: html! { "Channels reach public addresses, and the networks that are allowed here. Everything else is refused, whatever a name resolves to." },
        above: &[],
        action: html! {},
    };
    let content = html! {
        @if settings.locked {
            (note(Tone::Info, html! { p { "The operator decides: the list comes from " code { "FANFARE_ALLOW_NETWORKS" } " and cannot be changed here." } }))
        }
        form.card.form data-call="PUT /api/v1/settings/outbound" data-goto="/settings/outbound" data-done="Saved. It holds at once, for open connections too." novalidate {
            div.card-body {
                div.field {
                    label for="networks" { "Allowed networks" }
                    textarea.mono #networks name="/allow_networks" data-type="lines" rows="6" spellcheck="false" disabled[!may_change] placeholder="192.168.0.0/16" aria-describedby="networks-help networks-error" { (networks) }
                    p.help #networks-help { "One a line, as an address and a length: " code { "192.168.1.0/24" } ", or " code { "127.0.0.0/8" } " for this machine. Link-local and metadata addresses cannot be allowed." }
                    p.error #networks-error {}
                }
                p.error data-general-error {}
            }
            @if may_change { div.card-foot { button.button.primary type="submit" { "Save" } } }
        }
    };
    page.with(&visitor, content)
}
