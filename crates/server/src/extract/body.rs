//! Bodies: how much is read, and what counts as JSON.

use std::time::Duration;

use axum::{
    body::{Body, BodyDataStream},
    extract::FromRequest,
};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use http::{HeaderMap, Request, header};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::{is_deeper_than, parse};
use crate::{
    auth::Unproven,
    problem::{Kind, Problem},
};

/// How large bodies may be, in bytes, and how deeply they may be nested.
pub(crate) mod limit {
    /// One event or run.
    pub(crate) const EVENT: usize = 256 * 1024;
    /// A batch of events.
    pub(crate) const BATCH: usize = 16 * 1024 * 1024;
    /// A form.
    pub(crate) const FORM: usize = 16 * 1024;
    /// Everything else.
    pub(crate) const OTHER: usize = 1024 * 1024;
    /// Lists and objects within one another.
    pub(crate) const DEPTH: usize = 64;
    /// The same for a batch, whose events stand in a list in an object.
    pub(crate) const BATCH_DEPTH: usize = DEPTH + 2;
}

/// How long a body may take to arrive: one that comes a byte at a time does not keep us for ever.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A body of at most `LIMIT` bytes that says it is JSON and is nested at most `DEPTH` levels; not parsed yet.
#[derive(Debug)]
pub(crate) struct Document<const LIMIT: usize, const DEPTH: usize>(pub(crate) Bytes);

impl<const LIMIT: usize, const DEPTH: usize, S: Sync> FromRequest<S> for Document<LIMIT, DEPTH> {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, _state: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        check_type(&parts.headers)?;
        let bytes = arrived(&parts.headers, body, LIMIT).await?;
        if let Some(unproven) = parts.extensions.get::<Unproven>() {
            unproven.prove(&parts.headers, &bytes)?;
        }
        if is_deeper_than(&bytes, DEPTH) {
            return Err(Problem::new(Kind::TOO_DEEP, format!("a body is nested at most {DEPTH} levels deep")));
        }
        Ok(Self(bytes))
    }
}

/// A form as browsers send it; not parsed yet.
#[derive(Debug)]
pub(crate) struct Form(pub(crate) Bytes);

impl<S: Sync> FromRequest<S> for Form {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, _state: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        arrived(&parts.headers, body, limit::FORM).await.map(Self)
    }
}

/// A JSON body of this type.
#[derive(Debug)]
pub(crate) struct Json<T, const LIMIT: usize = { limit::OTHER }>(pub(crate) T);

impl<T: DeserializeOwned, const LIMIT: usize, S: Sync> FromRequest<S> for Json<T, LIMIT> {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, state: &S) -> Result<Self, Problem> {
        let Document(bytes) = Document::<LIMIT, { limit::DEPTH }>::from_request(request, state).await?;
        parse(&bytes).map(Self)
    }
}

/// A JSON body of this type, or none.
#[derive(Debug)]
pub(crate) struct JsonOrNothing<T>(pub(crate) Option<T>);

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for JsonOrNothing<T> {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, state: &S) -> Result<Self, Problem> {
        let Document(bytes) = Document::<{ limit::OTHER }, { limit::DEPTH }>::from_request(request, state).await?;
        if bytes.trim_ascii().is_empty() { Ok(Self(None)) } else { parse(&bytes).map(|body| Self(Some(body))) }
    }
}

/// Nothing said is taken for JSON, because many a small script does not say it.
fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let sub = essence.split_once('/').filter(|(kind, _)| kind.eq_ignore_ascii_case("application"));
    let is_json = sub.is_some_and(|(_, sub)| {
        sub.eq_ignore_ascii_case("json")
            || sub.len() > 5 && sub.get(sub.len() - 5..).is_some_and(|end| end.eq_ignore_ascii_case("+json"))
    });
    if is_json { Ok(()) } else { Err(Problem::new(Kind::MEDIA_TYPE, "send the body as application/json")) }
}

/// Reads at most `limit` bytes, if they come in time.
async fn arrived(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, Problem> {
    let reading = timeout(PATIENCE, read(headers, body, limit));
    reading.await.map_err(|_| Problem::new(Kind::TIMEOUT, "the body did not arrive in time"))?
}

/// Reads at most `limit` bytes. A body that comes in one piece, as nearly all do, is not copied.
async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, Problem> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let mut pieces = body.into_data_stream();
    if announced.is_some_and(|announced| announced > limit as u64) {
        return Err(too_large(headers, pieces, limit).await);
    }
    let broken = |_| Problem::new(Kind::MALFORMED, "the body ended before it was complete");
    let Some(first) = pieces.next().await.transpose().map_err(broken)? else { return Ok(Bytes::new()) };
    let mut whole: Option<BytesMut> = None;
    let mut length = first.len();
    while length <= limit
        && let Some(piece) = pieces.next().await.transpose().map_err(broken)?
    {
        length += piece.len();
        whole.get_or_insert_with(|| BytesMut::from(&first[..])).extend_from_slice(&piece);
    }
    match length > limit {
        true => Err(too_large(headers, pieces, limit).await),
        false => Ok(whole.map_or(first, BytesMut::freeze)),
    }
}

/// What is still on its way is taken and thrown away for a while: most clients send all of it before they read the
/// answer, and closing in their face would take the answer from them. One that asked first need not send it.
async fn too_large(headers: &HeaderMap, mut pieces: BodyDataStream, limit: usize) -> Problem {
    const MOST: usize = 4 * self::limit::BATCH;
    const LONGEST: Duration = Duration::from_secs(10);
    let thrown_away = async {
        let mut left = MOST;
        while let Some(Ok(piece)) = pieces.next().await {
            left = left.saturating_sub(piece.len());
            if left == 0 {
                break;
            }
        }
    };
    if !headers.contains_key(header::EXPECT) {
        // Past this time the client is not waiting for our answer anyway.
        let _ = timeout(LONGEST, thrown_away).await;
    }
    Problem::new(Kind::TOO_LARGE, format!("the body may be at most {limit} bytes long"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(value: &'static str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, http::HeaderValue::from_static(value));
        check_type(&headers).is_ok()
    }

    #[test]
    fn json_by_any_of_its_names() {
        assert!(check_type(&HeaderMap::new()).is_ok());
        assert!(typed("application/json"));
        assert!(typed("Application/JSON; charset=utf-8"));
        assert!(typed("application/merge-patch+json"));
        assert!(!typed("text/plain"));
        assert!(!typed("application/x-www-form-urlencoded"));
        assert!(!typed("text/json"));
        assert!(!typed("application/+json"));
        assert!(!typed(""));
    }

    #[tokio::test]
    async fn a_body_in_pieces_is_put_together_and_counted() {
        let body = |pieces: &'static [&'static str]| {
            Body::from_stream(futures_util::stream::iter(pieces.iter().map(|p| Ok::<_, std::io::Error>(*p))))
        };
        let none = HeaderMap::new();
        assert_eq!(read(&none, body(&["ab", "cd", "e"]), 5).await.unwrap(), "abcde");
        assert_eq!(read(&none, body(&["ab", "cd", "ef"]), 5).await.unwrap_err().status(), 413);
        assert_eq!(read(&none, Body::from("abcdef"), 5).await.unwrap_err().status(), 413);
        assert_eq!(read(&none, Body::empty(), 5).await.unwrap(), "");
    }
}
