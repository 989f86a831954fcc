//! From a notification to the request, and from the answer to what it means.

use bytes::Bytes;
use fanfare_core::{AttemptInfo, HttpChannel, Notification, Receipt, SecretUrl, SendError};
use http::{HeaderValue, Method, Request, Response, Uri, header};

use crate::{address, answer, card};

/// A channel or chat of Teams, reached through a workflow or a connector.
#[derive(Debug)]
pub struct Teams {
    pub(crate) webhook_url: SecretUrl,
}

impl HttpChannel for Teams {
    fn request(&self, notification: &Notification, info: &AttemptInfo<'_>) -> Result<Request<Bytes>, SendError> {
        let url = self.webhook_url.expose(info.variables)?;
        address::service(&url).map_err(SendError::misconfigured)?;
        let uri = Uri::try_from(url.as_str()).map_err(|_| SendError::misconfigured("the URL cannot be requested"))?;

        let mut request = Request::new(Bytes::from(card::message(notification, info).to_string()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri;
        request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(request)
    }

    fn receipt(&self, response: &Response<Bytes>, info: &AttemptInfo<'_>) -> Result<Receipt, SendError> {
        let url = self.webhook_url.expose(info.variables)?;
        let service = address::service(&url).map_err(SendError::misconfigured)?;
        answer::receipt(service, response, info.at)
    }
}
