//! From a notification to the request, and from the answer to what it means.

use bytes::Bytes;
use fanfare_core::{AttemptInfo, HttpChannel, Notification, Receipt, Secret, SendError};
use http::{HeaderValue, Request, Response, Uri, header};
use serde::Serialize;

use crate::{answer, chat::Chat, config, message};

/// A chat of Telegram, written to by a bot.
#[derive(Debug)]
pub struct Telegram {
    pub(crate) bot_token: Secret,
    pub(crate) chat: Chat,
    pub(crate) thread: Option<i64>,
    pub(crate) silent: bool,
    /// Where the Bot API is, without a slash at the end.
    pub(crate) api_url: String,
}

/// What `sendMessage` is given.
#[derive(Serialize)]
struct SendMessage<'a> {
    chat_id: &'a Chat,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_thread_id: Option<i64>,
    text: String,
    parse_mode: &'static str,
    link_preview_options: LinkPreview,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    disable_notification: bool,
}

/// A preview would load what an event links to, and take more room than the message.
#[derive(Serialize)]
struct LinkPreview {
    is_disabled: bool,
}

impl HttpChannel for Telegram {
    fn request(&self, notification: &Notification, info: &AttemptInfo<'_>) -> Result<Request<Bytes>, SendError> {
        let token = self.bot_token.expose(info.variables)?;
        config::check_token(&token).map_err(SendError::misconfigured)?;
        let uri = Uri::try_from(format!("{}/bot{token}/sendMessage", self.api_url))
            .map_err(|_| SendError::misconfigured("the address of the Bot API cannot be requested"))?;
        let message = SendMessage {
            chat_id: &self.chat,
            message_thread_id: self.thread,
            text: message::text(notification, info),
            parse_mode: "HTML",
            link_preview_options: LinkPreview { is_disabled: true },
            disable_notification: self.silent,
        };
        let body = serde_json::to_vec(&message)
            .map_err(|error| SendError::rejected(format!("the message cannot be written: {error}")))?;

        let mut request = Request::new(Bytes::from(body));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = uri;
        request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(request)
    }

    fn receipt(&self, response: &Response<Bytes>, info: &AttemptInfo<'_>) -> Result<Receipt, SendError> {
        answer::receipt(response, info.at)
    }
}
