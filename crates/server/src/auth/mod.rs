//! Who is asking, and whether they may.
//!
//! A handler says what it needs by the type of an argument, [`Allowed`]; it cannot be called without. That
//! argument stands before the one that reads the body, so that nobody can make us read without credentials.

mod browser;
mod caller;
mod limits;
mod peer;
mod signing;

use std::{marker::PhantomData, net::IpAddr, sync::Arc};

use axum::extract::FromRequestParts;
use http::{HeaderMap, header, request::Parts};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

pub(crate) use browser::{COOKIE, check_origin, clear_cookie, set_cookie};
pub(crate) use caller::{Actor, Caller, Limits, Scope};
pub use limits::RateLimits;
pub(crate) use limits::Requests;
pub(crate) use peer::{Peer, Proxies, this_machine};
pub(crate) use signing::{Signing, Unproven, message_id};

use crate::{
    accounts::{Session, hash_of_secret},
    app::{AppState, Shared},
    problem::Problem,
};

/// The token that the operator gives or finds in a file. It is no row in the database, so that there is always one
/// way in.
#[derive(Clone, Debug)]
pub(crate) struct OperatorToken(Option<([u8; 32], Arc<Caller>)>);

impl OperatorToken {
    /// This token; an empty one is none.
    pub(crate) fn new(token: &SecretString) -> Self {
        let token = token.expose_secret();
        Self((!token.is_empty()).then(|| (hash_of_secret(token.as_bytes()), Arc::new(Caller::operator()))))
    }

    // Hashes of long random texts tell nothing by how long it takes to compare them.
    fn find(&self, token: &[u8]) -> Option<&Arc<Caller>> {
        self.0.as_ref().filter(|(hash, _)| *hash == hash_of_secret(token)).map(|(_, caller)| caller)
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

/// A caller who may do what `N` needs.
#[derive(Debug)]
pub(crate) struct Allowed<N> {
    pub(crate) caller: Arc<Caller>,
    address: Option<IpAddr>,
    needs: PhantomData<N>,
}

impl<N> Allowed<N> {
    /// Who it is, for the audit.
    pub(crate) fn actor(&self) -> Actor {
        Actor { name: self.caller.actor.as_ref().to_owned(), address: self.address }
    }
}

impl<N: Needs> FromRequestParts<AppState> for Allowed<N> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let (caller, address) = identify(parts, state).await?;
        if !caller.scope.covers(N::SCOPE) {
            return Err(Problem::forbidden(N::SCOPE.as_str()));
        }
        if let Some(signing) = &caller.signing {
            // Whatever reads the body finds it there.
            parts.extensions.insert(Unproven { signing: signing.clone(), now: state.accounts.now() });
        }
        Ok(Self { caller, address, needs: PhantomData })
    }
}

/// Somebody who has signed in, whatever the account may do besides.
#[derive(Debug)]
pub(crate) struct SignedIn {
    pub(crate) session: Session,
    /// Who it is, for the audit.
    pub(crate) actor: Actor,
}

impl FromRequestParts<AppState> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let (caller, address) = identify(parts, state).await?;
        let actor = Actor { name: caller.actor.as_ref().to_owned(), address };
        match &caller.session {
            Some(session) => Ok(Self { session: session.clone(), actor }),
            None => Err(Problem::needs_session()),
        }
    }
}

/// Anybody, from a page of ours or from no page at all: for signing in and setting up.
#[derive(Debug)]
pub(crate) struct Visitor {
    pub(crate) address: Option<IpAddr>,
    pub(crate) headers: HeaderMap,
}

impl FromRequestParts<AppState> for Visitor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        check_origin(&parts.headers)?;
        let address = state.proxies.client(parts);
        state.requests.count_address(address, state.accounts.now())?;
        Ok(Self { address, headers: parts.headers.clone() })
    }
}

/// Anybody at all, also from a page that is not ours: only counted.
#[derive(Debug)]
pub(crate) struct Passerby;

impl FromRequestParts<AppState> for Passerby {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        state.requests.count_address(state.proxies.client(parts), state.accounts.now())?;
        Ok(Self)
    }
}

/// Whoever asks, and from where, if there were not too many requests already.
async fn identify(parts: &Parts, state: &Shared) -> Result<(Arc<Caller>, Option<IpAddr>), Problem> {
    let (address, now) = (state.proxies.client(parts), state.accounts.now());
    state.requests.count_address(address, now)?;
    let caller = caller(parts, state, now).await?;
    state.requests.count_caller(&caller.id, address, now)?;
    Ok((caller, address))
}

/// Whoever asks: by token, or else by the session that the browser's cookie stands for.
async fn caller(parts: &Parts, state: &Shared, now: Timestamp) -> Result<Arc<Caller>, Problem> {
    if let Some(value) = parts.headers.get(header::AUTHORIZATION) {
        let token = bearer(value.as_bytes());
        let token = token.ok_or_else(|| Problem::unauthorized("the header Authorization must read Bearer TOKEN"))?;
        let known = state.operator.find(token).cloned().or_else(|| state.accounts.token(token, now));
        return known.ok_or_else(|| Problem::unauthorized("this token is not known here, or has expired"));
    }
    let Some(cookie) = browser::cookie(&parts.headers) else {
        return Err(Problem::unauthorized("send the header Authorization: Bearer TOKEN, or sign in"));
    };
    let session = state.accounts.session(cookie).await?;
    let session = session.ok_or_else(|| Problem::unauthorized("this session has ended: sign in again"))?;
    browser::check_change(&parts.method, &parts.headers)?;
    Ok(Arc::new(Caller::account(session)))
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
    fn only_the_operators_token_is_found() {
        let token = OperatorToken::new(&"s3cret".into());
        assert_eq!(&*token.find(b"s3cret").unwrap().id, "admin-token");
        assert!(token.find(b"s3cre").is_none());
        assert!(token.find(b"").is_none());
        assert!(OperatorToken::new(&"".into()).find(b"").is_none());
        assert!(!format!("{token:?}").contains("s3cret"));
    }
}
