//! What stands around every page: the head of the document, the menu, the title.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{Visitor, assets, icons::icon};
use crate::{mask::masked, reply};

/// A page as an answer.
#[derive(Debug)]
pub(super) struct Html(pub(super) Markup);

impl Html {
    /// The same page as this visitor may see it: for whoever does not administer, these addresses of users are masked.
    pub(super) fn hiding(self, visitor: &Visitor, addresses: impl IntoIterator<Item = String>) -> Self {
        if visitor.may_change {
            return self;
        }
        let mut addresses: Vec<_> = addresses.into_iter().filter(|address| address.contains('@')).collect();
        // The longest first, so that none is taken apart by another that it ends in.
        addresses.sort_unstable_by_key(|address| std::cmp::Reverse(address.len()));
        let escaped = |text: &str| html! { (text) }.into_string();
        let hide = |page: String, address: String| page.replace(&escaped(&address), &escaped(&masked(&address)));
        Self(PreEscaped(addresses.into_iter().fold(self.0.into_string(), hide)))
    }
}

/// The address of the user whom a delivery is for.
pub(super) fn user_of(target: &str) -> Option<String> {
    target.strip_prefix("user:").map(str::to_owned)
}

impl IntoResponse for Html {
    fn into_response(self) -> Response {
        let content_type = HeaderValue::from_static("text/html; charset=utf-8");
        let mut response = reply::bytes(StatusCode::OK, content_type, self.0.into_string());
        response.headers_mut().remove(header::X_CONTENT_TYPE_OPTIONS);
        response
    }
}

/// A page with the menu around it.
#[derive(Debug)]
pub(super) struct Page<'a> {
    /// In the window's title and at the top.
    pub(super) title: &'a str,
    /// One sentence below the title.
    pub(super) lead: Markup,
    /// The pages above this one: address and name.
    pub(super) above: &'a [(&'a str, &'a str)],
    /// The one main action, if there is one.
    pub(super) action: Markup,
}

impl Page<'_> {
    /// The page with this content.
    pub(super) fn with(&self, visitor: &Visitor, content: Markup) -> Html {
        let body = html! {
            a.skip href="#main" { "Skip to the content" }
            (phone_head(visitor))
            div.frame {
                header.rail { (brand()) (menu(visitor, MAIN, "Main")) div.rail-foot { @if visitor.may_change { (menu(visitor, MORE, "Settings")) } (who(visitor)) } }
                main #main tabindex="-1" {
                    @if !self.above.is_empty() {
                        nav.crumb aria-label="Where you are" {
                            @for (address, name) in self.above { a href=(address) { (name) } span aria-hidden="true" { "/" } }
                        }
                    }
                    header.head #head data-part { div { h1 { (self.title) } p { (self.lead) } } div.row { (self.action) } }
                    noscript { div.note.info { (icon("info")) p { "Reading works without JavaScript; changing things needs it, or the API or the command line." } } }
                    (content)
                }
            }
            nav.bar aria-label="Main, at the bottom" {
                @for item in MAIN.iter().take(5) { (link(visitor, item)) }
            }
            div.toasts #toasts role="status" aria-live="polite" {}
        };
        document(self.title, body)
    }
}

/// A page of its own, without the menu.
pub(super) fn alone(title: &str, content: Markup) -> Html {
    document(
        title,
        html! { div.alone { main #main { (brand()) (content) } } div.toasts #toasts role="status" aria-live="polite" {} },
    )
}

/// A page that says what went wrong.
pub(super) fn refusal(title: &str, detail: &str) -> Html {
    let content = html! {
        div.card { div.empty { (icon("warning")) h1 { (title) } p { (sentence(detail)) } a.button href="/" { "To the overview" } } }
    };
    alone(title, content)
}

/// A document of somebody else's making, such as a mail: it may have styles, and nothing else, and stands in a frame of
/// ours only.
pub(super) fn by_itself(html: String) -> Response {
    const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";
    let content_type = HeaderValue::from_static("text/html; charset=utf-8");
    let mut response = reply::bytes(StatusCode::OK, content_type, html);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A refusal's words as a sentence.
pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(char::to_uppercase).into_iter().flatten();
    let mut sentence: String = first.chain(letters).collect();
    if !sentence.ends_with(['.', '!', '?', '…']) {
        sentence.push('.');
    }
    sentence
}

fn document(title: &str, body: Markup) -> Html {
    Html(html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Fanfare" }
                link rel="icon" href=(assets::url("icon.svg")) type="image/svg+xml";
                link rel="stylesheet" href=(assets::url("app.css"));
                script src=(assets::url("theme.js")) {}
                @for module in assets::modules() { link rel="modulepreload" href=(module); }
                script type="module" src=(assets::url("app.js")) {}
            }
            body { (body) }
        }
    })
}

/// Address, name, icon.
type Item = (&'static str, &'static str, &'static str);

const MAIN: &[Item] = &[
    ("/", "Overview", "overview"),
    ("/channels", "Channels", "channels"),
    ("/jobs", "Jobs", "jobs"),
    ("/settings/notifications", "Notifications", "bell"),
    ("/history", "History", "history"),
    ("/explain", "Who hears?", "ask"),
];

/// For administrators.
const MORE: &[Item] = &[
    ("/settings/outbound", "Networks", "network"),
    ("/accounts", "Accounts", "accounts"),
    ("/tokens", "API tokens", "key"),
    ("/audit", "Audit", "audit"),
    ("/settings/export", "Export and import", "export"),
];

fn menu(visitor: &Visitor, items: &[Item], label: &str) -> Markup {
    html! { nav.nav aria-label=(label) { @for item in items { (link(visitor, item)) } } }
}

fn link(visitor: &Visitor, (address, name, sign): &Item) -> Markup {
    let path = visitor.path.as_str();
    let is_here = path == *address || (*address != "/" && path.starts_with(&format!("{address}/")));
    let current = is_here.then_some(if path == *address { "page" } else { "true" });
    html! { a href=(address) aria-current=[current] { (icon(sign)) span { (name) } } }
}

fn brand() -> Markup {
    html! { a.brand href="/" { (icon("brand")) "Fanfare" } }
}

fn who(visitor: &Visitor) -> Markup {
    html! {
        div.who {
            div {
                @if visitor.account.is_some() { a href="/account" { strong title=(visitor.name) { (visitor.name) } } } @else { strong { (visitor.name) } }
                span.quiet { (if visitor.may_change { "Admin" } else { "Viewer" }) }
            }
            @if visitor.account.is_some() { button.button.slim.script-only type="button" data-call="DELETE /api/v1/session" data-goto="/sign-in" { "Sign out" } }
            (themes())
        }
    }
}

fn themes() -> Markup {
    html! {
        div.themes.script-only role="group" aria-label="Colours" {
            @for (choice, name, sign) in [("light", "Light", "sun"), ("dark", "Dark", "moon"), ("system", "As the system", "screen")] {
                button type="button" data-theme-choice=(choice) aria-label=(name) title=(name) aria-pressed="false" { (icon(sign)) }
            }
        }
    }
}

fn phone_head(visitor: &Visitor) -> Markup {
    html! {
        header.phone-head {
            (brand())
            details {
                summary.button.slim { (icon("menu")) "Menu" }
                div.phone-menu { (menu(visitor, MAIN, "Main, on the phone")) @if visitor.may_change { (menu(visitor, MORE, "Settings, on the phone")) } (who(visitor)) }
            }
        }
    }
}
