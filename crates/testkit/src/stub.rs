//! Doubles for what a channel is given.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;
use fanfare_core::{AddressPolicy, Network, Transport, TransportError, Variables};
use http::{Request, Response};

type Script = Box<dyn Fn(&Request<Bytes>) -> Result<Response<Bytes>, TransportError> + Send + Sync>;

/// A transport without sockets: a function answers, and every request is kept.
pub struct Stub {
    script: Script,
    requests: Mutex<Vec<Request<Bytes>>>,
}

impl Stub {
    /// A transport that answers what `script` says.
    pub fn new(
        script: impl Fn(&Request<Bytes>) -> Result<Response<Bytes>, TransportError> + Send + Sync + 'static,
    ) -> Self {
        Self { script: Box::new(script), requests: Mutex::default() }
    }

    /// A transport that always gives this answer.
    pub fn answering(status: u16, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        Self::new(move |_| Ok(Response::builder().status(status).body(body.clone()).unwrap()))
    }

    /// What was sent so far.
    pub fn requests(&self) -> Vec<Request<Bytes>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for Stub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stub")
    }
}

#[async_trait]
impl Transport for Stub {
    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let answer = (self.script)(&request);
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        answer
    }
}

/// The rules of a network that reaches public addresses only.
pub fn nowhere() -> Network {
    Network { policy: Arc::new(AddressPolicy::new([])), extra_ca_pem: None }
}

/// Variables with these values.
#[derive(Clone, Debug, Default)]
pub struct Vars(BTreeMap<String, String>);

impl Vars {
    /// Variables with these names and values.
    pub fn new<'a>(variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl Variables for Vars {
    fn get(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }
}
