//! The web page: rendered on the server from the same functions that the API calls. Reading works without a script;
//! every change is a call of the public API, which a small script of ours makes.

mod accounts;
mod assets;
mod audit;
mod audit_words;
mod channel;
mod channel_form;
mod channels;
mod chart;
mod delivery;
mod explain;
mod export;
mod facts;
mod frame;
mod history;
mod icons;
mod job;
mod jobs;
mod live;
mod looks;
mod notifications;
mod outbound;
mod overview;
mod parts;
mod picker;
mod schema;
mod sign_in;
mod tokens;
mod visitor;
mod wording;
mod wording_form;
mod words;

use axum::{Router, middleware, response::Response, routing::get};
use http::{HeaderValue, header};
use tower_http::compression::CompressionLayer;

use crate::app::AppState;
use frame::Html;
use visitor::Visitor;

/// Nothing from elsewhere, and nothing that stands in the page itself: no script, no style.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The pages, which are no part of the API's document.
pub(crate) fn router() -> Router<AppState> {
    Router::new()
        .route("/", get(overview::show))
        .route("/channels", get(channels::list))
        .route("/channels/new", get(channels::kinds))
        .route("/channels/new/{kind}", get(channel::new))
        .route("/channels/{id}", get(channel::show))
        .route("/channels/{id}/mail", get(channel::mail))
        .route("/settings/notifications", get(notifications::show))
        .route("/settings/notifications/{type}/wording", get(wording::of_event))
        .route("/jobs", get(jobs::list))
        .route("/jobs/new", get(jobs::new))
        .route("/jobs/{id}", get(job::runs))
        .route("/jobs/{id}/notifications", get(job::notifications))
        .route("/jobs/{id}/wording", get(wording::of_job))
        .route("/jobs/{id}/settings", get(job::settings))
        .route("/history", get(history::list))
        .route("/history/{id}", get(delivery::show))
        .route("/history/{id}/mail", get(delivery::mail))
        .route("/explain", get(explain::show))
        .route("/accounts", get(accounts::list))
        .route("/account", get(accounts::own))
        .route("/tokens", get(tokens::list))
        .route("/settings/outbound", get(outbound::show))
        .route("/settings/export", get(export::show))
        .route("/audit", get(audit::list))
        .route("/setup", get(sign_in::set_up))
        .route("/sign-in", get(sign_in::show).post(sign_in::sign_in))
        .layer(middleware::map_response(guard))
        .merge(assets::router())
        .layer(CompressionLayer::new())
}

/// What every page says about itself to the browser, unless it has said so.
async fn guard(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
