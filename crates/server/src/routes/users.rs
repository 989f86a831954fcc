//! Accounts.

use axum::extract::State;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use crate::{
    app::AppState,
    auth::{Allowed, ToAdminister},
    dto::account::{UserChange, UserInput, UserView},
    extract::{Id, Json, NoQuery},
    life,
    problem::{BadBody, BadQuery, Conflicting, Denied, Missing, Problem},
    reply::{NoContent, Reply},
};

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(list, create)).routes(routes!(update, delete))
}

/// List all accounts.
#[utoipa::path(
    get, path = "/api/v1/users", tag = "accounts", security(("token" = ["admin"])), operation_id = "list_users",
    responses((status = 200, body = [UserView]), Denied, BadQuery)
)]
async fn list(State(app): State<AppState>, _: Allowed<ToAdminister>, _: NoQuery) -> Reply<Vec<UserView>> {
    Reply::ok(app.accounts.users().into_iter().map(UserView::from).collect())
}

/// Make an account.
#[utoipa::path(
    post, path = "/api/v1/users", tag = "accounts", security(("token" = ["admin"])), operation_id = "create_user",
    request_body = UserInput,
    responses(
        (status = 201, body = UserView, headers(("Location" = String, description = "Where the account is"))),
        Denied, BadBody, Conflicting
    )
)]
async fn create(
    State(app): State<AppState>,
    by: Allowed<ToAdminister>,
    _: NoQuery,
    Json(input): Json<UserInput>,
) -> Result<Reply<UserView>, Problem> {
    let account = app.accounts.create_user(&by.actor(), input.into()).await?;
    life::user_created(&app.engine, &account, Some(&by.caller));
    let account = UserView::from(account);
    Ok(Reply::created(format!("/api/v1/users/{}", account.id()), account))
}

/// Change an account.
///
/// What is absent stays. A new password, or another role, ends the account's sessions. The last administrator cannot
/// become a viewer: 409.
#[utoipa::path(
    patch, path = "/api/v1/users/{id}", tag = "accounts", security(("token" = ["admin"])),
    operation_id = "update_user", request_body = UserChange,
    params(("id" = Uuid, Path, description = "The account")),
    responses((status = 200, body = UserView), Denied, BadBody, Missing, Conflicting)
)]
async fn update(
    State(app): State<AppState>,
    by: Allowed<ToAdminister>,
    Id(id): Id<Uuid>,
    _: NoQuery,
    Json(input): Json<UserChange>,
) -> Result<Reply<UserView>, Problem> {
    Ok(Reply::ok(app.accounts.update_user(&by.actor(), id, input.into()).await?.into()))
}

/// Delete an account, and end its sessions. The last administrator cannot be deleted: 409.
#[utoipa::path(
    delete, path = "/api/v1/users/{id}", tag = "accounts", security(("token" = ["admin"])),
    operation_id = "delete_user", params(("id" = Uuid, Path, description = "The account")),
    responses((status = 204, description = "Deleted"), Denied, BadQuery, Missing, Conflicting)
)]
async fn delete(
    State(app): State<AppState>,
    by: Allowed<ToAdminister>,
    Id(id): Id<Uuid>,
    _: NoQuery,
) -> Result<NoContent, Problem> {
    app.accounts.delete_user(&by.actor(), id).await?;
    Ok(NoContent)
}
