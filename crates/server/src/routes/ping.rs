//! Check-in addresses of jobs. They need no token: whoever knows the address may report that job's runs.

use axum::{
    body::Body,
    extract::{Path, State, rejection::PathRejection},
    response::Response,
};
use fanfare::{CheckIn, core::Outcome};
use futures_util::StreamExt;
use http::{HeaderValue, StatusCode};
use tokio::time::{Instant, timeout_at};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::AppState,
    auth::Passerby,
    extract::PATIENCE,
    problem::{Missing, Problem, TooMany, Unavailable},
    reply,
};

/// How many bytes of a body are kept: its end.
const KEPT: usize = 64 * 1024;

/// How many bytes of a body are read at the most; the rest is not waited for.
const READ: usize = 16 * 1024 * 1024;

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(ping)).routes(routes!(ping_with))
}

/// Report a run that succeeded.
///
/// Needs no token. The end of the body is kept as the run's error text.
#[utoipa::path(
    method(get, head, post), path = "/ping/{key}", tag = "jobs", security(()), operation_id = "ping",
    params(("key" = String, Path, description = "The job's check-in key")),
    responses((status = 200, description = "`OK`", body = String, content_type = "text/plain"), Missing, TooMany, Unavailable)
)]
async fn ping(
    State(app): State<AppState>,
    _: Passerby,
    path: Result<Path<String>, PathRejection>,
    body: Body,
) -> Result<Response, Problem> {
    let Path(key) = path.map_err(|_| nobody())?;
    report(&app, &key, CheckIn::Ended(Outcome::Success), body).await
}

/// Report that a run begins, or how it ended.
///
/// Needs no token. `start`: a run begins, and the end that follows gives its duration. `fail`: it failed. A number from
/// 0 to 255: its exit code; 0 is success, any other a failure. The end of the body is kept as the run's error text.
#[utoipa::path(
    method(get, head, post), path = "/ping/{key}/{signal}", tag = "jobs", security(()), operation_id = "ping_signal",
    params(
        ("key" = String, Path, description = "The job's check-in key"),
        ("signal" = String, Path, description = "`start`, `fail`, or an exit code")
    ),
    responses((status = 200, description = "`OK`", body = String, content_type = "text/plain"), Missing, TooMany, Unavailable)
)]
async fn ping_with(
    State(app): State<AppState>,
    _: Passerby,
    path: Result<Path<(String, String)>, PathRejection>,
    body: Body,
) -> Result<Response, Problem> {
    let Path((key, signal)) = path.map_err(|_| nobody())?;
    let check_in = match signal.as_str() {
        "start" => CheckIn::Started,
        "fail" => CheckIn::Ended(Outcome::Failure),
        code => match code.parse::<u8>() {
            Ok(0) => CheckIn::Ended(Outcome::Success),
            Ok(_) => CheckIn::Ended(Outcome::Failure),
            Err(_) => return Err(nobody()),
        },
    };
    report(&app, &key, check_in, body).await
}

async fn report(app: &AppState, key: &str, check_in: CheckIn, body: Body) -> Result<Response, Problem> {
    // Nobody can make us read without a key.
    if !app.engine.knows_ping_key(key) {
        return Err(nobody());
    }
    let said = end_of(body).await;
    if !app.engine.check_in(key, check_in, &said).await? {
        return Err(nobody());
    }
    Ok(reply::bytes(StatusCode::OK, HeaderValue::from_static("text/plain; charset=utf-8"), "OK"))
}

/// The same for every address that is none, so that nothing is learned of keys.
fn nobody() -> Problem {
    Problem::not_found("check-in address")
}

/// The end of a body. One that breaks off, or does not end in time, says what it said until then: the run has ended all
/// the same.
async fn end_of(body: Body) -> Vec<u8> {
    let mut stream = body.into_data_stream();
    let (mut kept, mut read) = (Vec::new(), 0);
    let until = Instant::now() + PATIENCE;
    while let Ok(Some(Ok(piece))) = timeout_at(until, stream.next()).await {
        read += piece.len();
        kept.extend_from_slice(&piece);
        if kept.len() > 2 * KEPT {
            kept.drain(..kept.len() - KEPT);
        }
        if read > READ {
            break;
        }
    }
    let excess = kept.len().saturating_sub(KEPT);
    kept.drain(..excess);
    kept
}
