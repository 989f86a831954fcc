//! The server as one value: routes, what they share, and what holds for all of them.

use std::{any::Any, fmt, sync::Arc};

use axum::{Router, body::Bytes, response::IntoResponse};
use fanfare::{Engine, core::Catalog};
use http::{Method, Uri};
use ipnet::IpNet;
use secrecy::SecretString;
use serde_json::Value;
use tokio::sync::Mutex;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        OpenApi as Document,
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    },
};
use utoipa_axum::router::OpenApiRouter;

use crate::{
    accounts::Accounts,
    auth::{COOKIE, OperatorToken, Proxies, RateLimits, Requests, Scope, this_machine},
    catalog_doc,
    keys::{KeyPlace, Keys},
    pages,
    problem::{Kind, Problem, ProblemBody},
    routes,
};

/// What an operator decides about the server.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerOptions {
    /// A token that may do everything. Empty: there is none.
    pub admin_token: SecretString,
    /// The proxies whose word is taken for where a request comes from. By default, those on this machine.
    pub trusted_proxies: Vec<IpNet>,
    /// Where the server itself keeps the key that secrets are encrypted with, if nobody gave one.
    pub key_place: Option<Arc<dyn KeyPlace>>,
    /// How many requests are taken.
    pub rate_limits: RateLimits,
    /// What is measured besides the counters, in the text format of Prometheus, if anybody measures.
    pub measures: Option<Measures>,
}

/// Writes down what has been measured until now.
#[derive(Clone)]
pub struct Measures(Arc<dyn Fn() -> String + Send + Sync>);

impl Measures {
    /// What this function writes, in the text format of Prometheus.
    pub fn new(write: impl Fn() -> String + Send + Sync + 'static) -> Self {
        Self(Arc::new(write))
    }

    pub(crate) fn text(&self) -> String {
        (self.0)()
    }
}

impl fmt::Debug for Measures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Measures")
    }
}

impl ServerOptions {
    /// The defaults, with this token for the operator.
    pub fn new(admin_token: impl Into<SecretString>) -> Self {
        Self {
            admin_token: admin_token.into(),
            trusted_proxies: this_machine(),
            key_place: None,
            rate_limits: RateLimits::default(),
            measures: None,
        }
    }
}

/// What the handlers share, behind one pointer: every request gets a copy of it.
pub(crate) type AppState = Arc<Shared>;

/// What the handlers share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) engine: Engine,
    pub(crate) accounts: Accounts,
    pub(crate) operator: OperatorToken,
    pub(crate) proxies: Proxies,
    pub(crate) keys: Keys,
    pub(crate) requests: Requests,
    pub(crate) measures: Option<Measures>,
    /// The API's document as it is served.
    pub(crate) document: Bytes,
    /// Held while a job is read, changed and written, so that of two changes none is lost.
    pub(crate) editing_jobs: Mutex<()>,
}

/// The server over this engine, ready to be given a socket or, in a test, a request.
pub fn app(engine: Engine, accounts: Accounts, options: ServerOptions) -> Router {
    let (router, operations) = routes().split_for_parts();
    let document = completed(operations, engine.catalog()).to_string().into();
    let state = Arc::new(Shared {
        engine,
        accounts,
        operator: OperatorToken::new(&options.admin_token),
        proxies: Proxies::new(options.trusted_proxies),
        keys: Keys::new(options.key_place),
        requests: Requests::new(options.rate_limits),
        measures: options.measures,
        document,
        editing_jobs: Mutex::default(),
    });
    router
        .merge(routes::docs::router())
        .merge(pages::router())
        .fallback(nothing_here)
        .method_not_allowed_fallback(wrong_method)
        .with_state(state)
        .layer(CatchPanicLayer::custom(panicked))
}

/// The API's document, made from the handlers themselves and with these event types.
pub fn openapi(catalog: &Catalog) -> Value {
    completed(routes().into_openapi(), catalog)
}

/// Every operation of the API. Paths are written in full at the handlers, because nesting routers would put a
/// layer around each of them.
fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(Api::openapi())
        .merge(routes::service::router())
        .merge(routes::events::router())
        .merge(routes::deliveries::router())
        .merge(routes::stream::router())
        .merge(routes::channels::router())
        .merge(routes::event_types::router())
        .merge(routes::settings::router())
        .merge(routes::outbound::router())
        .merge(routes::keys::router())
        .merge(routes::whole::router())
        .merge(routes::jobs::router())
        .merge(routes::ping::router())
        .merge(routes::session::router())
        .merge(routes::users::router())
        .merge(routes::tokens::router())
        .merge(routes::audit::router())
}

/// Says at every operation that a token of some scope may do, which account may do the same; and which event types
/// there are.
fn completed(mut document: Document, catalog: &Catalog) -> Value {
    for item in document.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.patch, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            let needs = operation.security.iter().flatten().filter_map(|needs| serde_json::to_value(needs).ok());
            let scopes: Vec<_> = needs.filter_map(|needs| Some(needs["token"][0].as_str()?.to_owned())).collect();
            let roles = scopes.iter().map(|scope| if scope == Scope::Read.as_str() { "viewer" } else { "admin" });
            let roles: Vec<_> = roles.map(|role| SecurityRequirement::new("session", [role])).collect();
            operation.security.get_or_insert_default().extend(roles);
        }
    }
    // What consists of plain members always is JSON.
    catalog_doc::with_event_types(serde_json::to_value(document).unwrap_or_default(), catalog)
}

/// What stands in the document besides the operations.
#[derive(OpenApi)]
#[openapi(
    info(title = "Fanfare", description = include_str!("api.md")),
    components(schemas(ProblemBody)),
    modifiers(&Credentials),
    tags(
        (name = "events", description = "Something happened: tell it, explain it, look it up."),
        (name = "jobs", description = "Named pieces of work whose runs are reported."),
        (name = "deliveries", description = "What was sent, to whom, and why, or why not."),
        (name = "channels", description = "Where notifications go."),
        (name = "event types", description = "What can happen."),
        (name = "settings", description = "Who hears of what."),
        (name = "accounts", description = "Who may do what here: accounts, sessions and tokens."),
        (name = "service", description = "The server about itself."),
    )
)]
struct Api;

struct Credentials;

impl Modify for Credentials {
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
        let cookie = ApiKeyValue::with_description(
            COOKIE,
            "The cookie of an account that has signed in. `viewer` may do what a token with the scope `read` may, \
             `admin` everything. What changes something needs the header `Fanfare-CSRF: 1` as well, and is refused \
             where `Sec-Fetch-Site` or `Origin` tell of another site.",
        );
        components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    }
}

async fn nothing_here(uri: Uri) -> Problem {
    Problem::not_found(&format!("path as {}", uri.path()))
}

async fn wrong_method(method: Method) -> Problem {
    Problem::new(Kind::METHOD, format!("{method} cannot be used here: the header Allow says what can"))
}

/// What it panicked with may be a secret, so neither the answer nor the log has it; where it did, the process says.
fn panicked(_: Box<dyn Any + Send>) -> axum::response::Response {
    Problem::internal(&"a handler panicked").into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{body::Body, routing::get};
    use http::{Request, StatusCode};
    use tower::ServiceExt;

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
