//! The way to the collector.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use fanfare_core::Transport;
use http::{Request, Response};
use opentelemetry_http::{HttpClient, HttpError};
use tokio::runtime::Handle;

/// Sends by our own transport.
#[derive(Debug)]
pub(crate) struct Client {
    transport: Arc<dyn Transport>,
    runtime: Handle,
}

impl Client {
    pub(crate) fn new(transport: Arc<dyn Transport>, runtime: Handle) -> Self {
        Self { transport, runtime }
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let transport = self.transport.clone();
        // Spans are sent from a thread on which nothing drives sockets and timers.
        let exchange = self.runtime.spawn(async move { transport.exchange(request).await });
        Ok(exchange.await??)
    }
}
