//! Whom connections of the channel trust.

use std::sync::{Arc, Mutex, PoisonError};

use fanfare_core::SendError;
use fanfare_net::tls_config;
use rustls::ClientConfig;

/// The TLS client, made once for each file of extra authorities.
#[derive(Debug, Default)]
pub(crate) struct Trust(Mutex<Option<Made>>);

#[derive(Debug)]
struct Made {
    extra_ca_pem: Option<Arc<[u8]>>,
    client: Arc<ClientConfig>,
}

impl Trust {
    /// The TLS client that trusts the public roots and `extra_ca_pem`.
    pub(crate) fn client(&self, extra_ca_pem: Option<&Arc<[u8]>>) -> Result<Arc<ClientConfig>, SendError> {
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*made {
            Some(made) if made.extra_ca_pem.as_ref() == extra_ca_pem => Ok(made.client.clone()),
            _ => {
                let client = tls_config(extra_ca_pem.map(|pem| &**pem));
                let client = Arc::new(client.map_err(|error| SendError::misconfigured(error.to_string()))?);
                *made = Some(Made { extra_ca_pem: extra_ca_pem.cloned(), client: client.clone() });
                Ok(client)
            }
        }
    }
}
