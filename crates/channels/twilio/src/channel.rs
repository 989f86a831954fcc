//! From a notification to the request.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use fanfare_core::{AttemptInfo, HttpChannel, Notification, Receipt, Secret, SendError, sensitive_value};
use http::{HeaderValue, Request, Response, Uri, header};
use url::form_urlencoded::Serializer;

use crate::{answer, number::Sender, sms};

/// A phone that is reached by SMS.
#[derive(Debug)]
pub struct Twilio {
    pub(crate) endpoint: Uri,
    pub(crate) account_sid: String,
    pub(crate) auth_token: Secret,
    pub(crate) sender: Sender,
    pub(crate) to: String,
}

impl HttpChannel for Twilio {
    fn request(&self, notification: &Notification, info: &AttemptInfo<'_>) -> Result<Request<Bytes>, SendError> {
        let (sender, value) = match &self.sender {
            Sender::From(from) => ("From", from),
            Sender::Service(sid) => ("MessagingServiceSid", sid),
        };
        let mut form = Serializer::new(String::new());
        form.append_pair("To", &self.to).append_pair(sender, value);
        form.append_pair("Body", &sms::write(notification));
        let mut request = Request::new(form.finish().into());
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = self.endpoint.clone();
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        let token = self.auth_token.expose_token(info.variables)?;
        let credentials = STANDARD.encode(format!("{}:{token}", self.account_sid));
        headers.insert(header::AUTHORIZATION, sensitive_value(&format!("Basic {credentials}"))?);
        Ok(request)
    }

    fn receipt(&self, response: &Response<Bytes>, info: &AttemptInfo<'_>) -> Result<Receipt, SendError> {
        answer::read(response, info.at)
    }
}
