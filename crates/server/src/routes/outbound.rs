//! The settings of outbound connections: what they may reach.

use axum::extract::State;
use fanfare::OutboundSettings as EngineOutbound;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    accounts::Change,
    app::AppState,
    auth::{Allowed, ToAdminister, ToRead},
    dto::outbound::{OutboundSettings, OutboundSettingsInput},
    etag::{ETag, IfMatch},
    extract::{Json, NoQuery},
    problem::{BadBody, BadQuery, Conflicting, Denied, Problem, Stale},
    reply::Reply,
    witness,
};

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(show, replace))
}

/// Show which networks outbound connections may reach besides public addresses.
#[utoipa::path(
    get, path = "/api/v1/settings/outbound", tag = "settings", security(("token" = ["read"])),
    operation_id = "show_outbound_settings",
    responses(
        (status = 200, body = OutboundSettings, headers(("ETag" = String, description = "For `If-Match`"))),
        Denied, BadQuery
    )
)]
async fn show(State(app): State<AppState>, _: Allowed<ToRead>, _: NoQuery) -> Reply<OutboundSettings> {
    whole(app.engine.outbound())
}

/// Say which networks outbound connections may reach besides public addresses.
///
/// In force at once, for open connections too. Link-local, metadata and reserved addresses cannot be allowed. Where
/// the operator has set `FANFARE_ALLOW_NETWORKS`, the list is locked, and this is 409.
#[utoipa::path(
    put, path = "/api/v1/settings/outbound", tag = "settings", security(("token" = ["admin"])),
    operation_id = "replace_outbound_settings", request_body = OutboundSettingsInput,
    params(("If-Match" = Option<String>, Header, description = "Replace only the settings with this `ETag`")),
    responses(
        (status = 200, body = OutboundSettings, headers(("ETag" = String, description = "For `If-Match`"))),
        Denied, BadBody, Conflicting, Stale
    )
)]
async fn replace(
    State(app): State<AppState>,
    by: Allowed<ToAdminister>,
    if_match: IfMatch,
    _: NoQuery,
    Json(input): Json<OutboundSettingsInput>,
) -> Result<Reply<OutboundSettings>, Problem> {
    let present = app.engine.outbound();
    if_match.check(&etag(&present))?;
    let networks = input.networks(present.locked)?;
    let expected = if_match.is_given().then_some(&present);
    Ok(whole(witness::by(&app, &by).replace_outbound(networks, expected).await?))
}

/// What the audit says of a change of these settings.
pub(crate) fn change(before: &EngineOutbound, after: &EngineOutbound) -> Change<'static> {
    let [before, after] = [before, after].map(|settings| OutboundSettings::from(settings.clone()));
    Change::of("settings.update", "settings:outbound", Some(&before), Some(&after))
}

fn whole(settings: EngineOutbound) -> Reply<OutboundSettings> {
    let etag = etag(&settings);
    Reply::ok(OutboundSettings::from(settings)).tagged(&etag)
}

fn etag(settings: &EngineOutbound) -> ETag {
    ETag::of(&OutboundSettings::from(settings.clone()))
}
