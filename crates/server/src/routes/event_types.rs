//! Event types: what can happen, and a test of each.

use axum::extract::State;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::AppState,
    auth::{Allowed, ToAdminister, ToRead},
    dto::event_type::{EventTest, EventTestInput, EventType},
    extract::{JsonOrNothing, Name, NoQuery},
    problem::{BadBody, BadQuery, Conflicting, Denied, Missing, Problem},
    reply::Reply,
};

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(list)).routes(routes!(test))
}

/// List the event types, with their data and an example.
#[utoipa::path(
    get, path = "/api/v1/event-types", tag = "event types", security(("token" = ["read"])),
    operation_id = "list_event_types", responses((status = 200, body = [EventType]), Denied, BadQuery)
)]
async fn list(State(app): State<AppState>, _: Allowed<ToRead>, _: NoQuery) -> Reply<Vec<EventType>> {
    Reply::ok(app.engine.catalog().iter().map(|event_type| EventType::from(&**event_type)).collect())
}

/// Send the example of an event type to its present targets now.
///
/// Works when the type is off, and says so. Without any target: 409.
#[utoipa::path(
    post, path = "/api/v1/event-types/{type}/test", tag = "event types", security(("token" = ["admin"])),
    operation_id = "test_event_type", params(("type" = String, Path, description = "The event type")),
    request_body = Option<EventTestInput>,
    responses(
        (status = 200, description = "How it went at each target", body = EventTest),
        Denied, BadBody, Missing, Conflicting
    )
)]
async fn test(
    State(app): State<AppState>,
    Allowed { caller, .. }: Allowed<ToAdminister>,
    Name(event_type): Name,
    _: NoQuery,
    JsonOrNothing(input): JsonOrNothing<EventTestInput>,
) -> Result<Reply<EventTest>, Problem> {
    let user = input.and_then(|input| input.user);
    let own = caller.session.as_ref().map(|session| session.account.email.as_str());
    let email = user.as_ref().map(|user| user.email.as_str()).or(own);
    Ok(Reply::ok(app.engine.test_event(&event_type, email).await?.into()))
}
