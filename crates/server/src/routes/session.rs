//! Signing in and out, and the set-up of the first account.

use axum::{extract::State, response::IntoResponse};
use http::{HeaderMap, header::SET_COOKIE};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    accounts::AccessError,
    app::AppState,
    auth::{Passerby, SignedIn, Visitor, clear_cookie, set_cookie},
    dto::account::{PasswordChange, Session, Setup, SetupState, SignIn, SignOutQuery},
    extract::{Json, NoQuery, Query},
    life,
    problem::{BadBody, BadQuery, Conflicting, Denied, Failing, Problem, TooMany, Turned, WrongCredentials},
    reply::{NoContent, Reply},
};

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(setup_state, set_up))
        .routes(routes!(show, sign_in, sign_out))
        .routes(routes!(change_password))
}

/// Whether the first account can be made.
#[utoipa::path(
    get, path = "/api/v1/setup", tag = "accounts", security(()), operation_id = "show_setup",
    responses((status = 200, body = SetupState), BadQuery, TooMany)
)]
async fn setup_state(State(app): State<AppState>, _: Passerby, _: NoQuery) -> Reply<SetupState> {
    Reply::ok(SetupState { open: !app.accounts.is_set_up() })
}

/// Make the first account, and sign in with it.
///
/// With the key of the set-up link that the server prints when it starts. It works once; as soon as there is an
/// account, it is 409.
#[utoipa::path(
    post, path = "/api/v1/setup", tag = "accounts", security(()), operation_id = "set_up", request_body = Setup,
    responses(
        (status = 201, body = Session, headers(
            ("Location" = String, description = "Where the session is"),
            ("Set-Cookie" = String, description = "The session")
        )),
        Turned, BadBody, Conflicting, Failing
    )
)]
async fn set_up(
    State(app): State<AppState>,
    visitor: Visitor,
    _: NoQuery,
    Json(input): Json<Setup>,
) -> Result<impl IntoResponse, Problem> {
    let (key, new) = input.into_parts();
    let (secret, session) = app.accounts.set_up(&key, new, visitor.address).await?;
    life::user_created(&app.engine, &session.account, None);
    let cookie = set_cookie(&secret, &visitor.headers);
    Ok(([(SET_COOKIE, cookie)], Reply::created("/api/v1/session".into(), Session::from(&session))))
}

/// Who has signed in.
#[utoipa::path(
    get, path = "/api/v1/session", tag = "accounts", security(("session" = ["viewer"])),
    operation_id = "show_session", responses((status = 200, body = Session), Denied, BadQuery)
)]
async fn show(SignedIn { session, .. }: SignedIn, _: NoQuery) -> Reply<Session> {
    Reply::ok(Session::from(&session))
}

/// Sign in.
///
/// The session is a cookie, which only a browser's own pages from here can use. After ten failures for one account,
/// or thirty from one address, it is 429 for a while, whether there is such an account or not.
#[utoipa::path(
    post, path = "/api/v1/session", tag = "accounts", security(()), operation_id = "sign_in", request_body = SignIn,
    responses(
        (status = 200, body = Session, headers(("Set-Cookie" = String, description = "The session"))),
        WrongCredentials, Turned, BadBody, Failing
    )
)]
async fn sign_in(
    State(app): State<AppState>,
    visitor: Visitor,
    _: NoQuery,
    Json(input): Json<SignIn>,
) -> Result<impl IntoResponse, Problem> {
    let (secret, session) = app.accounts.sign_in(&input.email, input.password, visitor.address).await?;
    life::user_login(&app.engine, &session.account, visitor.address, &visitor.headers);
    let cookie = set_cookie(&secret, &visitor.headers);
    Ok(([(SET_COOKIE, cookie)], Reply::ok(Session::from(&session))))
}

/// Sign out, here or everywhere.
#[utoipa::path(
    delete, path = "/api/v1/session", tag = "accounts", security(("session" = ["viewer"])),
    operation_id = "sign_out", params(SignOutQuery),
    responses((status = 204, description = "Signed out"), Denied, BadQuery)
)]
async fn sign_out(
    State(app): State<AppState>,
    SignedIn { session, actor }: SignedIn,
    headers: HeaderMap,
    Query(query): Query<SignOutQuery>,
) -> Result<impl IntoResponse, Problem> {
    app.accounts.sign_out(&actor, &session, query.everywhere).await?;
    Ok(([(SET_COOKIE, clear_cookie(&headers))], NoContent))
}

/// Change the own password. It ends the account's other sessions.
#[utoipa::path(
    put, path = "/api/v1/session/password", tag = "accounts", security(("session" = ["viewer"])),
    operation_id = "change_password", request_body = PasswordChange,
    responses((status = 204, description = "Changed"), Denied, BadBody)
)]
async fn change_password(
    State(app): State<AppState>,
    SignedIn { session, actor }: SignedIn,
    _: NoQuery,
    Json(input): Json<PasswordChange>,
) -> Result<NoContent, Problem> {
    let changed = app.accounts.change_password(&actor, &session, input.current_password, input.new_password).await;
    changed.map_err(|error| match error {
        AccessError::WrongCredentials => Problem::fault("/current_password", "this is not the present password"),
        error => error.into(),
    })?;
    Ok(NoContent)
}
