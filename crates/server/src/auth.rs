//! Who is asking, and whether they may.
//!
//! A handler says what it needs by the type of an argument, [`Allowed`]; it cannot be called without. That
//! argument stands before the one that reads the body, so that nobody can make us read without a token.

use std::{marker::PhantomData, sync::Arc};

use axum::extract::FromRequestParts;
use http::{header, request::Parts};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{app::AppState, problem::Problem};

/// What a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Send events and report runs.
    Send,
    /// See everything that is no secret.
    Read,
    /// Everything.
    Admin,
}

impl Scope {
    /// The word as it stands in a token's description and in the API's document.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Read => "read",
            Self::Admin => "admin",
        }
    }

    /// Whether a token of this scope may do what needs the other.
    pub(crate) fn covers(self, needed: Self) -> bool {
        self == Self::Admin || self == needed
    }
}

/// Whoever holds a token.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// What the token is called; idempotency keys count within it.
    pub(crate) token: Arc<str>,
    /// What the token may do.
    pub(crate) scope: Scope,
}

/// The tokens that are known. Only their hashes are kept.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tokens(Vec<([u8; 32], Caller)>);

impl Tokens {
    /// These tokens and one more. An empty one is none.
    #[must_use]
    pub(crate) fn with(mut self, token: &str, name: &str, scope: Scope) -> Self {
        if !token.is_empty() {
            self.0.push((Sha256::digest(token).into(), Caller { token: name.into(), scope }));
        }
        self
    }

    /// Whose token this is. Comparing hashes in constant time tells nothing about the tokens by its duration.
    fn find(&self, token: &[u8]) -> Option<&Caller> {
        let hash: [u8; 32] = Sha256::digest(token).into();
        self.0.iter().find(|(known, _)| known.ct_eq(&hash).into()).map(|(_, caller)| caller)
    }
}

/// What a handler needs the caller to be allowed to do.
pub(crate) trait Needs: Send + Sync + 'static {
    /// The scope that covers it.
    const SCOPE: Scope;
}

/// Sending events and reporting runs.
#[derive(Debug)]
pub(crate) struct ToSend;

/// Looking.
#[derive(Debug)]
pub(crate) struct ToRead;

/// Changing the configuration, testing, retrying.
#[derive(Debug)]
pub(crate) struct ToAdminister;

impl Needs for ToSend {
    const SCOPE: Scope = Scope::Send;
}

impl Needs for ToRead {
    const SCOPE: Scope = Scope::Read;
}

impl Needs for ToAdminister {
    const SCOPE: Scope = Scope::Admin;
}

/// A caller whose token covers what `N` needs.
#[derive(Debug)]
pub(crate) struct Allowed<N> {
    pub(crate) caller: Caller,
    needs: PhantomData<N>,
}

impl<N: Needs> FromRequestParts<AppState> for Allowed<N> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let value = parts.headers.get(header::AUTHORIZATION).map(|value| value.as_bytes());
        let value = value.ok_or_else(|| Problem::unauthorized("send the header Authorization: Bearer TOKEN"))?;
        let token =
            bearer(value).ok_or_else(|| Problem::unauthorized("the header Authorization must read Bearer TOKEN"))?;
        let caller = state.tokens.find(token).ok_or_else(|| Problem::unauthorized("this token is not known here"))?;
        if !caller.scope.covers(N::SCOPE) {
            return Err(Problem::forbidden(N::SCOPE.as_str()));
        }
        Ok(Self { caller: caller.clone(), needs: PhantomData })
    }
}

/// The token in the header's value; the scheme's name has no case (RFC 9110).
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(6)?;
    let token = scheme.eq_ignore_ascii_case(b"bearer").then(|| token.strip_prefix(b" "))??;
    Some(token.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_what_follows_bearer() {
        assert_eq!(bearer(b"Bearer abc"), Some(&b"abc"[..]));
        assert_eq!(bearer(b"bearer  abc "), Some(&b"abc"[..]));
        assert_eq!(bearer(b"Basic abc"), None);
        assert_eq!(bearer(b"Bearerabc"), None);
        assert_eq!(bearer(b"Bear"), None);
    }

    #[test]
    fn only_known_tokens_are_found() {
        let tokens = Tokens::default().with("s3cret", "admin-token", Scope::Admin).with("", "nobody", Scope::Admin);
        assert_eq!(&*tokens.find(b"s3cret").unwrap().token, "admin-token");
        assert!(tokens.find(b"s3cre").is_none());
        assert!(tokens.find(b"").is_none());
        assert!(!format!("{tokens:?}").contains("s3cret"));
    }

    #[test]
    fn admin_covers_everything_and_the_others_themselves() {
        use Scope::{Admin, Read, Send};
        for needed in [Send, Read, Admin] {
            assert!(Admin.covers(needed));
            assert_eq!(Send.covers(needed), needed == Send);
            assert_eq!(Read.covers(needed), needed == Read);
        }
    }
}
