//! What stands behind the question mark.

use std::error::Error;

use axum::extract::{FromRequestParts, Query as AxumQuery};
use http::request::Parts;
use serde::{Deserialize, de::DeserializeOwned};

use crate::problem::Problem;

/// The query parameters. An unknown one is refused: it is a filter that somebody believes to be at work.
#[derive(Debug)]
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        AxumQuery::try_from_uri(&parts.uri).map(|AxumQuery(query)| Self(query)).map_err(|rejection| {
            let text = rejection.source().map_or_else(|| rejection.body_text(), ToString::to_string);
            // The text is "name: reason" where the parameter is known.
            let is_name = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            match text.split_once(": ").filter(|(name, _)| is_name(name)) {
                Some((name, why)) => Problem::fault(format!("/{name}"), why),
                None => Problem::fault("", text),
            }
        })
    }
}

/// No query parameters at all.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// For an operation without query parameters: any is refused.
#[derive(Debug)]
pub(crate) struct NoQuery;

impl<S: Sync> FromRequestParts<S> for NoQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match parts.uri.query() {
            None => Ok(Self),
            Some(_) => Query::<Nothing>::from_request_parts(parts, state).await.map(|_| Self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wanted {
        limit: Option<u16>,
        test: Option<bool>,
    }

    async fn read(query: &str) -> Result<Wanted, serde_json::Value> {
        let request = http::Request::builder().uri(format!("/x?{query}")).body(()).unwrap();
        let (mut parts, ()) = request.into_parts();
        let query = Query::from_request_parts(&mut parts, &()).await;
        query.map(|Query(wanted)| wanted).map_err(|problem| serde_json::to_value(problem.into_body()).unwrap())
    }

    #[tokio::test]
    async fn what_is_wrong_is_named() {
        assert_eq!(read("limit=3").await, Ok(Wanted { limit: Some(3), test: None }));
        for (query, pointer) in
            [("limit=many", "/limit"), ("test=1", "/test"), ("other=1", "/other"), ("limit=1&limit=2", "/limit")]
        {
            let problem = read(query).await.unwrap_err();
            assert_eq!(
                (&problem["status"], &problem["errors"][0]["pointer"]),
                (&422.into(), &pointer.into()),
                "{problem}"
            );
        }
    }
}
