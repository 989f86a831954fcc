//! The audit: who changed what, and when.

use axum::{
    body::{Body, Bytes},
    extract::State,
    response::{IntoResponse, Response},
};
use fanfare::{Page, StoreError};
use futures_util::stream;
use http::{HeaderValue, StatusCode};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    accounts::{Accounts, AuditFilter},
    app::AppState,
    auth::{Allowed, ToAdminister},
    dto::audit::{AuditEntry, AuditQuery, ExportFormat},
    extract::Query,
    page::{List, Stretch},
    problem::{BadQuery, Denied, Problem},
    reply::{self, Reply},
};

/// How many entries of an export are read at once.
const AT_ONCE: u64 = 500;

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(list))
}

/// List who changed what, newest first.
///
/// With `format`, the answer is a file with all entries that fit, for keeping elsewhere.
#[utoipa::path(
    get, path = "/api/v1/audit", tag = "accounts", security(("token" = ["admin"])), operation_id = "list_audit",
    params(AuditQuery),
    responses(
        (status = 200, content(
            (List<AuditEntry> = "application/json"), (String = "application/jsonl"), (String = "text/csv")
        )),
        Denied, BadQuery
    )
)]
async fn list(
    State(app): State<AppState>,
    _: Allowed<ToAdminister>,
    Query(query): Query<AuditQuery>,
) -> Result<Response, Problem> {
    let filter = query.filter();
    if let Some(format) = query.format {
        return Ok(export(app.accounts.clone(), filter, format));
    }
    let stretch = Stretch::new(query.limit, query.cursor.as_deref())?;
    let entries = app.accounts.audit_entries(&filter, stretch.page()).await?;
    let list: List<AuditEntry> = stretch.list(entries, |entry| entry.id);
    Ok(Reply::ok(list).into_response())
}

/// All entries that fit, read and sent a stretch at a time.
fn export(accounts: Accounts, filter: AuditFilter, format: ExportFormat) -> Response {
    let head = Some(Ok(Bytes::from_static(format.head().as_bytes())));
    let rest = stream::try_unfold(Some(Page { before: None, limit: AT_ONCE }), move |page| {
        let (accounts, filter) = (accounts.clone(), filter.clone());
        async move {
            let Some(page) = page else { return Ok::<_, StoreError>(None) };
            let entries = accounts.audit_entries(&filter, page).await?;
            let next = entries.last().filter(|_| entries.len() as u64 == AT_ONCE).map(|last| last.id);
            let next = next.map(|id| Page { before: Some(id), limit: AT_ONCE });
            let lines: String = entries.into_iter().map(|entry| format.line(&entry.into())).collect();
            Ok(Some((Bytes::from(lines), next)))
        }
    });
    let body = Body::from_stream(futures_util::StreamExt::chain(stream::iter(head), rest));
    let mut response = reply::bytes(StatusCode::OK, HeaderValue::from_static(format.content_type()), Bytes::new());
    *response.body_mut() = body;
    response
}
