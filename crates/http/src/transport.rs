//! The client itself.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use fanfare_core::{Transport, TransportError};
use fanfare_net::Guard;
use http::{Request, Response};
use reqwest::{Client, Url, redirect};
use url::Host;

use crate::{
    Cap, Limits,
    addresses::Addresses,
    failure::{answer_failure, request_failure, timed_out},
    resolver::Resolver,
};

const USER_AGENT: &str = concat!("Fanfare/", env!("CARGO_PKG_VERSION"));

/// Enough for several lanes of the default concurrency that write to one host.
const IDLE_PER_HOST: usize = 128;

/// See the crate's documentation for why it is this short.
const IDLE_FOR: Duration = Duration::from_secs(4);

/// The one outbound HTTP client.
pub struct HttpTransport {
    guard: Arc<Guard>,
    tls: rustls::ClientConfig,
    limits: Limits,
    pool: RwLock<Pool>,
    addresses: Addresses,
}

/// A client with its open connections, all of which were made under the policy of one generation.
#[derive(Clone)]
struct Pool {
    generation: u64,
    client: Client,
}

impl HttpTransport {
    /// A client that connects where `guard` lets it and trusts whom `tls` says.
    pub fn new(guard: Arc<Guard>, tls: rustls::ClientConfig, limits: Limits) -> Result<Self, TransportError> {
        let pool = Pool { generation: guard.generation(), client: client(&guard, &tls, &limits)? };
        Ok(Self { guard, tls, limits, pool: RwLock::new(pool), addresses: Addresses::default() })
    }

    /// The client whose connections the policy of this moment allows.
    fn client(&self) -> Result<Client, TransportError> {
        let generation = self.guard.generation();
        {
            let pool = self.pool.read().unwrap_or_else(PoisonError::into_inner);
            if pool.generation == generation {
                return Ok(pool.client.clone());
            }
        }
        let mut pool = self.pool.write().unwrap_or_else(PoisonError::into_inner);
        if pool.generation != generation {
            *pool = Pool { generation, client: client(&self.guard, &self.tls, &self.limits)? };
        }
        Ok(pool.client.clone())
    }

    /// Whether this can be requested at all. The resolver is never asked about a host that is an address, in
    /// whatever spelling: the URL has read it by now, and it is checked here.
    fn check(&self, url: &Url) -> Result<(), TransportError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(TransportError::Request("the address needs to start with http:// or https://".into()));
        }
        match url.host() {
            Some(Host::Ipv4(address)) => Ok(self.guard.check_address(address.into())?),
            Some(Host::Ipv6(address)) => Ok(self.guard.check_address(address.into())?),
            Some(Host::Domain(_)) => Ok(()),
            None => Err(TransportError::Request("the address names no host".into())),
        }
    }
}

/// An answer that is read piece by piece, without an end that is known.
#[derive(Debug)]
pub struct Stream(reqwest::Response);

impl Stream {
    /// The status.
    pub fn status(&self) -> http::StatusCode {
        self.0.status()
    }

    /// The next piece; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, TransportError> {
        self.0.chunk().await.map_err(|error| answer_failure(&error))
    }
}

impl HttpTransport {
    /// Sends a request whose answer may go on for ever, such as server-sent events. Only the time until it begins is
    /// limited.
    pub async fn stream(&self, request: Request<Bytes>) -> Result<Stream, TransportError> {
        let request = self.addresses.request(request)?;
        self.check(request.url())?;
        match tokio::time::timeout(self.limits.exchange, self.client()?.execute(request)).await {
            Ok(response) => response.map(Stream).map_err(|error| request_failure(&error, &self.limits)),
            Err(_) => Err(timed_out(self.limits.exchange)),
        }
    }
}

#[async_trait]
impl Transport for HttpTransport {
    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let request = self.addresses.request(request)?;
        self.check(request.url())?;
        let client = self.client()?;
        let exchange = async {
            let response = client.execute(request).await.map_err(|error| request_failure(&error, &self.limits))?;
            read(response, self.limits.answer).await
        };
        match tokio::time::timeout(self.limits.exchange, exchange).await {
            Ok(result) => result,
            Err(_) => Err(timed_out(self.limits.exchange)),
        }
    }
}

impl fmt::Debug for HttpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpTransport")
            .field("guard", &self.guard)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

fn client(guard: &Arc<Guard>, tls: &rustls::ClientConfig, limits: &Limits) -> Result<Client, TransportError> {
    Client::builder()
        .user_agent(USER_AGENT)
        .no_proxy()
        .redirect(redirect::Policy::none())
        .referer(false)
        // Without the limit, every request would be copied for a repeat that never comes.
        .retry(reqwest::retry::never().max_retries_per_request(0))
        .dns_resolver(Resolver::new(Arc::clone(guard)))
        .tls_backend_preconfigured(tls.clone())
        .connect_timeout(limits.connect)
        .tcp_nodelay(true)
        .pool_max_idle_per_host(IDLE_PER_HOST)
        .pool_idle_timeout(IDLE_FOR)
        .build()
        .map_err(|_| TransportError::Request("the HTTP client cannot be set up".into()))
}

/// Reads the answer, never further than the cap. What is left unread closes the connection.
async fn read(mut response: reqwest::Response, cap: Cap) -> Result<Response<Bytes>, TransportError> {
    let mut body = Bytes::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| answer_failure(&error))? {
        let room = cap.bytes() - body.len();
        if chunk.len() > room {
            match cap {
                Cap::Cut(_) => body = joined(body, chunk.slice(..room)),
                Cap::Refuse(bytes) => return Err(TransportError::TooLong(bytes)),
            }
            break;
        }
        body = joined(body, chunk);
    }
    let mut whole = Response::new(body);
    *whole.status_mut() = response.status();
    *whole.headers_mut() = std::mem::take(response.headers_mut());
    Ok(whole)
}

/// Most answers come in one piece, which is then not copied.
fn joined(start: Bytes, rest: Bytes) -> Bytes {
    if start.is_empty() {
        return rest;
    }
    let mut whole = BytesMut::from(start);
    whole.extend_from_slice(&rest);
    whole.freeze()
}
