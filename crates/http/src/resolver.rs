//! Name resolution through the guard.

use std::sync::Arc;

use fanfare_net::Guard;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Resolves names through the guard. It is never asked about addresses written as numbers: those are checked
/// before the request.
#[derive(Debug)]
pub(crate) struct Resolver(Arc<Guard>);

impl Resolver {
    pub(crate) fn new(guard: Arc<Guard>) -> Self {
        Self(guard)
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = Arc::clone(&self.0);
        Box::pin(async move {
            // The port of the URL is filled in later on.
            let addresses: Addrs = Box::new(guard.resolve(name.as_str(), 0).await?.into_iter());
            Ok(addresses)
        })
    }
}
