//! Channels: where notifications go.

use axum::extract::State;
use fanfare::{ChannelView, core::ChannelId};
use serde::Serialize;
use serde_json::Value;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use crate::{
    accounts::Change,
    app::AppState,
    auth::{Allowed, ToAdminister, ToRead},
    dto::channel::{
        Channel, ChannelChange, ChannelInput, ChannelKind, ChannelPreview, ChannelTest, DeleteQuery, PreviewQuery,
    },
    etag::{ETag, IfMatch},
    extract::{Id, Json, NoQuery, Query, Strict, shape},
    problem::{BadBody, BadQuery, Conflicting, Denied, Missing, Problem, Stale},
    reply::{NoContent, Reply},
    witness,
};

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(kinds))
        .routes(routes!(list, create))
        .routes(routes!(show, update, delete))
        .routes(routes!(test))
        .routes(routes!(preview))
}

/// List the kinds of channel, with the schema of their configuration.
#[utoipa::path(
    get, path = "/api/v1/channel-kinds", tag = "channels", security(("token" = ["read"])),
    operation_id = "list_channel_kinds", responses((status = 200, body = [ChannelKind]), Denied, BadQuery)
)]
async fn kinds(State(app): State<AppState>, _: Allowed<ToRead>, _: NoQuery) -> Reply<Vec<ChannelKind>> {
    Reply::ok(app.engine.registry().kinds().map(ChannelKind::from).collect())
}

/// List all channels.
#[utoipa::path(
    get, path = "/api/v1/channels", tag = "channels", security(("token" = ["read"])),
    operation_id = "list_channels", responses((status = 200, body = [Channel]), Denied, BadQuery)
)]
async fn list(State(app): State<AppState>, _: Allowed<ToRead>, _: NoQuery) -> Reply<Vec<Channel>> {
    Reply::ok(app.engine.channels().into_iter().map(Channel::from).collect())
}

/// Make a channel.
#[utoipa::path(
    post, path = "/api/v1/channels", tag = "channels", security(("token" = ["admin"])),
    operation_id = "create_channel", request_body = ChannelInput,
    responses(
        (status = 201, body = Channel, headers(("Location" = String, description = "Where the channel is"))),
        Denied, BadBody, Conflicting
    )
)]
async fn create(
    State(app): State<AppState>,
    by: Allowed<ToAdminister>,
    _: NoQuery,
    Json(input): Json<ChannelInput>,
) -> Result<Reply<Channel>, Problem> {
    let channel = Channel::from(witness::by(&app, &by).create_channel(input.into()).await?);
    Ok(Reply::created(format!("/api/v1/channels/{}", channel.id()), channel))
}

/// Show a channel.
#[utoipa::path(
    get, path = "/api/v1/channels/{id}", tag = "channels", security(("token" = ["read"])),
    operation_id = "show_channel", params(("id" = Uuid, Path, description = "The channel")),
    responses(
        (status = 200, body = Channel, headers(("ETag" = String, description = "For `If-Match`"))),
        Denied, BadQuery, Missing
    )
)]
async fn show(
    State(app): State<AppState>,
    _: Allowed<ToRead>,
    Id(id): Id<ChannelId>,
    _: NoQuery,
) -> Result<Reply<Channel>, Problem> {
    let channel = app.engine.channel(id).ok_or_else(no_channel)?;
    let etag = etag(&channel);
    Ok(Reply::ok(channel.into()).tagged(&etag))
}

/// Change a channel.
///
/// What is absent stays, null resets to the default (RFC 7396). A stored secret stays when it is absent or when its
/// placeholder is sent back, and is dropped when the host that it goes to changes.
#[utoipa::path(
    patch, path = "/api/v1/channels/{id}", tag = "channels", security(("token" = ["admin"])),
    operation_id = "update_channel", request_body = ChannelChange,
    params(
        ("id" = Uuid, Path, description = "The channel"),
        ("If-Match" = Option<String>, Header, description = "Change only the channel with this `ETag`")
    ),
    responses(
        (status = 200, body = Channel, headers(("ETag" = String, description = "For `If-Match`"))),
        Denied, BadBody, Missing, Conflicting, Stale
    )
)]
async fn update(
    State(app): State<AppState>,
    by: Allowed<ToAdminister>,
    Id(id): Id<ChannelId>,
    if_match: IfMatch,
    _: NoQuery,
    Json(Strict(body)): Json<Strict>,
) -> Result<Reply<Channel>, Problem> {
    let change: ChannelChange = shape(body.clone())?;
    let before = app.engine.channel(id).ok_or_else(no_channel)?;
    let is_expected = |channel: &ChannelView| if_match.allows(&etag(channel));
    let patch = change.of(&body, &before.kind)?;
    let channel = witness::by(&app, &by).update_channel(id, patch, Some(&is_expected)).await?;
    let etag = etag(&channel);
    Ok(Reply::ok(channel.into()).tagged(&etag))
}

/// Delete a channel.
///
/// One that is in use is 409 with its uses, unless `force=true`, which takes it out everywhere; what waits for it
/// becomes `suppressed`.
#[utoipa::path(
    delete, path = "/api/v1/channels/{id}", tag = "channels", security(("token" = ["admin"])),
    operation_id = "delete_channel",
    params(
        ("id" = Uuid, Path, description = "The channel"), DeleteQuery,
        ("If-Match" = Option<String>, Header, description = "Delete only the channel with this `ETag`")
    ),
    responses((status = 204, description = "Deleted"), Denied, BadQuery, Missing, Conflicting, Stale)
)]
async fn delete(
    State(app): State<AppState>,
    by: Allowed<ToAdminister>,
    Id(id): Id<ChannelId>,
    if_match: IfMatch,
    Query(query): Query<DeleteQuery>,
) -> Result<NoContent, Problem> {
    let is_expected = |channel: &ChannelView| if_match.allows(&etag(channel));
    witness::by(&app, &by).delete_channel(id, query.force, Some(&is_expected)).await?;
    Ok(NoContent)
}

/// Send a sample through a channel now, also through a disabled one.
#[utoipa::path(
    post, path = "/api/v1/channels/{id}/test", tag = "channels", security(("token" = ["admin"])),
    operation_id = "test_channel", params(("id" = Uuid, Path, description = "The channel")),
    responses((status = 200, description = "How it went", body = ChannelTest), Denied, BadQuery, Missing)
)]
async fn test(
    State(app): State<AppState>,
    _: Allowed<ToAdminister>,
    Id(id): Id<ChannelId>,
    _: NoQuery,
) -> Result<Reply<ChannelTest>, Problem> {
    Ok(Reply::ok(app.engine.test_channel(id).await?.into()))
}

/// Show what a channel would send of an event type's sample. Nothing is stored or sent.
#[utoipa::path(
    get, path = "/api/v1/channels/{id}/preview", tag = "channels", security(("token" = ["read"])),
    operation_id = "preview_channel", params(("id" = Uuid, Path, description = "The channel"), PreviewQuery),
    responses((status = 200, body = ChannelPreview), Denied, BadQuery, Missing, Conflicting)
)]
async fn preview(
    State(app): State<AppState>,
    _: Allowed<ToRead>,
    Id(id): Id<ChannelId>,
    Query(query): Query<PreviewQuery>,
) -> Result<Reply<ChannelPreview>, Problem> {
    Ok(Reply::ok(app.engine.preview(id, &query.event_type)?.into()))
}

fn no_channel() -> Problem {
    Problem::not_found("channel")
}

/// What the audit says of a channel that is made, changed or deleted.
pub(crate) fn change(before: Option<&ChannelView>, after: Option<&ChannelView>) -> Change<'static> {
    let action = match (before, after) {
        (None, _) => "channel.create",
        (Some(_), Some(_)) => "channel.update",
        (Some(_), None) => "channel.delete",
    };
    let object = before.or(after).map(|channel| format!("channel:{}", channel.id.0)).unwrap_or_default();
    Change::of(action, object, before.map(described).as_ref(), after.map(described).as_ref())
}

/// The mark of what can be changed in a channel. Its health is not part of it: a change would otherwise be
/// refused because a delivery failed meanwhile.
fn etag(channel: &ChannelView) -> ETag {
    ETag::of(&described(channel))
}

/// What can be changed in a channel.
#[derive(Serialize)]
struct Described<'a> {
    id: Uuid,
    name: &'a str,
    kind: &'a str,
    config: &'a Value,
    enabled: bool,
    delivery: fanfare::LaneSettings,
    // Shows a change of a secret, which looks the same before and after.
    updated_at: jiff::Timestamp,
}

fn described(channel: &ChannelView) -> Described<'_> {
    let ChannelView { id, name, kind, config, enabled, delivery, health: _, created_at: _, updated_at } = channel;
    Described { id: id.0, name, kind, config, enabled: *enabled, delivery: *delivery, updated_at: *updated_at }
}
