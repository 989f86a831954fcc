//! Marks by which a caller can say "only if nobody changed it meanwhile".

use std::fmt;

use axum::extract::FromRequestParts;
use http::{header, request::Parts};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::problem::Problem;

/// The mark of one state of a document: a hash of what an administrator can change in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ETag(String);

impl ETag {
    /// The mark of this document.
    pub(crate) fn of(document: &impl Serialize) -> Self {
        let bytes = serde_json::to_vec(document).unwrap_or_default();
        let hash = Sha256::digest(bytes);
        let hex: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        Self(format!("\"{hex}\""))
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The request's `If-Match`, where it has one.
#[derive(Clone, Debug, Default)]
pub(crate) struct IfMatch(Option<Vec<String>>);

impl IfMatch {
    /// Whether the change may be made to a document of this mark.
    pub(crate) fn allows(&self, etag: &ETag) -> bool {
        self.0.as_ref().is_none_or(|tags| tags.iter().any(|tag| tag == "*" || *tag == etag.0))
    }

    /// Whether the caller asked for the comparison at all.
    pub(crate) fn is_given(&self) -> bool {
        self.0.is_some()
    }

    /// Refuses a change to a document of another mark.
    pub(crate) fn check(&self, etag: &ETag) -> Result<(), Problem> {
        if self.allows(etag) { Ok(()) } else { Err(Problem::changed()) }
    }
}

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        let mut lines = parts.headers.get_all(header::IF_MATCH).iter().peekable();
        if lines.peek().is_none() {
            return Ok(Self(None));
        }
        // Our own marks hold no comma, so splitting there finds every one that can match.
        let tags = lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(','));
        Ok(Self(Some(tags.map(|tag| tag.trim().to_owned()).collect())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn given(lines: &[&str]) -> IfMatch {
        let mut request = http::Request::builder();
        for line in lines {
            request = request.header("if-match", *line);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let Ok(if_match) = IfMatch::from_request_parts(&mut parts, &()).await;
        if_match
    }

    #[tokio::test]
    async fn a_change_passes_only_with_the_mark_or_without_any() {
        let etag = ETag::of(&1);
        let text = etag.to_string();
        assert!(given(&[]).await.allows(&etag));
        assert!(given(&["*"]).await.allows(&etag));
        assert!(given(&[&text]).await.allows(&etag));
        assert!(given(&[&format!("\"other\", {text}")]).await.allows(&etag));
        assert!(given(&["\"other\"", &text]).await.allows(&etag));
        assert!(!given(&["\"other\""]).await.allows(&etag));
        assert!(!given(&[&format!("W/{text}")]).await.allows(&etag), "If-Match compares strongly");
        assert!(!given(&[""]).await.allows(&etag));
        assert_ne!(ETag::of(&2), etag);
    }
}
