//! The API as its users call it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use fanfare_core::{AddressPolicy, Transport, TransportError};
use fanfare_http::{Cap, HttpTransport, Limits};
use fanfare_net::{Guard, tls_config};
use http::{HeaderMap, Method, Request};
use serde_json::{Value, json};

use crate::{PATIENCE, until};

/// A client of one server, with one token.
#[derive(Clone, Debug)]
pub struct Api {
    url: String,
    token: Option<String>,
    transport: Arc<HttpTransport>,
}

/// An answer of the server.
#[derive(Clone, Debug)]
pub struct Reply {
    /// What was asked, for messages.
    asked: String,
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// A refusal.
#[derive(Clone, Debug)]
pub struct Problem {
    /// The status.
    pub status: u16,
    /// The pointers of its errors.
    pub pointers: Vec<String>,
    /// The whole document.
    pub document: Value,
}

/// The counters of deliveries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metrics {
    /// How many were accepted.
    pub accepted: u64,
    /// How many stand in each state.
    pub states: BTreeMap<String, u64>,
}

impl Metrics {
    /// How many stand in this state.
    pub fn of(&self, state: &str) -> u64 {
        self.states.get(state).copied().unwrap_or(0)
    }

    /// Checks that what was accepted stands in exactly one state.
    ///
    /// # Panics
    /// When it does not.
    pub fn check(&self) {
        assert_eq!(self.accepted, self.states.values().sum::<u64>(), "{self:?}");
    }
}

impl Api {
    /// A client of the server at `url`.
    pub fn new(url: String, token: &str) -> Self {
        let limits = Limits {
            connect: Duration::from_secs(5),
            exchange: Duration::from_secs(60),
            answer: Cap::Refuse(64 * 1024 * 1024),
        };
        let guard = Arc::new(Guard::new(AddressPolicy::with_loopback()));
        let transport = Arc::new(HttpTransport::new(guard, tls_config(None).unwrap(), limits).unwrap());
        Self { url, token: Some(token.into()), transport }
    }

    /// The same client with another token, or none.
    #[must_use]
    pub fn with_token(&self, token: Option<&str>) -> Self {
        Self { token: token.map(Into::into), ..self.clone() }
    }

    /// The server's address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The token; empty where there is none.
    pub fn token(&self) -> &str {
        self.token.as_deref().unwrap_or_default()
    }

    /// One exchange with bytes as they are; `path` is the whole path.
    pub async fn exchange(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Reply, TransportError> {
        let mut request = Request::builder().method(method.clone()).uri(format!("{}{path}", self.url));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.transport.exchange(request.body(body.into()).unwrap()).await?;
        let (head, body) = response.into_parts();
        let asked = format!("{method} {path}");
        Ok(Reply { asked, status: head.status.as_u16(), headers: head.headers, body })
    }

    /// One exchange with a JSON body, if any; `path` stands under `/api/v1`. Says how it was answered.
    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Reply {
        let path = format!("/api/v1{path}");
        let (headers, bytes) = match body {
            Some(body) => (vec![("content-type", "application/json")], serde_json::to_vec(body).unwrap()),
            None => (Vec::new(), Vec::new()),
        };
        let reply = self.exchange(method.clone(), &path, &headers, bytes).await;
        reply.unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// Reads.
    pub async fn get(&self, path: &str) -> Value {
        self.call(Method::GET, path, None).await.ok()
    }

    /// Sends something new.
    pub async fn post(&self, path: &str, body: Value) -> Value {
        self.call(Method::POST, path, Some(&body)).await.ok()
    }

    /// Replaces.
    pub async fn put(&self, path: &str, body: Value) -> Value {
        self.call(Method::PUT, path, Some(&body)).await.ok()
    }

    /// Changes.
    pub async fn patch(&self, path: &str, body: Value) -> Value {
        self.call(Method::PATCH, path, Some(&body)).await.ok()
    }

    /// Whether the server answers with success at this whole path.
    pub async fn answers(&self, path: &str) -> bool {
        let reply = self.exchange(Method::GET, path, &[], Bytes::new()).await;
        reply.is_ok_and(|reply| reply.is_ok())
    }

    /// Makes a webhook channel and says its id.
    pub async fn webhook(&self, name: &str, url: String) -> String {
        let body = json!({ "name": name, "kind": "webhook", "config": { "url": url } });
        text(&self.post("/channels", body).await["id"])
    }

    /// Makes an e-mail channel without encryption on this port of loopback, for these recipients, and says its id.
    pub async fn email(&self, name: &str, port: u16, to: &[&str]) -> String {
        self.email_with(name, json!({ "port": port, "security": "none", "to": to })).await
    }

    /// Makes an e-mail channel on loopback, with what is said here, and says its id.
    pub async fn email_with(&self, name: &str, more: Value) -> String {
        let mut config = json!({ "host": "127.0.0.1", "from": "Fanfare <fanfare@mail.example>" });
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        text(&self.post("/channels", json!({ "name": name, "kind": "email", "config": config })).await["id"])
    }

    /// Makes these the global channels, with no other settings.
    pub async fn make_global(&self, channels: &[&str]) {
        self.put("/settings/notifications", json!({ "global_channels": channels })).await;
    }

    /// Makes a job and says its id.
    pub async fn job(&self, name: &str, notifications: &[(&str, &str)]) -> String {
        let of = |&(channel, condition): &(&str, &str)| json!({ "channel_id": channel, "condition": condition });
        let notifications: Vec<_> = notifications.iter().map(of).collect();
        text(&self.post("/jobs", json!({ "name": name, "notifications": notifications })).await["id"])
    }

    /// The counters.
    pub async fn metrics(&self) -> Metrics {
        let reply = self.exchange(Method::GET, "/metrics", &[], Bytes::new()).await.unwrap();
        assert_eq!(reply.status, 200);
        let body = reply.text();
        let mut metrics = Metrics { accepted: 0, states: BTreeMap::new() };
        for line in body.lines().filter(|line| !line.starts_with('#')) {
            let Some((name, value)) = line.rsplit_once(' ') else { continue };
            let whole = || value.parse::<f64>().unwrap() as u64;
            if name == "fanfare_deliveries_accepted_total" {
                metrics.accepted = whole();
            } else if let Some(label) = name.strip_prefix("fanfare_deliveries{") {
                let state = label.split_once("state=\"").unwrap().1.split_once('"').unwrap().0;
                metrics.states.insert(state.into(), whole());
            }
        }
        metrics
    }

    /// Waits until nothing is pending, and says the counters.
    pub async fn settled(&self) -> Metrics {
        let settled = until("end of what is pending", PATIENCE, async || {
            let metrics = self.metrics().await;
            metrics.check();
            (metrics.of("pending") == 0).then_some(metrics)
        });
        settled.await
    }

    /// All entries of a long list, page by page, newest first.
    pub async fn all(&self, path: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut cursor = String::new();
        loop {
            let joint = if path.contains('?') { '&' } else { '?' };
            let page = self.get(&format!("{path}{joint}limit=200{cursor}")).await;
            items.extend(page["items"].as_array().unwrap().iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return items,
            }
        }
    }
}

impl Reply {
    /// Whether it is a success.
    pub fn is_ok(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The document of a success; null where it has none.
    ///
    /// # Panics
    /// When it is no success.
    pub fn ok(self) -> Value {
        assert!(self.is_ok(), "{}: {} {}", self.asked, self.status, self.text());
        if self.body.is_empty() { Value::Null } else { self.json() }
    }

    /// The document of a refusal.
    ///
    /// # Panics
    /// When it is no refusal, or is not written as one.
    pub fn problem(self) -> Problem {
        let what = format!("{}: {} {}", self.asked, self.status, self.text());
        assert!((400..500).contains(&self.status), "{what}");
        let kind = self.headers.get("content-type").and_then(|value| value.to_str().ok());
        assert_eq!(kind, Some("application/problem+json"), "{what}");
        let document = self.json();
        assert_eq!(document["status"], self.status, "{what}");
        assert!(document["title"].is_string() && document["type"].is_string(), "{what}");
        let pointers = document["errors"].as_array().into_iter().flatten().map(|error| text(&error["pointer"]));
        Problem { status: self.status, pointers: pointers.collect(), document }
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{}: no JSON ({e}): {}", self.asked, self.text()))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}")).to_owned()
}
