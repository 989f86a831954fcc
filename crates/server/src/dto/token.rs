//! Tokens.

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::words::Scope;
use crate::{
    accounts::{MadeToken, TokenSpec, TokenView},
    extract::rfc3339,
};

/// A token, without itself.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Token {
    /// Its identity.
    id: Uuid,
    /// What it is called.
    name: String,
    /// What it may do.
    scope: Scope,
    /// The only event types that it may send; null where it is not limited to any.
    event_types: Option<Vec<String>>,
    /// The only jobs whose runs it may report; null where it is not limited to any.
    jobs: Option<Vec<Uuid>>,
    /// Whether everything sent with it has to be signed.
    signed: bool,
    /// When it ends.
    expires_at: Option<Timestamp>,
    /// When it was last used.
    last_used_at: Option<Timestamp>,
    /// Who made it.
    created_by: String,
    /// When it was made.
    created_at: Timestamp,
}

/// A token that was made just now. It is not shown again.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NewToken {
    #[serde(flatten)]
    described: Token,
    /// What to send in the header `Authorization`, behind `Bearer `. It is shown this once.
    #[serde(serialize_with = "exposed")]
    #[schema(value_type = String)]
    token: SecretString,
    /// What to sign with (Standard Webhooks), where everything sent with it has to be signed. It is shown this once.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "exposed_if_any")]
    #[schema(value_type = Option<String>)]
    signing_secret: Option<SecretString>,
}

/// A token to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenInput {
    /// What it is called.
    #[schema(example = "backup server", min_length = 1, max_length = 200)]
    name: String,
    /// What it may do.
    pub(crate) scope: Scope,
    /// When it ends; absent: it does not.
    #[serde(default, deserialize_with = "rfc3339")]
    expires_at: Option<Timestamp>,
    /// The only event types that it may send. Only with the scope `send`. With this alone, it reports no runs.
    pub(crate) event_types: Option<Vec<String>>,
    /// The ids of the only jobs whose runs it may report. Only with the scope `send`. With this alone, it sends no
    /// events.
    pub(crate) jobs: Option<Vec<Uuid>>,
    /// Whether everything sent with it has to be signed, with a secret that is made for it. Only with the scope `send`.
    #[serde(default)]
    pub(crate) signed: bool,
}

impl NewToken {
    pub(crate) fn id(&self) -> Uuid {
        self.described.id
    }
}

impl From<MadeToken> for NewToken {
    fn from(MadeToken { token, signing_secret, view }: MadeToken) -> Self {
        Self { described: view.into(), token, signing_secret }
    }
}

impl From<TokenView> for Token {
    fn from(view: TokenView) -> Self {
        let TokenView { id, name, scope, expires_at, event_types, jobs, signed, last_used_at, created_by, created_at } =
            view;
        Self {
            id,
            name,
            scope: scope.into(),
            event_types,
            jobs,
            signed,
            expires_at,
            last_used_at,
            created_by,
            created_at,
        }
    }
}

impl From<TokenInput> for TokenSpec {
    fn from(input: TokenInput) -> Self {
        let TokenInput { name, scope, expires_at, event_types, jobs, signed } = input;
        Self { name, scope: scope.into(), expires_at, event_types, jobs, signed }
    }
}

fn exposed<S: serde::Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose_secret())
}

fn exposed_if_any<S: serde::Serializer>(secret: &Option<SecretString>, serializer: S) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(|secret| secret.expose_secret()).serialize(serializer)
}
