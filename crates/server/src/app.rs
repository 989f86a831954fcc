//! The server as one value: routes, what they share, and what holds for all of them.

use std::{any::Any, fmt, sync::Arc};

use axum::{Router, body::Bytes, response::IntoResponse};
use fanfare::Engine;
use http::{Method, Uri};
use tokio::sync::Mutex;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        OpenApi as Document,
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};
use utoipa_axum::router::OpenApiRouter;

use crate::{
    auth::{Scope, Tokens},
    keys::{KeyPlace, Keys},
    problem::{Kind, Problem, ProblemBody},
    routes,
};

/// What an operator decides about the server.
#[derive(Clone)]
pub struct ServerOptions {
    /// A token that may do everything. Empty: there is none.
    pub admin_token: String,
    /// Where the server itself keeps the key that secrets are encrypted with, if nobody gave one.
    pub key_place: Option<Arc<dyn KeyPlace>>,
}

impl ServerOptions {
    /// The defaults, with this token for the operator.
    pub fn new(admin_token: impl Into<String>) -> Self {
        Self { admin_token: admin_token.into(), key_place: None }
    }
}

impl fmt::Debug for ServerOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerOptions").finish_non_exhaustive()
    }
}

/// What the handlers share, behind one pointer: every request gets a copy of it.
pub(crate) type AppState = Arc<Shared>;

/// What the handlers share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) engine: Engine,
    pub(crate) tokens: Tokens,
    pub(crate) keys: Keys,
    /// The API's document as it is served.
    pub(crate) document: Bytes,
    /// Held while a job is read, changed and written, so that of two changes none is lost.
    pub(crate) editing_jobs: Mutex<()>,
}

/// The server over this engine, ready to be given a socket or, in a test, a request.
pub fn app(engine: Engine, options: ServerOptions) -> Router {
    let tokens = Tokens::default().with(&options.admin_token, "admin-token", Scope::Admin);
    router(engine, tokens, Keys::new(options.key_place))
}

/// The API's document, made from the handlers themselves.
pub fn openapi() -> Document {
    routes().into_openapi()
}

fn router(engine: Engine, tokens: Tokens, keys: Keys) -> Router {
    let (router, document) = routes().split_for_parts();
    let document = document.to_json().unwrap_or_default().into();
    let state = Arc::new(Shared { engine, tokens, keys, document, editing_jobs: Mutex::default() });
    router
        .merge(routes::docs::router())
        .fallback(nothing_here)
        .method_not_allowed_fallback(wrong_method)
        .with_state(state)
        .layer(CatchPanicLayer::custom(panicked))
}

/// Every operation of the API. Paths are written in full at the handlers, because nesting routers would put a
/// layer around each of them.
fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(Api::openapi())
        .merge(routes::service::router())
        .merge(routes::events::router())
        .merge(routes::deliveries::router())
        .merge(routes::channels::router())
        .merge(routes::event_types::router())
        .merge(routes::settings::router())
        .merge(routes::outbound::router())
        .merge(routes::keys::router())
        .merge(routes::jobs::router())
}

/// What stands in the document besides the operations.
#[derive(OpenApi)]
#[openapi(
    info(title = "Fanfare", description = include_str!("api.md")),
    components(schemas(ProblemBody)),
    modifiers(&Bearer),
    tags(
        (name = "events", description = "Something happened: tell it, explain it, look it up."),
        (name = "jobs", description = "Named pieces of work whose runs are reported."),
        (name = "deliveries", description = "What was sent, to whom, and why, or why not."),
        (name = "channels", description = "Where notifications go."),
        (name = "event types", description = "What can happen."),
        (name = "settings", description = "Who hears of what."),
        (name = "service", description = "The server about itself."),
    )
)]
struct Api;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut Document) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(
                "A token with a scope: `send` (events and runs), `read`, or `admin`, which covers everything. Each \
                 operation names the scope it needs.",
            ))
            .build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

async fn nothing_here(uri: Uri) -> Problem {
    Problem::not_found(&format!("path as {}", uri.path()))
}

async fn wrong_method(method: Method) -> Problem {
    Problem::new(Kind::METHOD, format!("{method} cannot be used here: the header Allow says what can"))
}

fn panicked(panic: Box<dyn Any + Send>) -> axum::response::Response {
    let text = panic.downcast_ref::<&str>().copied().map(str::to_owned);
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    Problem::internal(&format_args!("a handler panicked: {text}")).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{body::Body, routing::get};
    use fanfare::{Fanfare, Keyring};
    use http::{Request, StatusCode};
    use serde_json::Value;
    use tower::ServiceExt;

    /// Every operation is asked with a token of every scope: what is refused must be what the document says.
    #[tokio::test]
    async fn what_the_document_says_about_scopes_is_what_is_enforced() {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", dir.path().join("fanfare.db").display());
        let key = Keyring::generate();
        let engine = Fanfare::builder(url, &key).unwrap().start().await.unwrap();
        let scopes = [Scope::Send, Scope::Read, Scope::Admin];
        let tokens = scopes.into_iter().fold(Tokens::default(), |tokens, s| tokens.with(s.as_str(), s.as_str(), s));
        let router = router(engine, tokens, Keys::new(None));
        let document = serde_json::to_value(openapi()).unwrap();
        let mut asked = 0;
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let Some(needed) = operation["security"][0]["token"][0].as_str() else { continue };
                let needed = scopes.into_iter().find(|scope| scope.as_str() == needed).unwrap();
                for scope in scopes {
                    let request = Request::builder()
                        .method(method.to_uppercase().as_str())
                        .uri(path.replace(['{', '}'], ""))
                        .header("authorization", format!("Bearer {}", scope.as_str()))
                        .body(Body::empty())
                        .unwrap();
                    let status = router.clone().oneshot(request).await.unwrap().status();
                    let what = format!("{method} {path} with {scope:?} gave {status}");
                    assert_ne!(status, StatusCode::UNAUTHORIZED, "{what}");
                    assert_eq!(status != StatusCode::FORBIDDEN, scope.covers(needed), "{what}");
                    asked += 1;
                }
            }
        }
        assert!(asked > 60, "{asked}");
    }

    #[tokio::test]
    async fn a_panic_is_an_answer_that_tells_nothing() {
        let oops = get(async || -> () { panic!("the password is s3cret") });
        let router = Router::new().route("/", oops).layer(CatchPanicLayer::custom(panicked));
        let response = router.oneshot(Request::new(Body::empty())).await.unwrap();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["type"], "urn:fanfare:problem:internal");
        assert!(!body.to_string().contains("s3cret"));
    }
}
