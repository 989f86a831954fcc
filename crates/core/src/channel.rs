//! What a channel is, what one attempt to deliver may use, and how it can end.

use std::{borrow::Cow, fmt, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use ipnet::IpNet;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    DeliveryId, EventId, EventTypeId, JobId, MissingVariable, NetworkRules, Notification, Variables, secret::UrlError,
};

/// A destination that can be told something.
///
/// An implementation holds its configuration, and at the most connections that wait to be used again. Connections,
/// time-outs and address checks belong to the [`Transport`], or follow the [`NetworkRules`] of the moment, and
/// repetition belongs to the engine. It may be called from several tasks.
#[async_trait]
pub trait Channel: fmt::Debug + Send + Sync + 'static {
    /// Delivers once. Whether and when to try again is the engine's decision.
    ///
    /// All channels are called on one thread: what computes for long or blocks belongs on another one
    /// (`tokio::task::spawn_blocking`).
    async fn send(&self, notification: &Notification, attempt: &Attempt<'_>) -> Result<Receipt, SendError>;

    /// What would go out, as the ledger and a preview show it; the same input gives the same text.
    /// Holds no secret: address and headers are not part of it.
    fn payload(&self, notification: &Notification, attempt: &AttemptInfo<'_>) -> Result<String, SendError>;

    /// The media type of the payload, where it has one.
    fn content_type(&self, _notification: &Notification, _attempt: &AttemptInfo<'_>) -> Option<String> {
        None
    }
}

/// What one attempt may use and a channel must not own.
#[derive(Debug)]
pub struct Attempt<'a> {
    /// Which delivery, to whom, and when.
    pub info: AttemptInfo<'a>,
    /// The way out for HTTP.
    pub transport: &'a dyn Transport,
    /// The rules for a channel that opens connections of its own.
    pub network: &'a dyn NetworkRules,
}

/// The facts of one attempt.
#[derive(Clone, Debug)]
pub struct AttemptInfo<'a> {
    /// The delivery; the same on every attempt, and the receiver's key for recognising repeats.
    pub delivery_id: DeliveryId,
    /// The event that is told.
    pub event_id: EventId,
    /// Its type.
    pub event_type: EventTypeId,
    /// The job whose run it was.
    pub job: Option<JobId>,
    /// Who of the channel's recipients is meant.
    pub recipients: &'a Recipients,
    /// When this attempt is made.
    pub at: Timestamp,
    /// Where references to variables are looked up.
    pub variables: &'a dyn Variables,
}

/// Who is meant, for kinds that have recipients. Kept with the delivery.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recipients {
    /// Everybody whom the configuration names.
    #[default]
    Configured,
    /// Everybody whom the configuration names, but for this address.
    Except(String),
    /// This address alone.
    Only(String),
}

/// That the other side took the notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The HTTP status or SMTP reply code.
    pub status: Option<u16>,
    /// The code with its standard phrase, then the service's own words.
    pub detail: String,
}

/// That an attempt did not end in a [`Receipt`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct SendError {
    /// What to do about it.
    pub kind: ErrorKind,
    /// The HTTP status or SMTP reply code, where there was an answer.
    pub status: Option<u16>,
    /// What happened, for a person. Never holds an address, header or token.
    pub detail: String,
}

/// What a failed attempt means for the delivery and its lane.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// This notification will never pass: dead.
    Rejected,
    /// Nothing will pass until the configuration is mended: dead, and a sign for the lane.
    Misconfigured {
        /// The network to allow, where the address guard refused.
        blocked_network: Option<IpNet>,
    },
    /// Worth another attempt; this one counts.
    Temporary {
        /// How long the service asks to wait.
        after: Option<Duration>,
        /// The notification may have arrived all the same.
        outcome_unknown: bool,
    },
    /// The service is full: the lane pauses, and the attempt does not count.
    RateLimited {
        /// How long the service asks to wait.
        after: Option<Duration>,
    },
}

impl SendError {
    /// This notification will never pass.
    pub fn rejected(detail: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Rejected, status: None, detail: detail.into() }
    }

    /// Nothing will pass until the configuration is mended.
    pub fn misconfigured(detail: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Misconfigured { blocked_network: None }, status: None, detail: detail.into() }
    }

    /// Worth another attempt.
    pub fn temporary(detail: impl Into<String>) -> Self {
        let kind = ErrorKind::Temporary { after: None, outcome_unknown: false };
        Self { kind, status: None, detail: detail.into() }
    }

    /// The same error with the code that the service answered.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// One word for the ledger: `rejected`, `misconfigured`, `temporary`, `unknown` or `rate_limited`.
    pub fn outcome(&self) -> &'static str {
        match self.kind {
            ErrorKind::Rejected => "rejected",
            ErrorKind::Misconfigured { .. } => "misconfigured",
            ErrorKind::Temporary { outcome_unknown: false, .. } => "temporary",
            ErrorKind::Temporary { outcome_unknown: true, .. } => "unknown",
            ErrorKind::RateLimited { .. } => "rate_limited",
        }
    }
}

impl From<MissingVariable> for SendError {
    fn from(missing: MissingVariable) -> Self {
        Self::misconfigured(missing.to_string())
    }
}

impl From<UrlError> for SendError {
    fn from(error: UrlError) -> Self {
        Self::misconfigured(error.to_string())
    }
}

/// The way out for HTTP: one exchange, with time-outs, a cap on the answer and the address guard inside.
/// It follows no redirects and uses no proxies.
#[async_trait]
pub trait Transport: fmt::Debug + Send + Sync {
    /// Sends the request and reads the whole answer.
    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError>;
}

/// Why an exchange brought no answer. The text never holds an address or header.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The address guard refused the destination.
    #[error("the host's address is not allowed: {0}")]
    Refused(#[from] crate::Refusal),
    /// The request never left: nothing can have arrived.
    #[error("no connection: {0}")]
    Connect(Cow<'static, str>),
    /// The request may have arrived, the answer did not.
    #[error("no answer: {0}")]
    Answer(Cow<'static, str>),
    /// The answer was longer than the cap.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
    /// The request cannot be sent as it is.
    #[error("the request cannot be sent: {0}")]
    Request(Cow<'static, str>),
}

impl From<TransportError> for SendError {
    fn from(error: TransportError) -> Self {
        let detail = error.to_string();
        let kind = match error {
            TransportError::Refused(refusal) => ErrorKind::Misconfigured { blocked_network: refusal.allow() },
            TransportError::Connect(_) => ErrorKind::Temporary { after: None, outcome_unknown: false },
            TransportError::Answer(_) | TransportError::TooLong(_) => {
                ErrorKind::Temporary { after: None, outcome_unknown: true }
            }
            TransportError::Request(_) => ErrorKind::Rejected,
        };
        Self { kind, status: None, detail }
    }
}
