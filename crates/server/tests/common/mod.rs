//! A server on a database of its own, asked without a socket, whose every answer is held against its document.

#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

use axum::{Router, body::Body};
use fanfare::{Engine, Fanfare, Keyring, core::AddressPolicy};
use fanfare_server::{Accounts, ServerOptions};
use fanfare_testkit::Receiver;
use http::{HeaderMap, Request, StatusCode, header};
use serde_json::{Value, json};
use tower::ServiceExt;

pub const TOKEN: &str = "a-token-that-may-do-everything";

/// The methods that an OpenAPI path can have.
const METHODS: [&str; 5] = ["get", "put", "post", "patch", "delete"];

pub struct Api {
    pub router: Router,
    pub engine: Engine,
    pub accounts: Accounts,
    document: Value,
    /// The schemas of the document, closed: what they do not name is a mistake here.
    components: Value,
    /// The operations that were answered with success.
    exercised: Mutex<BTreeSet<(String, String)>>,
    _dir: tempfile::TempDir,
}

#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// The body of an answer that must have this status.
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        if self.text.is_empty() { Value::Null } else { self.json() }
    }

    /// The pointers of a refusal that must have this status.
    pub fn pointers(self, status: u16) -> Vec<String> {
        let body = self.expect(status);
        let errors = body["errors"].as_array().cloned().unwrap_or_default();
        errors.iter().map(|error| error["pointer"].as_str().unwrap().to_owned()).collect()
    }

    pub fn etag(&self) -> String {
        self.headers[header::ETAG].to_str().unwrap().to_owned()
    }
}

impl Api {
    pub async fn start() -> Self {
        Self::start_with(|_| ()).await
    }

    pub async fn start_with(decide: impl FnOnce(&mut ServerOptions)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", dir.path().join("fanfare.db").display());
        let key = Keyring::generate().to_string();
        let opened = Fanfare::builder(url, &key).unwrap().open().await.unwrap();
        let accounts = Accounts::open(opened.store().clone(), opened.clock().clone()).await.unwrap();
        let engine = opened.users(accounts.clone()).start().await.unwrap();
        // By the settings, as an administrator would: what the builder fixes could not be changed any more.
        engine.replace_outbound(AddressPolicy::with_loopback().networks().to_vec(), None).await.unwrap();
        let document = fanfare_server::openapi(engine.catalog());
        let mut options = ServerOptions::new(TOKEN);
        decide(&mut options);
        let router = fanfare_server::app(engine.clone(), accounts.clone(), options);
        let components = closed(document["components"].clone());
        Self { router, engine, accounts, document, components, exercised: Mutex::default(), _dir: dir }
    }

    /// Where the database is.
    pub fn dir(&self) -> &std::path::Path {
        self._dir.path()
    }

    /// Every operation of the document: path, method, and the operation itself.
    pub fn operations(&self) -> Vec<(String, &'static str, &Value)> {
        let mut operations = Vec::new();
        for (path, item) in self.document["paths"].as_object().unwrap() {
            for method in METHODS {
                if let Some(operation) = item.get(method) {
                    operations.push((path.clone(), method, operation));
                }
            }
        }
        operations
    }

    pub fn never_exercised(&self) -> Vec<(String, String)> {
        let exercised = self.exercised.lock().unwrap();
        let all = self.operations().into_iter().map(|(path, method, _)| (path, method.to_owned()));
        all.filter(|operation| !exercised.contains(operation)).collect()
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None, &[]).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send("POST", path, Some(body.to_string().into_bytes()), &[]).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.send("PUT", path, Some(body.to_string().into_bytes()), &[]).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send("PATCH", path, Some(body.to_string().into_bytes()), &[]).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, None, &[]).await
    }

    /// Asks with the admin token and holds the answer against the document.
    pub async fn send(&self, method: &str, path: &str, body: Option<Vec<u8>>, headers: &[(&str, &str)]) -> Answer {
        let bearer = format!("Bearer {TOKEN}");
        let mut all = vec![("authorization", bearer.as_str())];
        if body.is_some() {
            all.push(("content-type", "application/json"));
        }
        for (name, value) in headers {
            all.retain(|(other, _)| other != name);
            all.push((name, value));
        }
        let sent = body.as_deref().and_then(|body| serde_json::from_slice(body).ok());
        let is_dry_run = sent.as_ref().is_some_and(|sent: &Value| sent["dry_run"] == true);
        let is_change = self.is_change(method, path) && !is_dry_run;
        let before = if is_change { self.latest_in_audit().await } else { None };
        let answer = self.raw(method, path, body, &all).await;
        self.check(method, path, &answer);
        if is_change && answer.status.is_success() {
            assert_ne!(self.latest_in_audit().await, before, "{method} {path} is missing in the audit");
        }
        if let Some(sent) = sent.filter(|_| answer.status.is_success()) {
            self.check_sent(method, path, &sent);
        }
        answer
    }

    /// Whether an operation changes what an administrator decides, so that it must be found in the audit. A test
    /// sends something and changes nothing.
    fn is_change(&self, method: &str, path: &str) -> bool {
        let Some((_, operation)) = self.find(&method.to_lowercase(), path.split('?').next().unwrap()) else {
            return false;
        };
        let is_test = ["test_channel", "test_event_type"].contains(&operation["operationId"].as_str().unwrap());
        method != "GET" && operation["security"][0]["token"][0] == "admin" && !is_test
    }

    async fn latest_in_audit(&self) -> Option<String> {
        let bearer = format!("Bearer {TOKEN}");
        let answer = self.raw("GET", "/api/v1/audit?limit=1", None, &[("authorization", &bearer)]).await;
        answer.expect(200)["items"][0]["id"].as_str().map(ToOwned::to_owned)
    }

    /// Asks without a body, for an answer that need not be text.
    pub async fn bytes(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> (StatusCode, HeaderMap, Vec<u8>) {
        let (parts, bytes) = self.ask(method, path, None, headers).await;
        (parts.status, parts.headers, bytes)
    }

    async fn ask(
        &self,
        method: &str,
        path: &str,
        body: Option<Vec<u8>>,
        headers: &[(&str, &str)],
    ) -> (http::response::Parts, Vec<u8>) {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.map_or_else(Body::empty, Body::from)).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        (parts, bytes.to_vec())
    }

    /// Asks with these headers alone.
    pub async fn raw(&self, method: &str, path: &str, body: Option<Vec<u8>>, headers: &[(&str, &str)]) -> Answer {
        let (parts, bytes) = self.ask(method, path, body, headers).await;
        let text = String::from_utf8(bytes).unwrap_or_else(|_| "(binary)".into());
        Answer { status: parts.status, headers: parts.headers, text }
    }

    /// Fails where the answer is not what the document says.
    pub fn check(&self, method: &str, path: &str, answer: &Answer) {
        let method = method.to_lowercase();
        let path = path.split('?').next().unwrap();
        let Some((template, operation)) = self.find(&method, path) else {
            panic!("the document has no {method} {path}");
        };
        let what = format!("{method} {template} -> {}: {}", answer.status, answer.text);
        let status = answer.status.as_u16().to_string();
        let documented = &operation["responses"][&status];
        assert!(!documented.is_null(), "this status is not documented: {what}");
        assert_eq!(answer.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff", "{what}");
        for name in documented["headers"].as_object().into_iter().flat_map(|headers| headers.keys()) {
            assert!(answer.headers.contains_key(name.as_str()), "the header {name} is missing: {what}");
        }
        match documented["content"].as_object() {
            None => assert!(answer.text.is_empty(), "{what}"),
            Some(content) => {
                let given = answer.headers[header::CONTENT_TYPE].to_str().unwrap().split(';').next().unwrap();
                let media = content.get(given).unwrap_or_else(|| panic!("{given} is not documented: {what}"));
                if given.ends_with("json") {
                    self.check_body(&media["schema"], &answer.json(), &what);
                }
            }
        }
        if answer.status.is_success() {
            self.exercised.lock().unwrap().insert((template, method));
        }
    }

    /// Fails where the document does not allow a body that was taken.
    fn check_sent(&self, method: &str, path: &str, sent: &Value) {
        let (template, operation) = self.find(&method.to_lowercase(), path.split('?').next().unwrap()).unwrap();
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        assert!(!schema.is_null(), "{method} {template} takes no body in the document");
        // Each event of a batch is refused by itself, so what is taken as a whole may hold bad ones.
        if !template.ends_with("/batch") {
            self.check_body(schema, sent, &format!("the body of {method} {template}"));
        }
    }

    fn check_body(&self, schema: &Value, body: &Value, what: &str) {
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "components": self.components,
            "allOf": [schema],
        });
        let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
        let errors: Vec<_> = validator.iter_errors(body).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(errors.is_empty(), "{errors:#?} in {what}");
    }

    /// The operation that a path belongs to; a path written out goes before one with a parameter.
    fn find(&self, method: &str, path: &str) -> Option<(String, &Value)> {
        let parts: Vec<_> = path.split('/').collect();
        let fits = |template: &str| {
            let wanted: Vec<_> = template.split('/').collect();
            wanted.len() == parts.len()
                && wanted.iter().zip(&parts).all(|(wanted, part)| wanted.starts_with('{') || wanted == part)
        };
        let mut found: Vec<_> =
            self.operations().into_iter().filter(|(template, m, _)| *m == method && fits(template)).collect();
        found.sort_by_key(|(template, _, _)| template.matches('{').count());
        found.into_iter().next().map(|(template, _, operation)| (template, operation))
    }

    /// Makes a webhook channel that sends to this receiver.
    pub async fn webhook(&self, name: &str, receiver: &Receiver) -> String {
        let input = json!({"name": name, "kind": "webhook", "config": {"url": receiver.url("/hook")}});
        self.post("/api/v1/channels", input).await.expect(201)["id"].as_str().unwrap().to_owned()
    }

    /// Tells system events to these channels.
    pub async fn make_global(&self, channels: &[&str]) {
        self.put("/api/v1/settings/notifications", json!({"global_channels": channels})).await.expect(200);
    }

    /// Waits until so many deliveries stand in this state.
    pub async fn wait_for(&self, state: &'static str, count: i64) {
        for _ in 0..2_000 {
            if self.engine.counters().await.unwrap().1[state] == count {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        panic!("{state} never became {count}: {:?}", self.engine.counters().await.unwrap());
    }
}

/// The same components with every object closed, so that a member that nobody documented is found. What is part
/// of an `allOf` must stay open.
fn closed(mut components: Value) -> Value {
    let mut open = BTreeSet::new();
    fn parts(value: &Value, open: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                for part in members.get("allOf").and_then(Value::as_array).into_iter().flatten() {
                    if let Some(name) = part.get("$ref").and_then(Value::as_str) {
                        open.insert(name.rsplit('/').next().unwrap().to_owned());
                    }
                }
                members.values().for_each(|value| parts(value, open));
            }
            Value::Array(items) => items.iter().for_each(|value| parts(value, open)),
            _ => {}
        }
    }
    parts(&components, &mut open);
    for (name, schema) in components["schemas"].as_object_mut().unwrap() {
        if schema.get("allOf").is_some() {
            schema["unevaluatedProperties"] = false.into();
        } else if schema.get("properties").is_some() && !open.contains(name) {
            schema["additionalProperties"] = false.into();
        }
    }
    components
}

/// A path with something in place of its parameters.
pub fn filled(template: &str) -> String {
    let values = BTreeMap::from([("{id}", "01890000-0000-7000-8000-000000000000"), ("{type}", "system_error")]);
    values.into_iter().fold(template.to_owned(), |path, (name, value)| path.replace(name, value))
}
