//! From a notification to the request, and from the answer to what it means.

use bytes::Bytes;
use fanfare_core::{AttemptInfo, HttpChannel, Notification, Receipt, SecretUrl, SendError};
use http::{HeaderValue, Request, Response, Uri, header};

use crate::{answer, config, message::Message};

/// A channel of Slack, reached through an incoming webhook.
#[derive(Debug)]
pub struct Slack {
    pub(crate) webhook_url: SecretUrl,
    pub(crate) channel: Option<String>,
    pub(crate) username: Option<String>,
    pub(crate) icon_emoji: Option<String>,
    /// Who is called when something is wrong, in Slack's form; empty for nobody.
    pub(crate) mention: String,
}

impl HttpChannel for Slack {
    fn request(&self, notification: &Notification, info: &AttemptInfo<'_>) -> Result<Request<Bytes>, SendError> {
        let url = self.webhook_url.expose(info.variables)?;
        config::check_path(url.path()).map_err(SendError::misconfigured)?;
        let uri = Uri::try_from(url.as_str()).map_err(|_| SendError::misconfigured("the URL cannot be requested"))?;
        let body = serde_json::to_vec(&Message::new(self, notification, info))
            .map_err(|error| SendError::rejected(format!("the message cannot be written: {error}")))?;

        let mut request = Request::new(Bytes::from(body));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = uri;
        let json = HeaderValue::from_static("application/json; charset=utf-8");
        request.headers_mut().insert(header::CONTENT_TYPE, json);
        Ok(request)
    }

    fn receipt(&self, response: &Response<Bytes>, info: &AttemptInfo<'_>) -> Result<Receipt, SendError> {
        answer::receipt(response, info.at)
    }
}
