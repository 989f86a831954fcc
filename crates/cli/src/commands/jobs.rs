//! `fanfare jobs`

use std::collections::HashMap;

use super::{Session, answers::Job};
use crate::{
    args::PingKeyArgs,
    client::Answer,
    failure::Failure,
    output::{Cell, Screen, Table, clean, details, duration, exact, relative},
};

pub(super) async fn list(session: &Session) -> Result<(), Failure> {
    let answer = session.client.get(&["jobs"], &[]).await?;
    session.show(&answer, |jobs: &Vec<Job>, screen| table(jobs, screen))
}

pub(super) async fn show(name: &str, session: &Session) -> Result<(), Failure> {
    let id = session.job(name).await?;
    show_answer(&session.client.get(&["jobs", &id], &[]).await?, session).await
}

pub(super) async fn ping_key(args: PingKeyArgs, session: &Session) -> Result<(), Failure> {
    let id = session.job(&args.job).await?;
    let answer = match args.rotate {
        true => session.client.post(&["jobs", &id, "ping-key"], None).await?,
        false => session.client.get(&["jobs", &id], &[]).await?,
    };
    let job: Job = answer.read()?;
    let key = job.ping_key.ok_or_else(|| {
        Failure::Failed("the check-in address is shown to administrators only: use a token with the scope admin".into())
    })?;
    let address = format!("{}/ping/{}", session.client.server(), clean(&key));
    session.show(&answer, |_: &Job, _| address)
}

/// Shows a job with the names of its channels.
pub(super) async fn show_answer(answer: &Answer, session: &Session) -> Result<(), Failure> {
    let names = if session.json { HashMap::new() } else { session.channel_names().await? };
    session.show(answer, |job: &Job, screen| with_names(job, &names, screen))
}

fn table(jobs: &[Job], screen: &Screen) -> String {
    let mut table = Table::new(["NAME", "LAST RUN", "WHEN", "TOOK", "EXPECTED", "TELLS", "ID", "~ERROR"]);
    for job in jobs {
        let run = job.last_run.as_ref();
        table.row([
            Cell::from(&job.name),
            Cell::state(run.map_or("", |run| run.outcome.as_str())),
            run.map(|run| relative(run.at, screen.now)).unwrap_or_default().into(),
            run.and_then(|run| run.duration_ms).map(duration).unwrap_or_default().into(),
            job.next_expected_at.map(|at| relative(at, screen.now)).unwrap_or_default().into(),
            job.notifications.len().to_string().into(),
            screen.id(&job.id).into(),
            run.and_then(|run| run.error.as_deref()).unwrap_or_default().into(),
        ]);
    }
    table.render(screen, "There are no jobs yet.")
}

fn with_names(job: &Job, names: &HashMap<String, String>, screen: &Screen) -> String {
    let seconds = |seconds: Option<u64>| seconds.map(whole_seconds).unwrap_or_default();
    let time = |time| exact(time, screen.now);
    let run = job.last_run.as_ref();
    let head = details(
        screen,
        [
            ("name", Cell::from(&job.name)),
            ("id", (&job.id).into()),
            ("last run", run.map_or("never".into(), |run| Cell::state(&run.outcome))),
            ("ended", run.map(|run| time(run.at)).unwrap_or_default().into()),
            ("took", run.and_then(|run| run.duration_ms).map(duration).unwrap_or_default().into()),
            ("error", run.and_then(|run| run.error.as_deref()).unwrap_or_default().into()),
            ("expected every", seconds(job.expect_every_s).into()),
            ("may be late by", seconds(job.grace_s).into()),
            ("next expected", job.next_expected_at.map(time).unwrap_or_default().into()),
            ("created", job.created_at.map(time).unwrap_or_default().into()),
            ("changed", job.updated_at.map(time).unwrap_or_default().into()),
        ],
    );
    let mut table = Table::new(["CHANNEL", "~HEARS OF"]).inner();
    for assignment in &job.notifications {
        let channel = names.get(&assignment.channel_id).unwrap_or(&assignment.channel_id);
        table.row([channel.into(), condition(&assignment.condition).into()]);
    }
    format!("{head}\n\n{}\n{}", screen.heading("Told"), table.render(screen, "nobody"))
}

/// A time that is set in seconds, and so has no parts of them.
fn whole_seconds(seconds: u64) -> String {
    if seconds < 60 { format!("{seconds} s") } else { duration(seconds.saturating_mul(1_000)) }
}

fn condition(condition: &str) -> &str {
    match condition {
        "always" => "every run",
        "on_success" => "success",
        "on_failure" => "failure, partial success, a run that is missed",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::output::test_screen;

    fn sample() -> Job {
        serde_json::from_value(json!({
            "id": "01987a5e-1234-7000-8000-000011112222", "name": "nightly",
            "notifications": [{ "channel_id": "c1", "condition": "on_failure" }],
            "expect_every_s": 86400, "grace_s": null,
            "last_run": { "event_id": "e", "outcome": "failure", "at": "2026-03-29T10:00:00Z", "duration_ms": 4200,
                          "size_bytes": null, "error": "disk full" },
            "next_expected_at": "2026-03-30T10:00:00Z",
            "created_at": "2026-03-01T12:00:00Z", "updated_at": "2026-03-01T12:00:00Z",
        }))
        .unwrap()
    }

    #[test]
    fn jobs_are_listed_with_their_last_run() {
        let expected = "\
NAME     LAST RUN  WHEN     TOOK   EXPECTED  TELLS  ID        ERROR
nightly  failure   2 h ago  4.2 s  in 22 h   1      11112222  disk full";
        assert_eq!(table(&[sample()], &test_screen(Some(80))), expected);
    }

    #[test]
    fn a_job_is_shown_with_who_hears_of_it() {
        let names = HashMap::from([("c1".to_owned(), "on-call".to_owned())]);
        let text = with_names(&sample(), &names, &test_screen(Some(80)));
        assert!(text.contains("expected every  24 h\n"), "{text}");
        let hurried = Job { expect_every_s: Some(5), grace_s: Some(0), ..sample() };
        let text = with_names(&hurried, &names, &test_screen(Some(80)));
        assert!(text.contains("expected every  5 s\n") && text.contains("may be late by  0 s\n"), "{text}");
        let text = with_names(&sample(), &names, &test_screen(Some(80)));
        assert!(
            text.ends_with("Told\n  CHANNEL  HEARS OF\n  on-call  failure, partial success, a run that is missed"),
            "{text}"
        );
    }
}
