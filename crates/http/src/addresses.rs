//! From our requests to the library's.

use std::{
    collections::HashMap,
    fmt,
    sync::{PoisonError, RwLock},
};

use bytes::Bytes;
use fanfare_core::TransportError;
use http::{Request, Uri};
use reqwest::Url;

/// How many addresses are remembered.
const MOST: usize = 256;

/// Addresses as the library reads them. Few are requested, over and over, and reading one takes as long as choosing
/// who hears of an event.
#[derive(Default)]
pub(crate) struct Addresses(RwLock<HashMap<Uri, Url>>);

impl Addresses {
    /// The library's form of a request.
    pub(crate) fn request(&self, request: Request<Bytes>) -> Result<reqwest::Request, TransportError> {
        let (head, body) = request.into_parts();
        let mut request = reqwest::Request::new(head.method, self.url(head.uri)?);
        *request.headers_mut() = head.headers;
        *request.body_mut() = Some(body.into());
        Ok(request)
    }

    fn url(&self, uri: Uri) -> Result<Url, TransportError> {
        if let Some(url) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&uri) {
            return Ok(url.clone());
        }
        let unsendable = |_| TransportError::Request("the address needs to start with http:// or https://".into());
        let url = Url::parse(&uri.to_string()).map_err(unsendable)?;
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(uri, url.clone());
        Ok(url)
    }
}

/// Addresses may be confidential.
impl fmt::Debug for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Addresses").finish_non_exhaustive()
    }
}
