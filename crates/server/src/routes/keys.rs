//! The keys that secrets are encrypted with.

use axum::extract::State;
use fanfare::Rotated;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    accounts::Change,
    app::AppState,
    auth::{Allowed, ToAdminister},
    extract::NoQuery,
    problem::{BadQuery, Denied, Problem},
    reply::Reply,
    witness,
};

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(rotate))
}

/// That all secrets are encrypted anew.
#[derive(Debug, Serialize, ToSchema)]
struct KeysRotated {
    /// How many values were encrypted.
    secrets: u64,
    /// A fingerprint of the key that they are encrypted with now. It says nothing of the key itself.
    key: String,
    /// Whether the key is a new one, in the server's key file; else it is the first of those that the operator gives.
    new: bool,
}

/// Encrypt all secrets anew.
///
/// With a new key where the server keeps the key in a file, which has the old one beside it until all is done; with
/// the first of `FANFARE_SECRET_KEY` where that is set. Deliveries go on meanwhile.
#[utoipa::path(
    post, path = "/api/v1/keys/rotate", tag = "service", security(("token" = ["admin"])), operation_id = "rotate_keys",
    responses((status = 200, body = KeysRotated), Denied, BadQuery)
)]
async fn rotate(
    State(app): State<AppState>,
    by: Allowed<ToAdminister>,
    _: NoQuery,
) -> Result<Reply<KeysRotated>, Problem> {
    let rotated = app.keys.rotate(&witness::by(&app, &by)).await?;
    let Rotated { secrets, fingerprint } = &rotated;
    tracing::info!(secrets, key = fingerprint, "all secrets were encrypted anew");
    Ok(Reply::ok(KeysRotated::new(&rotated, app.keys.are_ours())))
}

impl KeysRotated {
    fn new(Rotated { secrets, fingerprint }: &Rotated, new: bool) -> Self {
        Self { secrets: *secrets, key: fingerprint.clone(), new }
    }
}

/// What the audit says of a change of keys.
pub(crate) fn change(rotated: &Rotated, new: bool) -> Change<'static> {
    Change::of("keys.rotate", "keys", None::<&KeysRotated>, Some(&KeysRotated::new(rotated, new)))
}
