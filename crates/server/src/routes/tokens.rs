//! Tokens of the API.

use axum::extract::State;
use fanfare::core::Fault;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use crate::{
    app::{AppState, Shared},
    auth::{Allowed, ToAdminister},
    dto::{
        token::{NewToken, Token, TokenInput},
        words::Scope,
    },
    extract::{Id, Json, NoQuery},
    problem::{BadBody, BadQuery, Denied, Missing, Problem},
    reply::{NoContent, Reply},
};

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(list, create)).routes(routes!(delete))
}

/// List all tokens, also those that have expired. What they are is not shown.
#[utoipa::path(
    get, path = "/api/v1/tokens", tag = "accounts", security(("token" = ["admin"])), operation_id = "list_tokens",
    responses((status = 200, body = [Token]), Denied, BadQuery)
)]
async fn list(State(app): State<AppState>, _: Allowed<ToAdminister>, _: NoQuery) -> Reply<Vec<Token>> {
    Reply::ok(app.accounts.tokens().into_iter().map(Token::from).collect())
}

/// Make a token. It is shown this once.
///
/// With `signed`, everything sent with it has to be signed with a secret that is shown this once as well, in the form
/// of Standard Webhooks.
#[utoipa::path(
    post, path = "/api/v1/tokens", tag = "accounts", security(("token" = ["admin"])), operation_id = "create_token",
    request_body = TokenInput,
    responses(
        (status = 201, body = NewToken, headers(("Location" = String, description = "Where the token is"))),
        Denied, BadBody
    )
)]
async fn create(
    State(app): State<AppState>,
    by: Allowed<ToAdminister>,
    _: NoQuery,
    Json(input): Json<TokenInput>,
) -> Result<Reply<NewToken>, Problem> {
    let faults = faults(&app, &input);
    if !faults.is_empty() {
        return Err(Problem::invalid(faults));
    }
    let token = NewToken::from(app.accounts.create_token(&by.actor(), input.into()).await?);
    Ok(Reply::created(format!("/api/v1/tokens/{}", token.id()), token))
}

/// Delete a token. It ends at once.
#[utoipa::path(
    delete, path = "/api/v1/tokens/{id}", tag = "accounts", security(("token" = ["admin"])),
    operation_id = "delete_token", params(("id" = Uuid, Path, description = "The token")),
    responses((status = 204, description = "Deleted"), Denied, BadQuery, Missing)
)]
async fn delete(
    State(app): State<AppState>,
    by: Allowed<ToAdminister>,
    Id(id): Id<Uuid>,
    _: NoQuery,
) -> Result<NoContent, Problem> {
    app.accounts.delete_token(&by.actor(), id).await?;
    Ok(NoContent)
}

/// What is wrong with the limits of a token.
fn faults(app: &Shared, input: &TokenInput) -> Vec<Fault> {
    let mut faults = Vec::new();
    let lists =
        [("/event_types", input.event_types.as_ref().map(Vec::len)), ("/jobs", input.jobs.as_ref().map(Vec::len))];
    for (pointer, length) in lists {
        match length {
            Some(_) if input.scope != Scope::Send => {
                faults.push(Fault::new(pointer, "only a token with the scope send can be limited to some"));
            }
            Some(0) => faults.push(Fault::new(pointer, "a token that may send none of them is good for nothing")),
            _ => {}
        }
    }
    if input.signed && input.scope != Scope::Send {
        faults.push(Fault::new("/signed", "only what is sent can be signed: this needs the scope send"));
    }
    for (i, event_type) in input.event_types.iter().flatten().enumerate() {
        if app.engine.catalog().get(event_type).is_none() {
            faults.push(Fault::new(format!("/event_types/{i}"), "there is no such event type"));
        }
    }
    for (i, job) in input.jobs.iter().flatten().enumerate() {
        if app.engine.job_id(&job.to_string()).is_err() {
            faults.push(Fault::new(format!("/jobs/{i}"), "there is no such job"));
        }
    }
    faults
}
