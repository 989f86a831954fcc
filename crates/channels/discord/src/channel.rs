//! From a notification to the request, and from the answer to what it means.

use bytes::Bytes;
use fanfare_core::{AttemptInfo, HttpChannel, Notification, Receipt, SecretUrl, SendError};
use http::{HeaderValue, Method, Request, Response, Uri, header};

use crate::{address, answer, mention::Called, message::Message};

/// A channel of Discord, reached through a webhook.
#[derive(Debug)]
pub struct Discord {
    pub(crate) webhook_url: SecretUrl,
    pub(crate) username: Option<String>,
    pub(crate) avatar_url: Option<String>,
    /// Who is called when something is wrong.
    pub(crate) mention: Called,
}

impl HttpChannel for Discord {
    fn request(&self, notification: &Notification, info: &AttemptInfo<'_>) -> Result<Request<Bytes>, SendError> {
        let url = self.webhook_url.expose(info.variables)?;
        let url = address::of_request(&url).map_err(SendError::misconfigured)?;
        let uri = Uri::try_from(url.as_str()).map_err(|_| SendError::misconfigured("the URL cannot be requested"))?;
        let body = serde_json::to_vec(&Message::new(self, notification, info))
            .map_err(|error| SendError::rejected(format!("the message cannot be written: {error}")))?;

        let mut request = Request::new(Bytes::from(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri;
        request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(request)
    }

    fn receipt(&self, response: &Response<Bytes>, info: &AttemptInfo<'_>) -> Result<Receipt, SendError> {
        answer::receipt(response, info.at)
    }
}
