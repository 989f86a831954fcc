//! The server about itself: alive, ready, counted.

use std::fmt::Write;

use axum::{extract::State, response::Response};
use fanfare::{HealthState, LaneView};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::{AppState, Measures},
    auth::{Allowed, Passerby, ToRead},
    problem::{Denied, Problem, TooMany, Unavailable},
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
    responses((status = 200, body = Alive), TooMany, Unavailable)
)]
async fn readyz(State(app): State<AppState>, _: Passerby) -> Result<Reply<Alive>, Problem> {
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
    let text = exposition(accepted, &states) + &lanes(&app.engine.lanes()) + &measured;
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

/// The lanes as text: of the four states of each, the one that it is in has a 1; and so has an open breaker.
fn lanes(lanes: &[LaneView]) -> String {
    let mut text =
        "# HELP fanfare_channel_health Whether deliveries get through a channel: 1 for the state it is in.\n\
                    # TYPE fanfare_channel_health gauge\n"
            .to_owned();
    for LaneView { channel_id, kind, state: now, .. } in lanes {
        for state in HealthState::ALL {
            let (is, state) = (u8::from(state == *now), state.as_str());
            let labels = format!("channel_id=\"{channel_id}\",kind=\"{kind}\",state=\"{state}\"");
            // Writing to a String cannot fail.
            let _ = writeln!(text, "fanfare_channel_health{{{labels}}} {is}");
        }
    }
    text.push_str(
        "# HELP fanfare_breaker_open Whether a channel's breaker is open, so that one delivery at a time tries.\n\
         # TYPE fanfare_breaker_open gauge\n",
    );
    for LaneView { channel_id, kind, breaker_open, .. } in lanes {
        let is = u8::from(*breaker_open);
        let _ = writeln!(text, "fanfare_breaker_open{{channel_id=\"{channel_id}\",kind=\"{kind}\"}} {is}");
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
        let channel_id = uuid::Uuid::nil().into();
        let lane = LaneView { channel_id, kind: "ntfy".into(), state: HealthState::Limited, breaker_open: true };
        let text = lanes(&[lane]);
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(lines.len(), 5);
        let on: Vec<_> = lines.iter().filter(|line| line.ends_with(" 1")).copied().collect();
        let label = format!("channel_id=\"{channel_id}\",kind=\"ntfy\"");
        let health = format!("fanfare_channel_health{{{label},state=\"limited\"}} 1");
        assert_eq!(on, [health, format!("fanfare_breaker_open{{{label}}} 1")]);
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
