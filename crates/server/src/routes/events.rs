//! Events: the way in, and the look back.

use axum::extract::State;
use fanfare::{
    Idempotency, Submission,
    core::{EventId, Fault},
};
use futures_util::future::join_all;
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use crate::{
    app::AppState,
    auth::{Allowed, Caller, ToRead, ToSend},
    dto::{
        delivery::DeliveryItem,
        event::{
            Accepted, BatchAccepted, BatchInput, BatchRefused, BatchResult, BatchResults, EventDetail, EventInput,
            EventItem,
        },
        explain::{ExplainEventInput, ExplainInput, ExplainRunInput, Explained, JobQuestion},
    },
    extract::{Document, Id, IdempotencyKey, Json, NoQuery, Query, Strict, idempotency, limit, parse, shape},
    mask::Shown,
    page::{List, Stretch},
    problem::{BadBody, BadQuery, Conflicting, Denied, Kind, Missing, Problem},
    reply::Reply,
};

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(send, list))
        .routes(routes!(send_batch))
        .routes(routes!(explain))
        .routes(routes!(show))
}

/// Send an event.
///
/// The answer comes when the event and its deliveries are stored; they leave after that. A repeat with the same
/// idempotency key gets the first answer with `duplicate: true`; the same key with another body is 409.
#[utoipa::path(
    post, path = "/api/v1/events", tag = "events", security(("token" = ["send"])), operation_id = "send_event",
    params(("Idempotency-Key" = Option<String>, Header, description = "Recognises a repeat for 24 hours")),
    request_body = EventInput,
    responses((status = 202, description = "Stored", body = Accepted), Denied, BadBody, Conflicting)
)]
async fn send(
    State(app): State<AppState>,
    Allowed { caller, .. }: Allowed<ToSend>,
    header: IdempotencyKey,
    _: NoQuery,
    Json(event): Json<EventInput, { limit::EVENT }>,
) -> Result<Reply<Accepted>, Problem> {
    caller.may_send(event.event_type())?;
    let key = idempotency(&caller, "POST /events", header, event.idempotency_key.as_deref(), &event)?;
    Ok(Reply::accepted(app.engine.accept(event.into(), key).await?.into()))
}

/// Send many events.
///
/// Each is accepted or refused by itself; `results` are in the order of `events`.
#[utoipa::path(
    post, path = "/api/v1/events/batch", tag = "events", security(("token" = ["send"])),
    operation_id = "send_events", request_body = BatchInput,
    responses((status = 202, description = "What became of each", body = BatchResults), Denied, BadBody)
)]
async fn send_batch(
    State(app): State<AppState>,
    Allowed { caller, .. }: Allowed<ToSend>,
    key: IdempotencyKey,
    _: NoQuery,
    Document(body): Document<{ limit::BATCH }, { limit::BATCH_DEPTH }>,
) -> Result<Reply<BatchResults>, Problem> {
    let batch: BatchInput<'_> = parse(&body)?;
    // All at once rather than one after the other, so that they are stored in one transaction.
    let results = batch.events.into_iter().enumerate().map(async |(place, event)| {
        let outcome = match read_one(event, &caller, key.in_batch(place)) {
            Ok((submission, key)) => app.engine.accept(submission, key).await.map_err(Problem::from),
            Err(problem) => Err(problem),
        };
        match outcome {
            Ok(accepted) => BatchResult::Accepted(BatchAccepted { status: 202, accepted: accepted.into() }),
            Err(problem) => {
                BatchResult::Refused(BatchRefused { status: problem.status(), problem: problem.into_body() })
            }
        }
    });
    Ok(Reply::accepted(BatchResults { results: join_all(results).await }))
}

fn read_one(
    event: &RawValue,
    caller: &Caller,
    key: IdempotencyKey,
) -> Result<(Submission, Option<Idempotency>), Problem> {
    let text = event.get();
    if text.len() > limit::EVENT {
        return Err(Problem::new(Kind::TOO_LARGE, format!("an event may be at most {} bytes long", limit::EVENT)));
    }
    let event: EventInput = parse(text.as_bytes())?;
    caller.may_send(event.event_type())?;
    let in_body = event.idempotency_key.as_deref();
    let key = idempotency(caller, "POST /events/batch", key, in_body, &event)?;
    Ok((event.into(), key))
}

/// Explain who would hear of an event.
///
/// The same decision as when it is sent, without storing or sending anything. Takes an event, or a job's run with
/// the member `job`; there `outcome` may also be `missed` or `recovered`: who would hear that a run does not come, and
/// that one comes at last. With `wording`, it is told in those words instead of the saved ones: a preview.
#[utoipa::path(
    post, path = "/api/v1/events/explain", tag = "events", security(("token" = ["read"])),
    operation_id = "explain_event", request_body = ExplainInput,
    responses(
        (status = 200, description = "Who, who not, and what they would be told", body = Explained),
        Denied, BadBody, Missing
    )
)]
async fn explain(
    State(app): State<AppState>,
    Allowed { caller, .. }: Allowed<ToRead>,
    _: NoQuery,
    Json(Strict(body)): Json<Strict, { limit::EVENT }>,
) -> Result<Reply<Shown<Explained>>, Problem> {
    let is_run = body.get("job").is_some();
    if is_run && body.get("type").is_some() {
        let fault = Fault::new("/type", "this is either an event, with type, or a run, with job");
        return Err(Problem::invalid(vec![fault]));
    }
    let explanation = if is_run {
        let question = shape::<ExplainRunInput>(body)?.question();
        let (job, question, wording) = question.map_err(Problem::invalid)?;
        match question {
            JobQuestion::Run(run) => app.engine.explain_run_worded(&job, run, wording.as_ref()).await?,
            JobQuestion::Absence(absence) => app.engine.explain_absence(&job, absence, wording.as_ref()).await?,
        }
    } else {
        let (event, wording) = shape::<ExplainEventInput>(body)?.into();
        app.engine.explain_worded(event, wording.as_ref()).await?
    };
    Ok(Reply::ok(Shown::to(&caller, explanation.into())))
}

/// Which stretch of the events to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct EventQuery {
    /// Runs of this job only.
    job_id: Option<Uuid>,
    /// How many, 1 to 200; 50 where absent.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
    /// Where to go on: the `next_cursor` of the answer before.
    cursor: Option<String>,
}

/// List events.
///
/// Newest first, each with its plan, also those that nobody was told of.
#[utoipa::path(
    get, path = "/api/v1/events", tag = "events", security(("token" = ["read"])), operation_id = "list_events",
    params(EventQuery), responses((status = 200, body = List<EventItem>), Denied, BadQuery)
)]
async fn list(
    State(app): State<AppState>,
    Allowed { caller, .. }: Allowed<ToRead>,
    Query(query): Query<EventQuery>,
) -> Result<Reply<Shown<List<EventItem>>>, Problem> {
    let stretch = Stretch::new(query.limit, query.cursor.as_deref())?;
    let events = app.engine.events(query.job_id.map(Into::into), stretch.page()).await?;
    Ok(Reply::ok(Shown::to(&caller, stretch.list(events, |event| event.id.0))))
}

/// Show an event, with its plan and its deliveries.
#[utoipa::path(
    get, path = "/api/v1/events/{id}", tag = "events", security(("token" = ["read"])), operation_id = "show_event",
    params(("id" = Uuid, Path, description = "The event")),
    responses((status = 200, body = EventDetail), Denied, BadQuery, Missing)
)]
async fn show(
    State(app): State<AppState>,
    Allowed { caller, .. }: Allowed<ToRead>,
    Id(id): Id<EventId>,
    _: NoQuery,
) -> Result<Reply<Shown<EventDetail>>, Problem> {
    let (event, deliveries) = app.engine.event(id).await?.ok_or_else(|| Problem::not_found("event"))?;
    let deliveries = deliveries.into_iter().map(DeliveryItem::from).collect();
    Ok(Reply::ok(Shown::to(&caller, EventDetail { event: event.into(), deliveries })))
}
