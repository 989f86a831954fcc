//! From a notification to the request.

use bytes::Bytes;
use fanfare_core::{AttemptInfo, HttpChannel, Notification, Receipt, Secret, SendError, sensitive_value};
use http::{HeaderValue, Request, Response, Uri, header};

use crate::{answer, payload::Payload};

/// A topic on an ntfy server.
#[derive(Debug)]
pub struct Ntfy {
    pub(crate) endpoint: Uri,
    pub(crate) topic: String,
    pub(crate) access_token: Option<Secret>,
    pub(crate) priority: u8,
}

impl HttpChannel for Ntfy {
    fn request(&self, notification: &Notification, info: &AttemptInfo<'_>) -> Result<Request<Bytes>, SendError> {
        let body = serde_json::to_vec(&Payload::new(notification, info, &self.topic, self.priority))
            .map_err(|error| SendError::rejected(format!("the body cannot be written: {error}")))?;
        let mut request = Request::new(body.into());
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = self.endpoint.clone();
        request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(token) = &self.access_token {
            let value = format!("Bearer {}", token.expose_token(info.variables)?);
            request.headers_mut().insert(header::AUTHORIZATION, sensitive_value(&value)?);
        }
        Ok(request)
    }

    fn receipt(&self, response: &Response<Bytes>, info: &AttemptInfo<'_>) -> Result<Receipt, SendError> {
        answer::read(response, info.at)
    }
}
