//! The server's own life, told like everything else that happens.
//!
//! Whoever signs in does not wait for it, and is not hindered by its failure.

use std::net::IpAddr;

use fanfare::{Engine, Submission, core::User};
use http::{HeaderMap, header};
use serde_json::{Map, Value};

use crate::{accounts::Account, auth::Caller};

/// As much of a browser's name for itself as is kept, in characters.
const LONGEST_AGENT: usize = 300;

/// Tells that somebody signed in.
pub(crate) fn user_login(engine: &Engine, account: &Account, address: Option<IpAddr>, headers: &HeaderMap) {
    let mut data = Map::new();
    if let Some(address) = address {
        data.insert("ip_address".into(), address.to_string().into());
    }
    if let Some(agent) = headers.get(header::USER_AGENT) {
        let agent: String = String::from_utf8_lossy(agent.as_bytes()).chars().take(LONGEST_AGENT).collect();
        data.insert("user_agent".into(), agent.into());
    }
    tell(engine, "user_login", account, data);
}

/// Tells that an account was made; by nobody, where it is the first.
pub(crate) fn user_created(engine: &Engine, account: &Account, by: Option<&Caller>) {
    let mut data = Map::new();
    if let Some(by) = by {
        let name = by.session.as_ref().map_or_else(|| by.actor.as_ref().to_owned(), |s| s.account.name.clone());
        data.insert("created_by".into(), Value::from(name));
    }
    tell(engine, "user_created", account, data);
}

fn tell(engine: &Engine, event_type: &'static str, account: &Account, data: Map<String, Value>) {
    let Account { id, name, email, .. } = account.clone();
    let user = User { id: Some(id.to_string()), name: Some(name), email: Some(email) };
    let submission =
        Submission { event_type: event_type.into(), data, user: Some(user), condition: None, occurred_at: None };
    let engine = engine.clone();
    tokio::spawn(async move {
        if let Err(error) = engine.accept(submission, None).await {
            tracing::warn!(event_type, %error, "what happened here could not be told");
        }
    });
}
