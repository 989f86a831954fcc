//! The API's document, readable: a page that comes with the binary and loads nothing from elsewhere.

use std::sync::{Arc, LazyLock};

use axum::{
    Router,
    extract::Path,
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use http::{HeaderValue, header};
use utoipa_swagger_ui::Config;

use crate::{
    app::AppState,
    auth::{Allowed, ToRead},
    problem::Problem,
    reply,
};

/// The page may run its own scripts and ask its own server, nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static CONFIG: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
    // The page would otherwise send the document's address to a validator on the Internet.
    Arc::new(Config::new(["/api/openapi.json"]).validator_url("none"))
});

/// These routes are no part of the document that they show.
pub(crate) fn router() -> Router<AppState> {
    Router::new()
        .route("/api/docs", get(async |_: Allowed<ToRead>| Redirect::permanent("/api/docs/")))
        .route("/api/docs/", get(async |_: Allowed<ToRead>| file("index.html")))
        .route("/api/docs/{*file}", get(async |_: Allowed<ToRead>, Path(name): Path<String>| file(&name)))
}

fn file(name: &str) -> Response {
    let found = match utoipa_swagger_ui::serve(name, CONFIG.clone()) {
        Ok(Some(found)) => found,
        Ok(None) => return Problem::not_found("file").into_response(),
        Err(error) => return Problem::internal(&error).into_response(),
    };
    let content_type = HeaderValue::try_from(found.content_type)
        .unwrap_or_else(|_| HeaderValue::from_static("application/octet-stream"));
    let mut response = reply::page(content_type, found.bytes.into_owned(), POLICY);
    if found.gzpipped {
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}
