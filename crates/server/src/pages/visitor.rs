//! Who looks at a page, and what becomes of those who may not.

use std::str::FromStr;

use axum::{
    extract::FromRequestParts,
    response::{IntoResponse, Redirect, Response},
};
use http::{StatusCode, request::Parts};
use uuid::Uuid;

use super::frame;
use crate::{
    app::AppState,
    auth::{Allowed, Scope, ToRead},
    extract::Id,
    problem::Problem,
};

/// Somebody who may look.
#[derive(Debug)]
pub(super) struct Visitor {
    /// What the account or token is called.
    pub(super) name: String,
    /// The account, where it is one and not a token.
    pub(super) account: Option<Uuid>,
    /// Whether they may change things too.
    pub(super) may_change: bool,
    /// The path of the page that they look at.
    pub(super) path: String,
    /// What addresses of this server begin with, as the browser sees it.
    pub(super) origin: String,
}

impl FromRequestParts<AppState> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Response> {
        match Allowed::<ToRead>::from_request_parts(parts, state).await {
            Ok(Allowed { caller, .. }) => {
                let account = caller.session.as_ref().map(|session| &session.account);
                Ok(Self {
                    name: account.map_or_else(|| caller.actor.to_string(), |account| account.name.clone()),
                    account: account.map(|account| account.id),
                    may_change: caller.scope == Scope::Admin,
                    path: parts.uri.path().to_owned(),
                    origin: origin(parts),
                })
            }
            Err(problem) => Err(turn_away(problem, parts)),
        }
    }
}

/// Somebody who may do everything.
#[derive(Debug)]
pub(super) struct Administrator(pub(super) Visitor);

impl FromRequestParts<AppState> for Administrator {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Response> {
        let visitor = Visitor::from_request_parts(parts, state).await?;
        match visitor.may_change {
            true => Ok(Self(visitor)),
            false => Err(PageError(Problem::forbidden(Scope::Admin.as_str())).into_response()),
        }
    }
}

/// A proxy in front of us says what the browser called it.
fn origin(parts: &Parts) -> String {
    let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let scheme = if text("x-forwarded-proto") == Some("https") { "https" } else { "http" };
    let host = text("x-forwarded-host").or_else(|| text("host")).unwrap_or("127.0.0.1:8600");
    format!("{scheme}://{host}")
}

fn turn_away(problem: Problem, parts: &Parts) -> Response {
    if problem.status() != StatusCode::UNAUTHORIZED.as_u16() {
        return PageError(problem).into_response();
    }
    let wanted = parts.uri.path_and_query().map_or("/", |wanted| wanted.as_str());
    let next = url::form_urlencoded::byte_serialize(wanted.as_bytes()).collect::<String>();
    Redirect::to(&format!("/sign-in?next={next}")).into_response()
}

/// The id of what the page is about. Something that is no id names nothing.
#[derive(Debug)]
pub(super) struct PageId<T>(pub(super) T);

impl<T: FromStr, S: Send + Sync> FromRequestParts<S> for PageId<T> {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, PageError> {
        let Id(id) = Id::from_request_parts(parts, state).await?;
        Ok(Self(id))
    }
}

/// A refusal as a page.
#[derive(Debug)]
pub(super) struct PageError(pub(super) Problem);

impl<E: Into<Problem>> From<E> for PageError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, frame::refusal(self.0.title(), self.0.detail())).into_response()
    }
}
