//! Signing in, which works without a script, and the set-up of the first account.

use axum::{
    extract::{RawQuery, State},
    response::{IntoResponse, Redirect, Response},
};
use http::{StatusCode, header::SET_COOKIE};
use maud::{Markup, html};
use secrecy::SecretString;

use super::{
    Html,
    frame::{self, sentence},
    parts::{Tone, note},
};
use crate::{
    app::AppState,
    auth::{Visitor as Anybody, set_cookie},
    extract::Form,
    life,
    problem::Problem,
};

/// The value of a name in a query or in a form that was sent.
fn value(form: &[u8], name: &str) -> String {
    let found = url::form_urlencoded::parse(form).find(|(key, _)| key == name);
    found.map(|(_, value)| value.into_owned()).unwrap_or_default()
}

/// A path of ours; anything else could lead somewhere else.
fn safe(next: String) -> String {
    let is_ours = next.starts_with('/') && !next.starts_with("//") && !next.contains(['\\', '\n', '\r', '\t']);
    if is_ours { next } else { "/".into() }
}

pub(super) async fn show(State(app): State<AppState>, RawQuery(query): RawQuery) -> Html {
    let next = safe(value(query.unwrap_or_default().as_bytes(), "next"));
    if app.accounts.is_set_up() { form(&next, "", None) } else { not_set_up() }
}

pub(super) async fn sign_in(State(app): State<AppState>, visitor: Anybody, Form(body): Form) -> Response {
    let (email, next) = (value(&body, "email"), safe(value(&body, "next")));
    let password = SecretString::from(value(&body, "password"));
    match app.accounts.sign_in(&email, password, visitor.address).await {
        Ok((secret, session)) => {
            life::user_login(&app.engine, &session.account, visitor.address, &visitor.headers);
            ([(SET_COOKIE, set_cookie(&secret, &visitor.headers))], Redirect::to(&next)).into_response()
        }
        Err(error) => {
            let problem = Problem::from(error);
            let status = StatusCode::from_u16(problem.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, form(&next, &email, Some(problem.detail()))).into_response()
        }
    }
}

fn form(next: &str, email: &str, wrong: Option<&str>) -> Html {
    let content = html! {
        form.card method="post" action="/sign-in" {
            div.card-body {
                h1 { "Sign in" }
                @if let Some(wrong) = wrong { div role="alert" { (note(Tone::Failure, html! { p { (sentence(wrong)) } })) } }
                input type="hidden" name="next" value=(next);
                div.field { label for="email" { "E-mail address" } input #email name="email" type="email" required autocomplete="username" autofocus value=(email); }
                div.field { label for="password" { "Password" } input #password name="password" type="password" required autocomplete="current-password"; }
            }
            div.card-foot { button.button.primary.grow type="submit" { "Sign in" } }
        }
    };
    frame::alone("Sign in", content)
}

fn not_set_up() -> Html {
    let content = html! {
        div.card { div.card-body.stack {
            h1 { "There is no account yet" }
            p { "When it started, the server printed a link that makes the first account. Open it in this browser." }
            p.quiet.small { "It stands in the terminal or in the log. A new start prints a new one." }
        } }
    };
    frame::alone("Set-up", content)
}

pub(super) async fn set_up(State(app): State<AppState>) -> Response {
    if app.accounts.is_set_up() {
        return Redirect::to("/sign-in").into_response();
    }
    frame::alone("Set-up", set_up_form()).into_response()
}

fn set_up_form() -> Markup {
    let field = |id: &str, label: &str, kind: &str, complete: &str, help: &str| {
        html! {
            div.field {
                label for=(id) { (label) }
                input id=(id) name={ "/" (id) } type=(kind) required autocomplete=(complete) aria-describedby={ (id) "-help " (id) "-error" };
                p.help id={ (id) "-help" } { (help) }
                p.error id={ (id) "-error" } {}
            }
        }
    };
    html! {
        form.card data-call="POST /api/v1/setup" data-goto="/" data-done="Welcome. Three steps, and your first notification arrives." novalidate {
            div.card-body {
                h1 { "Welcome to Fanfare" }
                p.quiet { "Make the first account. It administers; others can be added later." }
                noscript { (note(Tone::Info, html! { p { "The set-up needs JavaScript, because the key in the link stays in your browser until you send it." } })) }
                div.field #key-field { label for="key" { "Set-up key" } input #key name="/key" autocomplete="off" data-from-address aria-describedby="key-help key-error"; p.help #key-help { "What stands behind the # of the link that the server printed." } p.error #key-error {} }
                (field("name", "Your name", "text", "name", "It is shown to others who administer."))
                (field("email", "E-mail address", "email", "username", "You sign in with it, and get mail that is about you."))
                (field("password", "Password", "password", "new-password", "At least 8 characters."))
                p.error data-general-error {}
            }
            div.card-foot { button.button.primary.grow type="submit" { "Make the account" } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_elsewhere() {
        for (next, to) in [
            ("/history?state=dead", "/history?state=dead"),
            ("", "/"),
            ("https://elsewhere.example/", "/"),
            ("//elsewhere.example/", "/"),
            ("/\\elsewhere.example/", "/"),
            ("/\t/elsewhere.example/", "/"),
        ] {
            assert_eq!(safe(next.into()), to, "{next}");
        }
    }

    #[test]
    fn a_form_is_read_as_browsers_send_it() {
        assert_eq!(value(b"email=ada%40example.com&password=a+b%26c", "email"), "ada@example.com");
        assert_eq!(value(b"email=ada%40example.com&password=a+b%26c", "password"), "a b&c");
        assert_eq!(value(b"", "password"), "");
    }
}
