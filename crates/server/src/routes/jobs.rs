//! Jobs and the reports of their runs.

use axum::extract::State;
use fanfare::{JobView, core::JobId, core::merge_patch};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    accounts::Change,
    app::AppState,
    auth::{Allowed, Scope, ToAdminister, ToRead, ToSend},
    dto::{
        event::{Accepted, RunInput},
        job::{Job, JobChange, JobInput},
    },
    etag::{ETag, IfMatch},
    extract::{Id, IdempotencyKey, Json, Name, NoQuery, Strict, idempotency, limit, shape},
    problem::{BadBody, BadQuery, Conflicting, Denied, Missing, Problem, Stale},
    reply::{NoContent, Reply},
    witness,
};

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(list, create))
        .routes(routes!(show, update, delete))
        .routes(routes!(rotate_key))
        .routes(routes!(report))
}

/// List all jobs.
#[utoipa::path(
    get, path = "/api/v1/jobs", tag = "jobs", security(("token" = ["read"])), operation_id = "list_jobs",
    responses((status = 200, body = [Job]), Denied, BadQuery)
)]
async fn list(
    State(app): State<AppState>,
    Allowed { caller, .. }: Allowed<ToRead>,
    _: NoQuery,
) -> Result<Reply<Vec<Job>>, Problem> {
    let shows_key = caller.scope == Scope::Admin;
    let jobs = app.engine.jobs().await?;
    Ok(Reply::ok(jobs.into_iter().map(|job| Job::new(job, shows_key)).collect()))
}

/// Make a job.
#[utoipa::path(
    post, path = "/api/v1/jobs", tag = "jobs", security(("token" = ["admin"])), operation_id = "create_job",
    request_body = JobInput,
    responses(
        (status = 201, body = Job, headers(("Location" = String, description = "Where the job is"))),
        Denied, BadBody, Conflicting
    )
)]
async fn create(
    State(app): State<AppState>,
    by: Allowed<ToAdminister>,
    _: NoQuery,
    Json(input): Json<JobInput>,
) -> Result<Reply<Job>, Problem> {
    let job = Job::new(witness::by(&app, &by).create_job(input.into()).await?, true);
    Ok(Reply::created(format!("/api/v1/jobs/{}", job.id()), job))
}

/// Show a job.
#[utoipa::path(
    get, path = "/api/v1/jobs/{id}", tag = "jobs", security(("token" = ["read"])), operation_id = "show_job",
    params(("id" = Uuid, Path, description = "The job")),
    responses(
        (status = 200, body = Job, headers(("ETag" = String, description = "For `If-Match`"))),
        Denied, BadQuery, Missing
    )
)]
async fn show(
    State(app): State<AppState>,
    Allowed { caller, .. }: Allowed<ToRead>,
    Id(id): Id<JobId>,
    _: NoQuery,
) -> Result<Reply<Job>, Problem> {
    let job = app.engine.job(id).await?.ok_or_else(no_job)?;
    Ok(tagged(job, caller.scope == Scope::Admin))
}

/// Change a job.
///
/// What is absent stays, null resets to the default (RFC 7396); `notifications` is replaced as a whole.
#[utoipa::path(
    patch, path = "/api/v1/jobs/{id}", tag = "jobs", security(("token" = ["admin"])), operation_id = "update_job",
    request_body = JobChange,
    params(
        ("id" = Uuid, Path, description = "The job"),
        ("If-Match" = Option<String>, Header, description = "Change only the job with this `ETag`")
    ),
    responses(
        (status = 200, body = Job, headers(("ETag" = String, description = "For `If-Match`"))),
        Denied, BadBody, Missing, Conflicting, Stale
    )
)]
async fn update(
    State(app): State<AppState>,
    by: Allowed<ToAdminister>,
    Id(id): Id<JobId>,
    if_match: IfMatch,
    _: NoQuery,
    Json(Strict(patch)): Json<Strict>,
) -> Result<Reply<Job>, Problem> {
    // A null takes its member out before the merged document is read, so the patch is checked by itself.
    shape::<JobChange>(patch.clone())?;
    let _alone = app.editing_jobs.lock().await;
    let job = app.engine.stored_job(id).await?.ok_or_else(no_job)?;
    if_match.check(&etag(&job))?;
    let mut merged = serde_json::to_value(JobInput::of(&job)).map_err(|error| Problem::internal(&error))?;
    merge_patch(&mut merged, &patch);
    let job = witness::by(&app, &by).update_job(id, shape::<JobInput>(merged)?.into()).await?;
    Ok(tagged(job, true))
}

/// Delete a job. What was told of its runs stays in the ledger.
#[utoipa::path(
    delete, path = "/api/v1/jobs/{id}", tag = "jobs", security(("token" = ["admin"])), operation_id = "delete_job",
    params(
        ("id" = Uuid, Path, description = "The job"),
        ("If-Match" = Option<String>, Header, description = "Delete only the job with this `ETag`")
    ),
    responses((status = 204, description = "Deleted"), Denied, BadQuery, Missing, Stale)
)]
async fn delete(
    State(app): State<AppState>,
    by: Allowed<ToAdminister>,
    Id(id): Id<JobId>,
    if_match: IfMatch,
    _: NoQuery,
) -> Result<NoContent, Problem> {
    let _alone = app.editing_jobs.lock().await;
    let job = app.engine.stored_job(id).await?.ok_or_else(no_job)?;
    if_match.check(&etag(&job))?;
    witness::by(&app, &by).delete_job(id).await?;
    Ok(NoContent)
}

/// Give a job a new check-in key. The old one ends.
#[utoipa::path(
    post, path = "/api/v1/jobs/{id}/ping-key", tag = "jobs", security(("token" = ["admin"])),
    operation_id = "rotate_ping_key", params(("id" = Uuid, Path, description = "The job")),
    responses((status = 200, body = Job), Denied, BadQuery, Missing)
)]
async fn rotate_key(
    State(app): State<AppState>,
    by: Allowed<ToAdminister>,
    Id(id): Id<JobId>,
    _: NoQuery,
) -> Result<Reply<Job>, Problem> {
    Ok(tagged(witness::by(&app, &by).rotate_ping_key(id).await?, true))
}

/// Report a run of a job.
///
/// The answer comes when the run and its deliveries are stored, as for an event.
#[utoipa::path(
    post, path = "/api/v1/jobs/{id}/runs", tag = "jobs", security(("token" = ["send"])), operation_id = "report_run",
    request_body = RunInput,
    params(
        ("id" = String, Path, description = "The job's id, or its name percent-encoded"),
        ("Idempotency-Key" = Option<String>, Header, description = "Recognises a repeat for 24 hours")
    ),
    responses((status = 202, description = "Stored", body = Accepted), Denied, BadBody, Missing, Conflicting)
)]
async fn report(
    State(app): State<AppState>,
    Allowed { caller, .. }: Allowed<ToSend>,
    Name(job): Name,
    header: IdempotencyKey,
    _: NoQuery,
    Json(run): Json<RunInput, { limit::EVENT }>,
) -> Result<Reply<Accepted>, Problem> {
    // By its id, however the job is named here: a report that is repeated under another name is the same one.
    let id = app.engine.job_id(&job)?;
    caller.may_report(id)?;
    let endpoint = format!("POST /jobs/{id}/runs");
    let key = idempotency(&caller, &endpoint, header, run.idempotency_key.as_deref(), &run)?;
    Ok(Reply::accepted(app.engine.report_run(&job, run.into(), key).await?.into()))
}

fn no_job() -> Problem {
    Problem::not_found("job")
}

/// What the audit says of a job that is made, changed or deleted.
pub(crate) fn change(before: Option<&JobView>, after: Option<&JobView>) -> Change<'static> {
    let action = match (before, after) {
        (None, _) => "job.create",
        (Some(_), Some(_)) => "job.update",
        (Some(_), None) => "job.delete",
    };
    let id = before.or(after).map(|job| object(job.id)).unwrap_or_default();
    Change::of(action, id, before.map(JobInput::of).as_ref(), after.map(JobInput::of).as_ref())
}

/// What the audit says of a job that gets a new check-in key.
pub(crate) fn key_change(job: &JobView) -> Change<'static> {
    Change { action: "job.ping_key", object: object(job.id), ..Change::default() }
}

/// What the audit calls a job.
fn object(id: JobId) -> String {
    format!("job:{}", id.0)
}

fn tagged(job: JobView, shows_key: bool) -> Reply<Job> {
    let etag = etag(&job);
    Reply::ok(Job::new(job, shows_key)).tagged(&etag)
}

/// The mark of what can be changed in a job. Its latest run is not part of it: a change would otherwise be refused
/// because the job ran meanwhile.
fn etag(job: &JobView) -> ETag {
    ETag::of(&(job.id, JobInput::of(job), &job.ping_key))
}
