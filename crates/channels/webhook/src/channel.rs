//! From a notification to the request.

use bytes::Bytes;
use fanfare_core::{AttemptInfo, HttpChannel, Notification, Secret, SecretUrl, SendError};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri, header};

use crate::{Method, payload::Payload, signature, template::Template};

pub(crate) const JSON: &str = "application/json";

/// A webhook: any HTTP receiver.
#[derive(Debug)]
pub struct Webhook {
    pub(crate) url: SecretUrl,
    pub(crate) method: Method,
    pub(crate) content_type: HeaderValue,
    pub(crate) authorization: Option<Secret>,
    pub(crate) headers: Vec<(HeaderName, Secret)>,
    pub(crate) template: Option<Template>,
    pub(crate) signing_secret: Option<Secret>,
}

impl HttpChannel for Webhook {
    fn request(&self, notification: &Notification, info: &AttemptInfo<'_>) -> Result<Request<Bytes>, SendError> {
        let url = self.url.expose(info.variables)?;
        let uri = Uri::try_from(url.as_str()).map_err(|_| SendError::misconfigured("the URL cannot be requested"))?;
        let body = self.body(notification, info)?;
        let headers = self.headers(&body, info)?;

        let mut request = Request::new(body);
        *request.method_mut() = self.method.into();
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        Ok(request)
    }
}

impl Webhook {
    fn body(&self, notification: &Notification, info: &AttemptInfo<'_>) -> Result<Bytes, SendError> {
        if !self.method.has_body() {
            return Ok(Bytes::new());
        }
        match &self.template {
            Some(template) => Ok(template.render(notification, info).into()),
            None => {
                // As long as most are; starting there saves the growing.
                let mut json = Vec::with_capacity(1024);
                match serde_json::to_writer(&mut json, &Payload::new(notification, info)) {
                    Ok(()) => Ok(json.into()),
                    Err(error) => Err(SendError::rejected(format!("the body cannot be written: {error}"))),
                }
            }
        }
    }

    fn headers(&self, body: &Bytes, info: &AttemptInfo<'_>) -> Result<HeaderMap, SendError> {
        let mut headers = HeaderMap::with_capacity(8 + self.headers.len());
        if self.method.has_body() {
            headers.insert(header::CONTENT_TYPE, self.content_type.clone());
        }
        if let Some(authorization) = &self.authorization {
            headers.insert(header::AUTHORIZATION, secret_value(&header::AUTHORIZATION, authorization, info)?);
        }
        for (name, secret) in &self.headers {
            headers.insert(name, secret_value(name, secret, info)?);
        }
        let id = info.delivery_id.to_string();
        let timestamp = info.at.as_second();
        if let Some(secrets) = &self.signing_secret {
            let secrets = secrets.expose(info.variables)?;
            let signature = signature::sign(&secrets, &id, timestamp, body).map_err(SendError::misconfigured)?;
            headers.insert(&signature::SIGNATURE, plain_value(signature)?);
        }
        headers.insert(&signature::ID, plain_value(id)?);
        headers.insert(&signature::TIMESTAMP, timestamp.into());
        Ok(headers)
    }
}

/// A literal was checked when it was saved, a variable's value is only known now.
fn secret_value(name: &HeaderName, secret: &Secret, info: &AttemptInfo<'_>) -> Result<HeaderValue, SendError> {
    let text = secret.expose(info.variables)?;
    let mut value = HeaderValue::from_bytes(text.as_bytes())
        .map_err(|_| SendError::misconfigured(format!("the value of the header {name} holds control characters")))?;
    value.set_sensitive(true);
    Ok(value)
}

fn plain_value(text: String) -> Result<HeaderValue, SendError> {
    HeaderValue::try_from(text).map_err(|_| SendError::rejected("a header cannot be written"))
}
