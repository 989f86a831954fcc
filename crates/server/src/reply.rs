//! Answers that are not problems.

use axum::{
    body::{Body, Bytes},
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::{etag::ETag, problem::Problem};

/// A document as JSON, written once into the bytes that leave.
#[derive(Debug)]
pub(crate) struct Reply<T> {
    status: StatusCode,
    body: T,
    header: Option<(HeaderName, String)>,
}

impl<T: Serialize> Reply<T> {
    /// 200 with this document.
    pub(crate) fn ok(body: T) -> Self {
        Self { status: StatusCode::OK, body, header: None }
    }

    /// 202 with this document.
    pub(crate) fn accepted(body: T) -> Self {
        Self { status: StatusCode::ACCEPTED, body, header: None }
    }

    /// 201 with this document, which can be found again at this path.
    pub(crate) fn created(location: String, body: T) -> Self {
        Self { status: StatusCode::CREATED, body, header: Some((header::LOCATION, location)) }
    }

    /// The same with the mark by which `If-Match` can name this state.
    #[must_use]
    pub(crate) fn tagged(mut self, etag: &ETag) -> Self {
        self.header = Some((header::ETAG, etag.to_string()));
        self
    }
}

impl<T: Serialize> IntoResponse for Reply<T> {
    fn into_response(self) -> Response {
        // Most answers are a few hundred bytes; starting there saves the growing.
        let mut body = Vec::with_capacity(512);
        if let Err(error) = serde_json::to_writer(&mut body, &self.body) {
            return Problem::internal(&error).into_response();
        }
        let mut response = bytes(self.status, HeaderValue::from_static("application/json"), body);
        if let Some((name, value)) = self.header
            && let Ok(value) = HeaderValue::try_from(value)
        {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

/// 204: done, and nothing to show.
#[derive(Debug)]
pub(crate) struct NoContent;

impl IntoResponse for NoContent {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        mark(&mut response);
        response
    }
}

/// An answer of these bytes. What the API says is neither kept by caches nor guessed at by browsers; setting
/// that here rather than in a layer keeps the way of an event short.
pub(crate) fn bytes(status: StatusCode, content_type: HeaderValue, body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(Body::from(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    mark(&mut response);
    response
}

/// What browsers show: it may load and ask what `policy` says, stands in no frame, and tells no other site where its
/// readers come from.
pub(crate) fn page(content_type: HeaderValue, body: impl Into<Bytes>, policy: &'static str) -> Response {
    let mut response = bytes(StatusCode::OK, content_type, body);
    let headers = response.headers_mut();
    let mut put = |name: HeaderName, value| headers.insert(name, HeaderValue::from_static(value));
    put(header::CONTENT_SECURITY_POLICY, policy);
    put(header::X_FRAME_OPTIONS, "DENY");
    put(header::REFERRER_POLICY, "no-referrer");
    put(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    put(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    put(HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()");
    response
}

/// Marks an answer of the API as one that is not kept.
pub(crate) fn mark(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}
