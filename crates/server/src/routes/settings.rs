//! The notification settings: who hears of what.

use axum::extract::State;
use fanfare::{
    ConfigureError,
    core::{Catalog, NotificationSettings as CoreSettings, catalog::Layer, escape_pointer, merge_patch},
};
use serde_json::{Value, json};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    accounts::Change,
    app::AppState,
    auth::{Allowed, ToAdminister, ToRead},
    dto::settings::{EventSettings, EventSettingsInput, NotificationSettings, NotificationSettingsInput},
    etag::{ETag, IfMatch},
    extract::{Json, Name, NoQuery, Strict, shape},
    problem::{BadBody, BadQuery, Denied, Missing, Problem, Stale},
    reply::Reply,
    witness,
};

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(show, replace, update)).routes(routes!(update_event))
}

/// How often a change is tried again when another one came between.
const TRIES: usize = 8;

/// Show the notification settings, with all defaults filled in.
#[utoipa::path(
    get, path = "/api/v1/settings/notifications", tag = "settings", security(("token" = ["read"])),
    operation_id = "show_notification_settings",
    responses(
        (status = 200, body = NotificationSettings, headers(("ETag" = String, description = "For `If-Match`"))),
        Denied, BadQuery
    )
)]
async fn show(State(app): State<AppState>, _: Allowed<ToRead>, _: NoQuery) -> Reply<NotificationSettings> {
    whole(&app, &app.engine.settings())
}

/// Replace the notification settings.
///
/// An event type or a member that is missing gets its default.
#[utoipa::path(
    put, path = "/api/v1/settings/notifications", tag = "settings", security(("token" = ["admin"])),
    operation_id = "replace_notification_settings", request_body = NotificationSettingsInput,
    params(("If-Match" = Option<String>, Header, description = "Replace only the settings with this `ETag`")),
    responses(
        (status = 200, body = NotificationSettings, headers(("ETag" = String, description = "For `If-Match`"))),
        Denied, BadBody, Stale
    )
)]
async fn replace(
    State(app): State<AppState>,
    by: Allowed<ToAdminister>,
    if_match: IfMatch,
    _: NoQuery,
    Json(Strict(body)): Json<Strict>,
) -> Result<Reply<NotificationSettings>, Problem> {
    let new: NotificationSettingsInput = shape(body)?;
    let present = app.engine.settings();
    if_match.check(&etag(&app, &present))?;
    let expected = if_match.is_given().then_some(&present);
    let settings = witness::by(&app, &by).replace_settings(new.into(), expected).await?;
    Ok(whole(&app, &settings))
}

/// Change the notification settings.
///
/// What is absent stays, null resets to the default (RFC 7396); lists are replaced as a whole.
#[utoipa::path(
    patch, path = "/api/v1/settings/notifications", tag = "settings", security(("token" = ["admin"])),
    operation_id = "update_notification_settings", request_body = NotificationSettingsInput,
    params(("If-Match" = Option<String>, Header, description = "Change only the settings with this `ETag`")),
    responses(
        (status = 200, body = NotificationSettings, headers(("ETag" = String, description = "For `If-Match`"))),
        Denied, BadBody, Stale
    )
)]
async fn update(
    State(app): State<AppState>,
    by: Allowed<ToAdminister>,
    if_match: IfMatch,
    _: NoQuery,
    Json(Strict(patch)): Json<Strict>,
) -> Result<Reply<NotificationSettings>, Problem> {
    shape::<NotificationSettingsInput>(patch.clone())?;
    Ok(whole(&app, &merge(&app, &by, &if_match, &patch).await?))
}

/// Change the settings of one event type.
///
/// What is absent stays, null resets to the default (RFC 7396). The answer is what now holds for this type; its
/// `ETag`, like `If-Match`, is that of the whole settings.
#[utoipa::path(
    patch, path = "/api/v1/settings/notifications/events/{type}", tag = "settings",
    security(("token" = ["admin"])), operation_id = "update_event_settings", request_body = EventSettingsInput,
    params(
        ("type" = String, Path, description = "The event type"),
        ("If-Match" = Option<String>, Header, description = "Change only the settings with this `ETag`")
    ),
    responses(
        (status = 200, body = EventSettings, headers(("ETag" = String, description = "Of the whole settings"))),
        Denied, BadBody, Missing, Stale
    )
)]
async fn update_event(
    State(app): State<AppState>,
    by: Allowed<ToAdminister>,
    Name(name): Name,
    if_match: IfMatch,
    _: NoQuery,
    Json(Strict(patch)): Json<Strict>,
) -> Result<Reply<EventSettings>, Problem> {
    let event_type = app.engine.catalog().get(&name).ok_or_else(|| Problem::not_found("event type"))?;
    if event_type.layer == Layer::Job {
        let detail = format!("{name} is told by each job's own notifications, not by the settings");
        return Err(Problem::fault("", detail));
    }
    // A null takes its member out before the merged document is read, so the patch is checked by itself.
    shape::<EventSettingsInput>(patch.clone())?;
    let whole = json!({"events": {event_type.id.as_str(): patch}});
    let settings = merge(&app, &by, &if_match, &whole).await;
    let settings = settings.map_err(|problem| problem.relative_to(&format!("/events/{}", escape_pointer(&name))))?;
    Ok(Reply::ok(EventSettings::new(&settings, event_type)).tagged(&etag(&app, &settings)))
}

/// The settings with this change merged in, in force.
async fn merge(
    app: &AppState,
    by: &Allowed<ToAdminister>,
    if_match: &IfMatch,
    patch: &Value,
) -> Result<CoreSettings, Problem> {
    let engine = witness::by(app, by);
    for _ in 0..TRIES {
        let present = app.engine.settings();
        if_match.check(&etag(app, &present))?;
        let input = NotificationSettingsInput::from(present.clone());
        let mut merged = serde_json::to_value(input).map_err(|error| Problem::internal(&error))?;
        merge_patch(&mut merged, patch);
        let new = shape::<NotificationSettingsInput>(merged)?;
        match engine.replace_settings(new.into(), Some(&present)).await {
            Ok(settings) => return Ok(settings),
            // Somebody else changed something else; only who asked for it needs to know.
            Err(ConfigureError::Changed) if !if_match.is_given() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Problem::changed())
}

/// What the audit says of a change of these settings.
pub(crate) fn change(before: &CoreSettings, after: &CoreSettings, catalog: &Catalog) -> Change<'static> {
    let [before, after] = [before, after].map(|settings| NotificationSettings::new(settings, catalog));
    Change::of("settings.update", "settings:notifications", Some(&before), Some(&after))
}

fn whole(app: &AppState, settings: &CoreSettings) -> Reply<NotificationSettings> {
    Reply::ok(NotificationSettings::new(settings, app.engine.catalog())).tagged(&etag(app, settings))
}

/// The mark of the settings: of what is shown.
fn etag(app: &AppState, settings: &CoreSettings) -> ETag {
    ETag::of(&NotificationSettings::new(settings, app.engine.catalog()))
}
