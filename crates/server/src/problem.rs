//! Errors as the API tells them: `application/problem+json` (RFC 9457).
//!
//! This is the one place that knows which status belongs to which refusal of the engine. What a caller reads
//! and what the log records are two messages: the cause of a 5xx stays in the log.

mod refusals;

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use fanfare::{
    AcceptError, ConfigureError, StoreError,
    core::{Fault, escape_pointer},
};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) use refusals::{
    BadBody, BadQuery, Conflicting, Denied, Failing, Missing, Stale, TooMany, Turned, Unavailable, WrongCredentials,
};

use crate::{accounts::AccessError, reply};

/// What went wrong, as a document (RFC 9457).
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody {
    /// What kind of problem this is: a URN that programs can compare.
    #[serde(rename = "type")]
    #[schema(example = "urn:fanfare:problem:invalid", value_type = String)]
    kind: &'static str,
    /// The kind in words.
    #[schema(value_type = String)]
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What is wrong in this case, and what to do about it.
    detail: String,
    /// Each thing that is wrong with the input, and where.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<InputError>,
    /// Where a channel that cannot be deleted is used.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    uses: Vec<String>,
    /// After how many seconds to try again, for the header `Retry-After`.
    #[serde(skip)]
    retry_after: Option<u64>,
}

/// One thing that is wrong with the input.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct InputError {
    /// Where: a JSON pointer (RFC 6901) into the body, or `/` and the name of a query parameter.
    pointer: String,
    /// What is wrong there.
    detail: String,
}

impl From<Fault> for InputError {
    fn from(fault: Fault) -> Self {
        Self { pointer: fault.pointer, detail: fault.detail }
    }
}

/// A refusal on its way to the caller.
#[derive(Clone, Debug)]
pub(crate) struct Problem(Box<ProblemBody>);

/// The kinds of problem: status, URN and title.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind(StatusCode, &'static str, &'static str);

impl Kind {
    pub(crate) const MALFORMED: Self =
        Self(StatusCode::BAD_REQUEST, "urn:fanfare:problem:malformed", "The request cannot be read");
    pub(crate) const TOO_DEEP: Self =
        Self(StatusCode::BAD_REQUEST, "urn:fanfare:problem:too-deep", "The document is nested too deeply");
    const UNAUTHORIZED: Self =
        Self(StatusCode::UNAUTHORIZED, "urn:fanfare:problem:unauthorized", "Credentials are needed");
    const FORBIDDEN: Self =
        Self(StatusCode::FORBIDDEN, "urn:fanfare:problem:forbidden", "These credentials do not allow this");
    const CROSS_SITE: Self =
        Self(StatusCode::FORBIDDEN, "urn:fanfare:problem:cross-site", "Another site may have asked for this");
    const TOO_MANY: Self =
        Self(StatusCode::TOO_MANY_REQUESTS, "urn:fanfare:problem:too-many", "There were too many requests");
    const EMAIL_TAKEN: Self =
        Self(StatusCode::CONFLICT, "urn:fanfare:problem:email-taken", "The e-mail address is taken");
    const NOT_FOUND: Self = Self(StatusCode::NOT_FOUND, "urn:fanfare:problem:not-found", "There is nothing here");
    pub(crate) const METHOD: Self =
        Self(StatusCode::METHOD_NOT_ALLOWED, "urn:fanfare:problem:method", "This cannot be done here");
    pub(crate) const TIMEOUT: Self =
        Self(StatusCode::REQUEST_TIMEOUT, "urn:fanfare:problem:timeout", "The request took too long");
    const CONFLICT: Self = Self(StatusCode::CONFLICT, "urn:fanfare:problem:conflict", "This cannot be done now");
    const NAME_TAKEN: Self = Self(StatusCode::CONFLICT, "urn:fanfare:problem:name-taken", "The name is taken");
    const IN_USE: Self = Self(StatusCode::CONFLICT, "urn:fanfare:problem:in-use", "The channel is in use");
    const KEY_REUSED: Self =
        Self(StatusCode::CONFLICT, "urn:fanfare:problem:key-reused", "The idempotency key was used before");
    const CHANGED: Self =
        Self(StatusCode::PRECONDITION_FAILED, "urn:fanfare:problem:changed", "The document has changed");
    pub(crate) const TOO_LARGE: Self =
        Self(StatusCode::PAYLOAD_TOO_LARGE, "urn:fanfare:problem:too-large", "The body is too large");
    pub(crate) const MEDIA_TYPE: Self =
        Self(StatusCode::UNSUPPORTED_MEDIA_TYPE, "urn:fanfare:problem:media-type", "The body must be JSON");
    const INVALID: Self =
        Self(StatusCode::UNPROCESSABLE_ENTITY, "urn:fanfare:problem:invalid", "The input is not valid");
    pub(crate) const KEY_FILE: Self =
        Self(StatusCode::INTERNAL_SERVER_ERROR, "urn:fanfare:problem:key-file", "The key file cannot be written");
    const INTERNAL: Self =
        Self(StatusCode::INTERNAL_SERVER_ERROR, "urn:fanfare:problem:internal", "The server made a mistake");
    const FULL: Self = Self(StatusCode::INSUFFICIENT_STORAGE, "urn:fanfare:problem:full", "The disk is full");
    const UNAVAILABLE: Self =
        Self(StatusCode::SERVICE_UNAVAILABLE, "urn:fanfare:problem:unavailable", "The server cannot do this now");
}

impl Problem {
    pub(crate) fn new(Kind(status, kind, title): Kind, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self(Box::new(ProblemBody {
            kind,
            title,
            status: status.as_u16(),
            detail,
            errors: Vec::new(),
            uses: Vec::new(),
            retry_after: None,
        }))
    }

    /// Nobody said who is asking, or it is nobody we know.
    pub(crate) fn unauthorized(detail: &str) -> Self {
        Self::new(Kind::UNAUTHORIZED, detail)
    }

    /// The credentials are valid and do not allow this.
    pub(crate) fn forbidden(scope: &str) -> Self {
        Self::new(Kind::FORBIDDEN, format!("this needs a token or an account with the scope {scope}"))
    }

    /// The token is limited, and this is not among what it may send.
    pub(crate) fn beyond_limits(what: &str) -> Self {
        Self::new(Kind::FORBIDDEN, format!("this token is limited, and may not send {what}"))
    }

    /// A token cannot do what belongs to a session.
    pub(crate) fn needs_session() -> Self {
        Self::new(Kind::FORBIDDEN, "this belongs to a session: sign in with an account")
    }

    /// Another site may have made the browser ask for this.
    pub(crate) fn cross_site(why: &str) -> Self {
        Self::new(Kind::CROSS_SITE, why)
    }

    /// Too many requests, until this time has passed.
    pub(crate) fn too_many(wait: Duration) -> Self {
        // Rounded up: who comes exactly then must not come too early.
        let seconds = wait.as_millis().div_ceil(1_000).max(1);
        let mut problem = Self::new(Kind::TOO_MANY, format!("try again in {seconds} s"));
        problem.0.retry_after = u64::try_from(seconds).ok();
        problem
    }

    /// There is no such thing.
    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(Kind::NOT_FOUND, format!("there is no such {what}"))
    }

    /// The input is wrong in these places.
    pub(crate) fn invalid(faults: Vec<Fault>) -> Self {
        let faults: Vec<_> = faults.into_iter().map(at_the_member).collect();
        let detail = match faults.as_slice() {
            [fault] => fault.to_string(),
            faults => format!("{} things are wrong: see errors", faults.len()),
        };
        Self::new(Kind::INVALID, detail).with_errors(faults)
    }

    /// The input is wrong in this place.
    pub(crate) fn fault(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::invalid(vec![Fault::new(pointer, detail)])
    }

    /// What the caller read has changed meanwhile.
    pub(crate) fn changed() -> Self {
        ConfigureError::Changed.into()
    }

    /// Our own mistake; the cause goes to the log.
    pub(crate) fn internal(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(%cause, "a request failed");
        Self::new(Kind::INTERNAL, "this is a mistake of the server: its log says more")
    }

    /// Something that we need is not there; the cause goes to the log.
    pub(crate) fn unavailable(cause: &dyn std::fmt::Display) -> Self {
        tracing::warn!(%cause, "a request could not be served");
        Self::new(Kind::UNAVAILABLE, "the database does not answer, and nothing was changed: try again later")
    }

    /// Whether something was stored is not known; the cause goes to the log.
    pub(crate) fn uncertain(cause: &dyn std::fmt::Display) -> Self {
        tracing::warn!(%cause, "a request could not be served");
        let detail = "the connection to the database broke, and whether this was stored is not known: try again, with the \
                      same idempotency key if there was one";
        Self::new(Kind::UNAVAILABLE, detail)
    }

    /// There is no space left; the cause goes to the log.
    pub(crate) fn full(cause: &dyn std::fmt::Display) -> Self {
        tracing::warn!(%cause, "a request could not be served");
        let detail = "there is no space left for the database, and nothing was changed: free some on its disk, then try \
                      again; no restart is needed";
        Self::new(Kind::FULL, detail)
    }

    /// The status, for a result inside a batch.
    pub(crate) fn status(&self) -> u16 {
        self.0.status
    }

    /// The kind of problem in words.
    pub(crate) fn title(&self) -> &'static str {
        self.0.title
    }

    /// What is wrong, and what to do about it.
    pub(crate) fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The document, for a result inside a batch.
    pub(crate) fn into_body(self) -> ProblemBody {
        *self.0
    }

    /// The same problem of a part of a document, which the caller sent without its surroundings.
    #[must_use]
    pub(crate) fn relative_to(mut self, prefix: &str) -> Self {
        for error in &mut self.0.errors {
            if let Some(rest) = error.pointer.strip_prefix(prefix)
                && (rest.is_empty() || rest.starts_with('/'))
            {
                error.pointer = rest.to_owned();
            }
        }
        if let [error] = self.0.errors.as_slice() {
            self.0.detail = Fault::new(error.pointer.as_str(), error.detail.as_str()).to_string();
        }
        self
    }

    fn with_errors(mut self, faults: Vec<Fault>) -> Self {
        self.0.errors = faults.into_iter().map(InputError::from).collect();
        self
    }
}

impl From<AcceptError> for Problem {
    fn from(error: AcceptError) -> Self {
        match error {
            AcceptError::Invalid(faults) => Self::invalid(faults),
            AcceptError::NoJob(_) => Self::new(Kind::NOT_FOUND, error.to_string()),
            AcceptError::KeyReused => Self::new(Kind::KEY_REUSED, error.to_string()),
            AcceptError::Unavailable(cause) => Self::unavailable(&cause),
            AcceptError::Uncertain => Self::uncertain(&error),
            AcceptError::Full => Self::full(&error),
        }
    }
}

impl From<ConfigureError> for Problem {
    fn from(error: ConfigureError) -> Self {
        let detail = error.to_string();
        match error {
            ConfigureError::Invalid(faults) => Self::invalid(faults),
            ConfigureError::NotFound(what) => Self::not_found(what),
            ConfigureError::NameTaken(_) => {
                Self::new(Kind::NAME_TAKEN, detail.as_str()).with_errors(vec![Fault::new("/name", detail)])
            }
            ConfigureError::InUse(uses) => {
                let mut problem = Self::new(Kind::IN_USE, format!("{detail}: take it out there, or use force=true"));
                problem.0.uses = uses;
                problem
            }
            ConfigureError::Conflict(_) => Self::new(Kind::CONFLICT, detail),
            ConfigureError::Changed => Self::new(Kind::CHANGED, detail),
            ConfigureError::Store(error) => error.into(),
        }
    }
}

impl From<AccessError> for Problem {
    fn from(error: AccessError) -> Self {
        let detail = error.to_string();
        match error {
            AccessError::Invalid(faults) => Self::invalid(faults),
            AccessError::NotFound(what) => Self::not_found(what),
            AccessError::EmailTaken => {
                Self::new(Kind::EMAIL_TAKEN, detail.as_str()).with_errors(vec![Fault::new("/email", detail)])
            }
            AccessError::LastAdmin | AccessError::SetUp => Self::new(Kind::CONFLICT, detail),
            AccessError::WrongCredentials => Self::unauthorized(&detail),
            AccessError::WrongSetupKey => Self::new(Kind::FORBIDDEN, detail),
            AccessError::TooMany(wait) => Self::too_many(wait),
            AccessError::Hashing(_) => Self::internal(&detail),
            AccessError::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            full if full.is_full() => Self::full(&full),
            StoreError::Uncertain(_) => Self::uncertain(&error),
            StoreError::Database(_) | StoreError::Sqlite(_) | StoreError::Closed => Self::unavailable(&error),
            StoreError::NameTaken(name) => ConfigureError::NameTaken(name).into(),
            other => Self::internal(&other),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let bytes = serde_json::to_vec(&self.0).unwrap_or_default();
        let mut response = reply::bytes(status, HeaderValue::from_static("application/problem+json"), bytes);
        let extra = match status {
            StatusCode::UNAUTHORIZED => Some((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            StatusCode::SERVICE_UNAVAILABLE => Some((header::RETRY_AFTER, HeaderValue::from_static("1"))),
            _ => self.0.retry_after.map(|seconds| (header::RETRY_AFTER, HeaderValue::from(seconds))),
        };
        if let Some((name, value)) = extra {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

/// A parser says of a member that is missing, or there twice, only what it belongs to. It is pointed at itself.
fn at_the_member(fault: Fault) -> Fault {
    let named = |start: &str| fault.detail.strip_prefix(start).and_then(|rest| rest.strip_suffix('`'));
    let (name, why) = match (named("missing field `"), named("duplicate field `")) {
        (Some(name), _) => (name, "is required"),
        (_, Some(name)) => (name, "stands here twice"),
        (None, None) => return fault,
    };
    Fault::new(format!("{}/{}", fault.pointer, escape_pointer(name)), format!("{name} {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_engine_refuses_has_one_status_each() {
        let check = |problem: Problem, status: u16, text: &str| {
            assert_eq!(problem.status(), status);
            let body = serde_json::to_string(&problem.into_body()).unwrap();
            assert!(body.contains(text), "{text} is missing in {body}");
        };
        let fault = || vec![Fault::new("/data/path", "wrong")];
        check(AcceptError::Invalid(fault()).into(), 422, r#"{"pointer":"/data/path","detail":"wrong"}"#);
        check(AcceptError::NoJob("nightly".into()).into(), 404, "nightly");
        check(AcceptError::KeyReused.into(), 409, "key-reused");
        check(AcceptError::Unavailable("secret cause".into()).into(), 503, "try again");
        check(AcceptError::Uncertain.into(), 503, "not known");
        check(AcceptError::Full.into(), 507, "no space left");
        check(ConfigureError::NotFound("channel").into(), 404, "channel");
        check(ConfigureError::NameTaken("a".into()).into(), 409, r#""pointer":"/name""#);
        check(ConfigureError::InUse(vec!["job nightly".into()]).into(), 409, r#""uses":["job nightly"]"#);
        check(ConfigureError::Conflict("nobody to tell".into()).into(), 409, "nobody to tell");
        check(ConfigureError::Changed.into(), 412, "read it again");
        let hidden = Problem::from(AcceptError::Unavailable("secret cause".into()));
        assert!(!serde_json::to_string(&hidden.into_body()).unwrap().contains("secret"));
    }

    #[test]
    fn a_part_of_a_document_has_pointers_of_its_own() {
        let whole = Problem::invalid(vec![
            Fault::new("/events/user_login/notify_user", "needs mail"),
            Fault::new("/events/user_login2", "other"),
        ]);
        let pointers: Vec<_> =
            whole.relative_to("/events/user_login").into_body().errors.into_iter().map(|e| e.pointer).collect();
        assert_eq!(pointers, ["/notify_user", "/events/user_login2"]);
    }
}
