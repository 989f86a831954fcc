//! The whole configuration as one document.

use axum::extract::State;
use fanfare::{Column, ConfigTable, core::Fault};
use serde_json::Value;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use crate::{
    accounts::Change,
    app::AppState,
    auth::{Allowed, ToAdminister},
    dto::whole::{ApplyInput, ExportDocument, ExportInput, ImportInput, ImportReport},
    extract::{Json, NoQuery, limit},
    problem::{BadBody, Denied, Problem},
    reply::Reply,
    witness,
};

/// The server's own tables of configuration, beside the engine's: accounts and tokens, as hashes.
const TABLES: &[ConfigTable] = &[
    ConfigTable {
        name: "users",
        table: "fanfare_users",
        columns: &[
            ("id", Column::Id),
            ("name", Column::Text),
            ("email", Column::Text),
            ("email_key", Column::Text),
            ("role", Column::Text),
            ("password", Column::Confidential),
            ("created_at", Column::Number),
            ("updated_at", Column::ChangedAt),
        ],
        label: "email",
        unique: Some("email_key"),
    },
    ConfigTable {
        name: "tokens",
        table: "fanfare_tokens",
        columns: &[
            ("id", Column::Id),
            ("name", Column::Text),
            ("hash", Column::Bytes),
            ("scope", Column::Text),
            ("event_types", Column::Json),
            ("jobs", Column::Json),
            ("expires_at", Column::Number),
            ("created_by", Column::Text),
            ("created_at", Column::Number),
            ("signing_secret", Column::Sealed),
        ],
        label: "name",
        unique: None,
    },
];

/// What only the server knows of its own tables.
fn check(document: &Value) -> Result<(), Problem> {
    let mut faults = Vec::new();
    let mut each = |section: &str, member: &str, is_right: &dyn Fn(&Value) -> bool| {
        for (i, row) in document["sections"][section].as_array().into_iter().flatten().enumerate() {
            if !is_right(&row[member]) {
                let place = format!("/document/sections/{section}/{i}/{member}");
                faults.push(Fault::new(place, "this is not a value that it can have"));
            }
        }
    };
    let among = |words: &'static [&'static str]| move |value: &Value| words.iter().any(|word| value == *word);
    let list = |of: fn(&str) -> bool| {
        move |value: &Value| {
            let is_one = |item: &Value| item.as_str().is_some_and(of);
            value.is_null() || value.as_array().is_some_and(|items| items.iter().all(is_one))
        }
    };
    each("users", "role", &among(&["admin", "viewer"]));
    each("tokens", "scope", &among(&["send", "read", "admin"]));
    each("tokens", "event_types", &list(|_| true));
    each("tokens", "jobs", &list(|id| id.parse::<Uuid>().is_ok()));
    if faults.is_empty() { Ok(()) } else { Err(Problem::invalid(faults)) }
}

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(export)).routes(routes!(import)).routes(routes!(apply))
}

/// Export the whole configuration as one document.
///
/// Channels, jobs, settings, accounts and tokens (as hashes), with their ids; what is confidential is encrypted by the
/// passphrase (argon2id, XChaCha20-Poly1305). Raises `config_backup`.
#[utoipa::path(
    post, path = "/api/v1/export", tag = "service", security(("token" = ["admin"])),
    operation_id = "export_configuration", request_body = ExportInput,
    responses((status = 200, body = ExportDocument), Denied, BadBody)
)]
async fn export(
    State(app): State<AppState>,
    by: Allowed<ToAdminister>,
    _: NoQuery,
    Json(input): Json<ExportInput>,
) -> Result<Reply<ExportDocument>, Problem> {
    let document = app.engine.export(&input.passphrase.0, TABLES).await?;
    let change = Change { action: "configuration.export", object: "configuration".into(), ..Change::default() };
    // It holds everything, so nobody gets it without a trace.
    app.accounts.write_down(&by.actor(), change).await?;
    Ok(Reply::ok(ExportDocument(document)))
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
    by: Allowed<ToAdminister>,
    _: NoQuery,
    Json(input): Json<ImportInput, { limit::BATCH }>,
) -> Result<Reply<ImportReport>, Problem> {
    let ImportInput { document, passphrase, dry_run } = input;
    check(&document.0)?;
    let report = witness::by(&app, &by).import(&document.0, &passphrase.0, dry_run, TABLES).await?;
    if report.applied {
        app.accounts.imported().await?;
    }
    Ok(Reply::ok(report.into()))
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
    by: Allowed<ToAdminister>,
    _: NoQuery,
    Json(ApplyInput { document, dry_run }): Json<ApplyInput>,
) -> Result<Reply<ImportReport>, Problem> {
    Ok(Reply::ok(witness::by(&app, &by).apply(&document.0, dry_run).await?.into()))
}

/// What the audit says of a whole configuration that is written: where, and never values.
pub(crate) fn change<'a>(action: &'a str, report: &fanfare::ImportReport) -> Change<'a> {
    // A document of ours can always be written.
    let after = serde_json::to_value(ImportReport::from(report.clone())).ok();
    Change { action, object: "configuration".into(), after, ..Change::default() }
}
