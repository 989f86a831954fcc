//! The server about itself: alive, ready, counted.

use std::fmt::Write;

use axum::{extract::State, response::Response};
use fanfare::{HealthState, core::ChannelId};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::{AppState, Measures},
    auth::{Allowed, ToRead},
    problem::{Denied, Problem, Unavailable},
    reply::{self, Reply},
};

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(healthz))
        .routes(routes!(readyz))
        .routes(routes!(metrics))
        .routes(routes!(document))
}

/// That the server lives, or is ready.
#[derive(Debug, Serialize, ToSchema)]
struct Alive {
    /// `ok`.
    #[schema(value_type = String)]
    status: &'static str,
}

const OK: Alive = Alive { status: "ok" };

/// Whether the process is alive.
#[utoipa::path(get, path = "/healthz", tag = "service", security(()), responses((status = 200, body = Alive)))]
async fn healthz() -> Reply<Alive> {
    Reply::ok(OK)
}

/// Whether the database and the engine are ready.
#[utoipa::path(
    get, path = "/readyz", tag = "service", security(()),
    responses((status = 200, body = Alive), Unavailable)
)]
async fn readyz(State(app): State<AppState>) -> Result<Reply<Alive>, Problem> {
    app.engine.ready().await.map_err(|cause| Problem::unavailable(&cause))?;
    Ok(Reply::ok(OK))
}

/// Counters in the text format of Prometheus.
#[utoipa::path(
    get, path = "/metrics", tag = "service", security(("token" = ["read"])),
    responses((status = 200, body = String, content_type = "text/plain"), Denied)
)]
async fn metrics(State(app): State<AppState>, _: Allowed<ToRead>) -> Result<Response, Problem> {
    let (accepted, states) = app.engine.counters().await?;
    let content_type = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    let measured = app.measures.as_ref().map(Measures::text).unwrap_or_default();
    let text = exposition(accepted, &states) + &health(&app.engine.healths()) + &measured;
    Ok(reply::bytes(StatusCode::OK, content_type, text))
}

/// The counters as text. What was accepted equals the sum of the states at every moment.
fn exposition<'a>(accepted: i64, states: impl IntoIterator<Item = (&'a &'static str, &'a i64)>) -> String {
    let mut text = format!(
        "# HELP fanfare_deliveries_accepted_total Deliveries that were accepted, tests left out.\n\
         # TYPE fanfare_deliveries_accepted_total counter\n\
         fanfare_deliveries_accepted_total {accepted}\n\
         # HELP fanfare_deliveries Deliveries by the state in which they stand, tests left out.\n\
         # TYPE fanfare_deliveries gauge\n"
    );
    for (state, count) in states {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "fanfare_deliveries{{state=\"{state}\"}} {count}");
    }
    text
}

/// The health of channels as text: of the four states of each, the one that it is in has a 1.
fn health(channels: &[(ChannelId, String, HealthState)]) -> String {
    let mut text =
        "# HELP fanfare_channel_health Whether deliveries get through a channel: 1 for the state it is in.\n\
                    # TYPE fanfare_channel_health gauge\n"
            .to_owned();
    for (id, kind, now) in channels {
        for state in HealthState::ALL {
            let (is, state) = (u8::from(state == *now), state.as_str());
            // Writing to a String cannot fail.
            let _ =
                writeln!(text, "fanfare_channel_health{{channel_id=\"{id}\",kind=\"{kind}\",state=\"{state}\"}} {is}");
        }
    }
    text
}

/// This document.
#[utoipa::path(
    get, path = "/api/openapi.json", tag = "service", security(("token" = ["read"])),
    responses((status = 200, description = "The API as an OpenAPI document", body = Object), Denied)
)]
async fn document(State(app): State<AppState>, _: Allowed<ToRead>) -> Response {
    reply::bytes(StatusCode::OK, HeaderValue::from_static("application/json"), app.document.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_is_in_one_state() {
        let id = ChannelId::from(uuid::Uuid::nil());
        let text = health(&[(id, "ntfy".into(), HealthState::Limited)]);
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(lines.len(), 4);
        let on: Vec<_> = lines.iter().filter(|line| line.ends_with(" 1")).collect();
        let label = "channel_id=\"00000000-0000-0000-0000-000000000000\",kind=\"ntfy\",state=\"limited\"";
        assert_eq!(on, [&format!("fanfare_channel_health{{{label}}} 1").as_str()]);
    }

    #[test]
    fn counters_are_lines() {
        let text = exposition(3, &std::collections::BTreeMap::from([("dead", 1), ("pending", 2)]));
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            lines,
            [
                "fanfare_deliveries_accepted_total 3",
                "fanfare_deliveries{state=\"dead\"} 1",
                "fanfare_deliveries{state=\"pending\"} 2"
            ]
        );
    }
}
