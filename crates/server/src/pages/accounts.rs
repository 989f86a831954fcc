//! Accounts: who may sign in; and the own one.

use axum::extract::State;
use jiff::Timestamp;
use maud::{Markup, html};

use super::{
    Html, Visitor,
    frame::Page,
    parts::{Tone, note, when},
    visitor::{Administrator, PageError},
};
use crate::{
    accounts::{Account, Role},
    app::AppState,
};

pub(super) async fn list(State(app): State<AppState>, Administrator(visitor): Administrator) -> Html {
    let now = Timestamp::now();
    let page = Page {
        title: "Accounts",
        lead: html! { "Who may sign in. An admin may do everything; a viewer sees everything that is no secret." },
        above: &[],
        action: html! {},
    };
    let content = html! {
        section.card #accounts data-part aria-label="Accounts" { div.table-wrap { table.fold {
            thead { tr { th { "Name" } th { "Role" } th { "Last signed in" } th { span.unseen { "Actions" } } } }
            tbody { @for account in app.accounts.users() { (row(&account, &visitor, now)) } }
        } } }
        form.card.form data-call="POST /api/v1/users" data-done="The account is made. Tell its owner the password." novalidate {
            div.card-head { h2 { "Add an account" } }
            div.card-body {
                (text("name", "Name", "text", "off", ""))
                (text("email", "E-mail address", "email", "off", "It signs in, and gets mail about this user."))
                div.field { label for="role" { "Role" } select #role name="/role" { option value="viewer" { "Viewer" } option value="admin" { "Admin" } } }
                (text("password", "Password", "password", "new-password", "At least 8 characters. The owner can change it."))
                p.error data-general-error {}
            }
            div.card-foot { button.button.primary type="submit" { "Add the account" } }
        }
    };
    page.with(&visitor, content)
}

fn row(account: &Account, visitor: &Visitor, now: Timestamp) -> Markup {
    let call = format!("PATCH /api/v1/users/{}", account.id);
    let is_own = visitor.account == Some(account.id);
    html! {
        tr {
            td { strong { (account.name) } @if is_own { " " span.badge { "You" } } br; span.small.quiet { (account.email) } }
            td { select.slim aria-label={ "Role of " (account.name) } autocomplete="off" id={ "role-" (account.id) } data-call=(call) data-body=r#"{"role":"$value"}"# data-done={ (account.name) " has another role now." } {
                @for (role, name) in [(Role::Admin, "Admin"), (Role::Viewer, "Viewer")] { option value=(role.as_str()) selected[role == account.role] { (name) } }
            } }
            td data-label="Last signed in" { @match account.last_sign_in_at { Some(at) => (when(at, now)), None => { span.quiet { "Never" } } } }
            td.num { button.button.plain.slim.danger type="button" data-call={ "DELETE /api/v1/users/" (account.id) } data-confirm={ "Delete the account of " (account.name) "?" } data-confirm-detail="Its sessions end at once. What it did stays in the audit." data-done={ (account.name) " cannot sign in any more." } { "Delete" } }
        }
    }
}

fn text(id: &str, label: &str, kind: &str, complete: &str, help: &str) -> Markup {
    html! {
        div.field {
            label for=(id) { (label) }
            input id=(id) name={ "/" (id) } type=(kind) required autocomplete=(complete) aria-describedby={ (id) "-help " (id) "-error" };
            p.help id={ (id) "-help" } { (help) }
            p.error id={ (id) "-error" } {}
        }
    }
}

pub(super) async fn own(visitor: Visitor) -> Result<Html, PageError> {
    let page = Page {
        title: "Your account",
        lead: html! { (visitor.name) ", " (if visitor.may_change { "admin" } else { "viewer" }) "." },
        above: &[],
        action: html! {},
    };
    let content = html! {
        @if visitor.account.is_some() {
            form.card.form data-call="PUT /api/v1/session/password" data-done="Your password is changed. Your other sessions have ended." novalidate {
                div.card-head { h2 { "Change your password" } }
                div.card-body {
                    (text("current_password", "Present password", "password", "current-password", ""))
                    (text("new_password", "New password", "password", "new-password", "At least 8 characters. It ends your other sessions."))
                    p.error data-general-error {}
                }
                div.card-foot { button.button.primary type="submit" { "Change the password" } }
            }
            section.card.form aria-label="Sign out everywhere" { div.card-body.row.spread {
                p.quiet.small.grow { "Ends this session and all others of your account." }
                button.button.script-only type="button" data-call="DELETE /api/v1/session?everywhere=true" data-goto="/sign-in" { "Sign out everywhere" }
            } }
        } @else {
            (note(Tone::Info, html! { p { "You look at this with a token, not with an account." } }))
        }
    };
    Ok(page.with(&visitor, content))
}
