//! Deliveries: what was sent, to whom, and why; and another try.

use axum::extract::State;
use fanfare::core::DeliveryId;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    accounts::Change,
    app::AppState,
    auth::{Allowed, ToAdminister, ToRead},
    dto::{
        delivery::{DeliveryDetail, DeliveryItem, DeliveryQuery, Retried, RetryInput},
        words::DeliveryState,
    },
    extract::{Id, Json, NoQuery, Query},
    mask::Shown,
    page::{List, Stretch},
    problem::{BadBody, BadQuery, Conflicting, Denied, Missing, Problem},
    reply::Reply,
};

/// How many deliveries one answer to a search looks through.
pub(crate) const LOOKED_THROUGH: u64 = 100_000;

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(list))
        .routes(routes!(show))
        .routes(routes!(retry))
        .routes(routes!(retry_many))
}

/// List deliveries, newest first.
#[utoipa::path(
    get, path = "/api/v1/deliveries", tag = "deliveries", security(("token" = ["read"])),
    operation_id = "list_deliveries", params(DeliveryQuery),
    responses((status = 200, body = List<DeliveryItem>), Denied, BadQuery)
)]
async fn list(
    State(app): State<AppState>,
    Allowed { caller, .. }: Allowed<ToRead>,
    Query(query): Query<DeliveryQuery>,
) -> Result<Reply<Shown<List<DeliveryItem>>>, Problem> {
    let stretch = Stretch::new(query.limit, query.cursor.as_deref())?;
    let (deliveries, end) = app.engine.search(query.filter(&caller)?, stretch.page(), LOOKED_THROUGH).await?;
    let end = end.map(|end| end.0);
    Ok(Reply::ok(Shown::to(&caller, stretch.list_until(deliveries, |delivery| delivery.id.0, end))))
}

/// Show a delivery, with what went out and every attempt.
#[utoipa::path(
    get, path = "/api/v1/deliveries/{id}", tag = "deliveries", security(("token" = ["read"])),
    operation_id = "show_delivery", params(("id" = Uuid, Path, description = "The delivery")),
    responses((status = 200, body = DeliveryDetail), Denied, BadQuery, Missing)
)]
async fn show(
    State(app): State<AppState>,
    Allowed { caller, .. }: Allowed<ToRead>,
    Id(id): Id<DeliveryId>,
    _: NoQuery,
) -> Result<Reply<Shown<DeliveryDetail>>, Problem> {
    let delivery = app.engine.delivery(id).await?.ok_or_else(|| Problem::not_found("delivery"))?;
    Ok(Reply::ok(Shown::to(&caller, delivery.into())))
}

/// Try a delivery again now.
///
/// For one that is dead or pending; any other is 409.
#[utoipa::path(
    post, path = "/api/v1/deliveries/{id}/retry", tag = "deliveries", security(("token" = ["admin"])),
    operation_id = "retry_delivery", params(("id" = Uuid, Path, description = "The delivery")),
    responses((status = 202, body = Retried), Denied, BadQuery, Missing, Conflicting)
)]
async fn retry(
    State(app): State<AppState>,
    by: Allowed<ToAdminister>,
    Id(id): Id<DeliveryId>,
    _: NoQuery,
) -> Result<Reply<Retried>, Problem> {
    app.engine.retry(id).await?;
    let change = Change { action: "delivery.retry", object: format!("delivery:{}", id.0), ..Change::default() };
    app.accounts.record(&by.actor(), change).await;
    Ok(Reply::accepted(Retried { retried: 1 }))
}

/// Try many deliveries again now.
///
/// They leave at the pace of their channels. Those that were dead get a new life.
#[utoipa::path(
    post, path = "/api/v1/deliveries/retry", tag = "deliveries", security(("token" = ["admin"])),
    operation_id = "retry_deliveries", request_body = RetryInput,
    responses((status = 202, body = Retried), Denied, BadBody)
)]
async fn retry_many(
    State(app): State<AppState>,
    by: Allowed<ToAdminister>,
    _: NoQuery,
    Json(input): Json<RetryInput>,
) -> Result<Reply<Retried>, Problem> {
    if !matches!(input.state, DeliveryState::Dead | DeliveryState::Pending) {
        return Err(Problem::fault("/state", "only dead and pending deliveries can be tried again"));
    }
    let mut after = serde_json::to_value(&input).map_err(|error| Problem::internal(&error))?;
    let RetryInput { state, channel_id, event_type } = input;
    let retried = app.engine.retry_many(state.into(), channel_id.map(Into::into), event_type.as_deref()).await?;
    after["retried"] = retried.into();
    let change = Change { action: "delivery.retry", object: "delivery".into(), before: None, after: Some(after) };
    app.accounts.record(&by.actor(), change).await;
    Ok(Reply::accepted(Retried { retried }))
}
