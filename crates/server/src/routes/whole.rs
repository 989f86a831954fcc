//! The whole configuration as one document.

use axum::extract::State;
use fanfare::ConfigTable;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::AppState,
    auth::{Allowed, ToAdminister},
    dto::whole::{ApplyInput, ExportDocument, ExportInput, ImportInput, ImportReport},
    extract::{Json, NoQuery, limit},
    problem::{BadBody, Denied, Problem},
    reply::Reply,
};

/// The server's own tables of configuration, beside the engine's.
const TABLES: &[ConfigTable] = &[];

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(export)).routes(routes!(import)).routes(routes!(apply))
}

/// Export the whole configuration as one document.
///
/// Channels, jobs and settings, with their ids; what is confidential is encrypted by the passphrase (argon2id,
/// XChaCha20-Poly1305). Raises `config_backup`.
#[utoipa::path(
    post, path = "/api/v1/export", tag = "service", security(("token" = ["admin"])),
    operation_id = "export_configuration", request_body = ExportInput,
    responses((status = 200, body = ExportDocument), Denied, BadBody)
)]
async fn export(
    State(app): State<AppState>,
    _: Allowed<ToAdminister>,
    _: NoQuery,
    Json(input): Json<ExportInput>,
) -> Result<Reply<ExportDocument>, Problem> {
    Ok(Reply::ok(ExportDocument(app.engine.export(&input.passphrase.0, TABLES).await?)))
}

/// Make the configuration what an exported document says.
///
/// All of it or nothing: what is not in a section of the document is removed, ids are kept. A section that the document
/// does not have stays as it is. With `dry_run`, it is only said what would change.
#[utoipa::path(
    post, path = "/api/v1/import", tag = "service", security(("token" = ["admin"])),
    operation_id = "import_configuration", request_body = ImportInput,
    responses((status = 200, body = ImportReport), Denied, BadBody)
)]
async fn import(
    State(app): State<AppState>,
    _: Allowed<ToAdminister>,
    _: NoQuery,
    Json(input): Json<ImportInput, { limit::BATCH }>,
) -> Result<Reply<ImportReport>, Problem> {
    let ImportInput { document, passphrase, dry_run } = input;
    Ok(Reply::ok(app.engine.import(&document.0, &passphrase.0, dry_run, TABLES).await?.into()))
}

/// Make channels, jobs and settings what a document wants, by name.
///
/// All of it or nothing; done twice, the second time changes nothing. What the document does not mention stays as it is.
/// With `dry_run`, it is only said what would change.
#[utoipa::path(
    post, path = "/api/v1/apply", tag = "service", security(("token" = ["admin"])),
    operation_id = "apply_configuration", request_body = ApplyInput,
    responses((status = 200, body = ImportReport), Denied, BadBody)
)]
async fn apply(
    State(app): State<AppState>,
    _: Allowed<ToAdminister>,
    _: NoQuery,
    Json(ApplyInput { document, dry_run }): Json<ApplyInput>,
) -> Result<Reply<ImportReport>, Problem> {
    Ok(Reply::ok(app.engine.apply(&document.0, dry_run).await?.into()))
}
