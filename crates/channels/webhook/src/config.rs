//! What an operator fills in, and what is wrong with it.

use std::collections::BTreeMap;

use fanfare_core::{ChannelConfig, Fault, Http, LaneDefaults, Secret, SecretUrl, escape_pointer};
use http::{HeaderName, HeaderValue, header};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Webhook, channel::JSON, signature, template::Template};

/// Configuration of a webhook.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = sample())]
pub struct WebhookConfig {
    /// The address that requests go to. It is treated as confidential, because many services put a key into it.
    pub url: SecretUrl,
    /// The method. GET and HEAD send no body: such a receiver learns that something happened, not what.
    #[serde(default)]
    pub method: Method,
    /// The value of Content-Type. For JSON types, values in a body template are escaped as JSON.
    #[serde(default = "json")]
    pub content_type: String,
    /// The value of Authorization, such as `Bearer …`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization: Option<Secret>,
    /// More headers. They may replace Content-Type and Authorization.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
    /// A body of your own, with the placeholders {{title}}, {{message}}, {{success}}, {{status}}, {{color}},
    /// {{timestamp}}, {{event_type}}, {{event_id}} and {{fields}}. In JSON, a placeholder inside quotes is text, one
    /// outside is a value: {"text": "{{title}}: {{message}}", "fields": {{fields}}}. Empty: the default body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_template: Option<String>,
    /// Signs every request as Standard Webhooks describes: `whsec_` and a key of 24 to 64 bytes in base64. While a
    /// key is being replaced, give the new and the old one, separated by a space.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_secret: Option<Secret>,
}

/// How a webhook is called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(inline)]
pub enum Method {
    /// Creates; what most receivers expect.
    #[default]
    Post,
    /// Replaces.
    Put,
    /// Changes.
    Patch,
    /// Asks; without a body.
    Get,
    /// Asks for headers; without a body.
    Head,
}

impl Method {
    /// Whether requests carry a body.
    pub fn has_body(self) -> bool {
        !matches!(self, Self::Get | Self::Head)
    }
}

impl From<Method> for http::Method {
    fn from(method: Method) -> Self {
        match method {
            Method::Post => Self::POST,
            Method::Put => Self::PUT,
            Method::Patch => Self::PATCH,
            Method::Get => Self::GET,
            Method::Head => Self::HEAD,
        }
    }
}

fn sample() -> serde_json::Value {
    serde_json::json!({"url": "https://receiver.example/hooks/fanfare"})
}

fn json() -> String {
    JSON.into()
}

impl ChannelConfig for WebhookConfig {
    const KIND: &'static str = "webhook";
    const NAME: &'static str = "Webhook";
    const DESCRIPTION: &'static str = "Calls any HTTP address with JSON or a body of your own, signed if you like.";
    /// The receiver is one's own: as fast as it answers, and every event by itself.
    const LANE: LaneDefaults = LaneDefaults { concurrency: 32, digest: false, ..LaneDefaults::ONE_BY_ONE };
    type Channel = Http<Webhook>;

    fn build(self) -> Result<Http<Webhook>, Vec<Fault>> {
        let mut faults = Vec::new();
        let content_type = check_content_type(&self.content_type).unwrap_or_else(|fault| {
            faults.push(fault);
            HeaderValue::from_static(JSON)
        });
        let headers = check_headers(self.headers, &mut faults);
        faults.extend(self.authorization.as_ref().and_then(|secret| check_value("/authorization", secret)));
        faults.extend(self.signing_secret.as_ref().and_then(check_signing_secret));
        let sent_type = headers.iter().find(|(name, _)| *name == header::CONTENT_TYPE).and_then(|(_, v)| v.literal());
        let is_json = is_json(sent_type.unwrap_or(&self.content_type));
        let template = match self.body_template.filter(|text| !text.is_empty()) {
            None => None,
            Some(_) if !self.method.has_body() => {
                faults.push(Fault::new("/body_template", "GET and HEAD send no body: choose POST, PUT or PATCH"));
                None
            }
            Some(text) => match Template::parse(&text, is_json) {
                Ok(template) => Some(template),
                Err(why) => {
                    faults.push(Fault::new("/body_template", why));
                    None
                }
            },
        };
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Http(Webhook {
            url: self.url,
            method: self.method,
            content_type,
            authorization: self.authorization,
            headers,
            template,
            signing_secret: self.signing_secret,
        }))
    }

    fn destination(&self) -> String {
        self.url.origin()
    }
}

/// Headers that say how the message is framed, which only the client can know, and those of the signature.
const RESERVED: &[&str] = &[
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    standardwebhooks::HEADER_WEBHOOK_ID,
    standardwebhooks::HEADER_WEBHOOK_TIMESTAMP,
    standardwebhooks::HEADER_WEBHOOK_SIGNATURE,
];

/// How many headers there may be: servers take a hundred lines at the most, and the client has some of its own.
const MOST: usize = 64;

fn check_headers(headers: BTreeMap<String, Secret>, faults: &mut Vec<Fault>) -> Vec<(HeaderName, Secret)> {
    let mut checked: Vec<(HeaderName, Secret)> = Vec::new();
    if headers.len() > MOST {
        faults.push(Fault::new("/headers", format!("there can be {MOST} headers at the most")));
        return checked;
    }
    for (name, value) in headers {
        let pointer = format!("/headers/{}", escape_pointer(&name));
        match HeaderName::from_bytes(name.as_bytes()) {
            Err(_) => {
                faults.push(Fault::new(pointer, "a header name consists of letters, digits and -, without spaces"));
            }
            Ok(name) if RESERVED.contains(&name.as_str()) => {
                faults.push(Fault::new(pointer, format!("{name} is set by the sender and cannot be replaced")));
            }
            Ok(name) if checked.iter().any(|(other, _)| *other == name) => {
                faults.push(Fault::new(pointer, "this header is given twice: upper and lower case are the same"));
            }
            Ok(name) => {
                faults.extend(check_value(&pointer, &value));
                checked.push((name, value));
            }
        }
    }
    checked
}

/// A literal that cannot be the value of a header. A reference is checked when it is used.
fn check_value(pointer: &str, value: &Secret) -> Option<Fault> {
    let literal = value.literal()?;
    let refused = HeaderValue::from_bytes(literal.as_bytes()).is_err();
    refused.then(|| Fault::new(pointer, "a header value must not hold line breaks or other control characters"))
}

fn check_content_type(text: &str) -> Result<HeaderValue, Fault> {
    let essence = text.split(';').next().unwrap_or_default().trim();
    let well_formed = essence.split_once('/').is_some_and(|(kind, sub)| is_token(kind) && is_token(sub));
    let fault = || Fault::new("/content_type", "a content type looks like application/json or text/plain");
    HeaderValue::from_str(text).ok().filter(|_| well_formed).ok_or_else(fault)
}

/// A token of RFC 9110; header names are tokens too.
fn is_token(text: &str) -> bool {
    HeaderName::from_bytes(text.as_bytes()).is_ok()
}

fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.ends_with("/json") || essence.ends_with("+json")
}

fn check_signing_secret(secret: &Secret) -> Option<Fault> {
    let why = signature::check(secret.literal()?).err()?;
    Some(Fault::new("/signing_secret", why))
}
