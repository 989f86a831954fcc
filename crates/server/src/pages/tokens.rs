//! API tokens: what programs may do.

use axum::extract::State;
use jiff::Timestamp;
use maud::{Markup, html};

use super::{
    Html, Visitor,
    frame::Page,
    parts::{self, Tone, when},
    visitor::{Administrator, PageError},
};
use crate::{accounts::TokenView, app::AppState};

pub(super) async fn list(
    State(app): State<AppState>,
    Administrator(visitor): Administrator,
) -> Result<Html, PageError> {
    let jobs = app.engine.jobs().await?;
    let tokens = app.accounts.tokens();
    let now = Timestamp::now();
    let page = Page {
        title: "API tokens",
        lead: html! { "A token lets a program send events, read, or administer. Give each program its own." },
        above: &[],
        action: html! {},
    };
    let job_name = |id: &uuid::Uuid| {
        jobs.iter().find(|job| job.id.0 == *id).map_or("a job that is gone", |job| job.name.as_str()).to_owned()
    };
    let content = html! {
        section.card #tokens data-part aria-label="Tokens" {
            @if tokens.is_empty() { div.empty { p { "No token yet. The one that the server wrote to admin-token is not listed here." } } }
            @else { div.table-wrap { table.fold {
                thead { tr { th { "Name" } th { "May" } th { "Last used" } th { "Ends" } th { span.unseen { "Actions" } } } }
                tbody { @for token in &tokens { (row(token, &job_name, now)) } }
            } } }
        }
        div.card.form #new-token hidden {
            div.card-head { div { h2 { "The new token" } p { "Copy it now: it is not shown again." } } }
            div.card-body {
                (shown_once("token-text", "token", "The token"))
                (shown_once("secret-text", "signing_secret", "The secret to sign with"))
            }
        }
        (form(&app, &jobs, &visitor))
    };
    Ok(page.with(&visitor, content))
}

/// Where a member of the answer is shown, this once; it stays away where there is none.
fn shown_once(id: &str, member: &str, label: &str) -> Markup {
    html! {
        div hidden {
            p.legend id={ (id) "-label" } { (label) }
            div.ready { pre.code #(id) data-shows=(member) tabindex="0" aria-labelledby={ (id) "-label" } {} button.button.slim type="button" data-copy=(id) { "Copy" } }
        }
    }
}

fn row(token: &TokenView, job_name: &dyn Fn(&uuid::Uuid) -> String, now: Timestamp) -> Markup {
    let events = token.event_types.iter().flatten().cloned();
    let jobs = token.jobs.iter().flatten().map(job_name);
    let only: Vec<_> = events.chain(jobs).collect();
    html! {
        tr {
            td { strong { (token.name) } br; span.small.quiet { "by " (token.created_by.trim_start_matches("user:")) ", " (when(token.created_at, now)) } }
            td { (parts::badge(if token.scope.as_str() == "admin" { Tone::Warning } else { Tone::Info }, token.scope.as_str())) @if token.signed { " " (parts::badge(Tone::Info, "signed")) } @if !only.is_empty() { br; span.small.quiet { "Only: " (only.join(", ")) } } }
            td data-label="Last used" { @match token.last_used_at { Some(at) => (when(at, now)), None => { span.quiet { "Never" } } } }
            td data-label="Ends" { @match token.expires_at { Some(at) => (when(at, now)), None => { span.quiet { "Never" } } } }
            td.num { button.button.plain.slim.danger type="button" data-call={ "DELETE /api/v1/tokens/" (token.id) } data-confirm={ "Delete the token " (token.name) "?" } data-confirm-detail="Programs that use it are refused from then on." data-done={ (token.name) " is deleted." } { "Delete" } }
        }
    }
}

fn form(app: &AppState, jobs: &[fanfare::JobView], visitor: &Visitor) -> Markup {
    let types: Vec<_> =
        app.engine.catalog().iter().filter(|event| event.layer == fanfare::core::catalog::Layer::System).collect();
    html! {
        @if visitor.may_change {
            form.card.form data-call="POST /api/v1/tokens" data-done="The token is made. Copy it now." data-reveal="new-token" novalidate {
                div.card-head { h2 { "Add a token" } }
                div.card-body {
                    div.field { label for="name" { "Name" } input #name name="/name" required maxlength="200" autocomplete="off" placeholder="backup server" aria-describedby="name-error"; p.error #name-error {} }
                    div.field {
                        label for="scope" { "It may" }
                        select #scope name="/scope" aria-describedby="scope-error" {
                            option value="send" { "send – events and runs of jobs" }
                            option value="read" { "read – everything that is no secret" }
                            option value="admin" { "admin – everything" }
                        }
                        p.error #scope-error {}
                    }
                    div.field { label for="expires" { "It ends " span.optional { "optional" } } input #expires name="/expires_at" type="datetime-local" data-type="when" aria-describedby="expires-error"; p.error #expires-error {} }
                    div.field {
                        label.check { input #signed name="/signed" type="checkbox" data-type="boolean" autocomplete="off" aria-describedby="signed-help signed-error"; span.grow { "What it sends must be signed " span.optional { "only with send" } } }
                        p.help #signed-help { "For senders on networks where somebody may listen: the token alone is not enough. A secret is made with it, to sign with as Standard Webhooks describes it." }
                        p.error #signed-error {}
                    }
                    details.field {
                        summary { "Limit what it may send " span.optional { "only with send" } }
                        div.field { label for="event_types" { "Only these events" } select #event_types name="/event_types" multiple size="6" data-type="many" aria-describedby="event_types-error" { @for event in types { option value=(event.id) { (event.name) } } } p.error #event_types-error {} }
                        @if !jobs.is_empty() { div.field { label for="jobs" { "Only runs of these jobs" } select #jobs name="/jobs" multiple size="4" data-type="many" aria-describedby="jobs-error" { @for job in jobs { option value=(job.id) { (job.name) } } } p.error #jobs-error {} } }
                    }
                    p.error data-general-error {}
                }
                div.card-foot { button.button.primary type="submit" { "Add the token" } }
            }
        }
    }
}
