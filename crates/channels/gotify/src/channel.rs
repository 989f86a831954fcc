//! From a notification to the request, and what the answers mean.

use bytes::Bytes;
use fanfare_core::{
    AttemptInfo, HttpChannel, Notification, Receipt, Secret, SendError, one_line, sensitive_value, status_line, verdict,
};
use http::{HeaderName, HeaderValue, Request, Response, Uri, header};
use serde::Deserialize;

use crate::payload::Payload;

/// The header of the token, which in the address would end up in logs.
const KEY: HeaderName = HeaderName::from_static("x-gotify-key");

/// An application on a Gotify server.
#[derive(Debug)]
pub struct Gotify {
    pub(crate) endpoint: Uri,
    pub(crate) app_token: Secret,
    pub(crate) priority: u8,
}

/// What the server says of a failure.
#[derive(Deserialize)]
struct Failure {
    error: String,
    #[serde(default, rename = "errorDescription")]
    description: String,
}

/// What it says of a message that it took.
#[derive(Deserialize)]
struct Stored {
    id: u64,
}

impl HttpChannel for Gotify {
    fn request(&self, notification: &Notification, info: &AttemptInfo<'_>) -> Result<Request<Bytes>, SendError> {
        let body = serde_json::to_vec(&Payload::new(notification, info, self.priority))
            .map_err(|error| SendError::rejected(format!("the body cannot be written: {error}")))?;
        let mut request = Request::new(body.into());
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = self.endpoint.clone();
        request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        request.headers_mut().insert(KEY, sensitive_value(&self.app_token.expose_token(info.variables)?)?);
        Ok(request)
    }

    fn receipt(&self, response: &Response<Bytes>, info: &AttemptInfo<'_>) -> Result<Receipt, SendError> {
        let say = |words: &str| format!("{}: {}", status_line(response.status()), one_line(words));
        match verdict(response, info.at) {
            Ok(receipt) => Ok(match serde_json::from_slice::<Stored>(response.body()) {
                Ok(Stored { id }) => Receipt { detail: say(&format!("message {id}")), ..receipt },
                Err(_) => receipt,
            }),
            Err(error) => Err(match serde_json::from_slice::<Failure>(response.body()) {
                Ok(Failure { error: word, description }) if description.is_empty() => {
                    SendError { detail: say(&word), ..error }
                }
                Ok(failure) => SendError { detail: say(&failure.description), ..error },
                Err(_) => error,
            }),
        }
    }
}
