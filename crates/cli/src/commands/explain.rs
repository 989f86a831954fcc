//! `fanfare explain`

use serde_json::{Map, Value};

use super::{
    Session,
    answers::{DataField, Explained, Notification},
    pairs::Pairs,
    send::{self, skips, who, why},
    wording,
};
use crate::{
    args::{ExplainArgs, ExplainedOutcome, word},
    failure::Failure,
    output::{Cell, Screen, Table, Tone, details, indented},
};

pub(super) async fn run(args: ExplainArgs, session: &Session) -> Result<(), Failure> {
    let mut question = match (args.job, args.outcome) {
        (Some(job), Some(outcome)) => {
            // The place of the type holds a pair then, since there is no type to name.
            let data = args.event_type.into_iter().chain(args.event.data);
            run_of(job, outcome, Pairs::parse(data)?.with_files()?, args.event.occurred_at)
        }
        _ => send::event(args.event_type.unwrap_or_default(), args.event, session).await?,
    };
    if let Some(file) = &args.wording {
        question.insert("wording".into(), wording::read(file)?);
    }
    let answer = session.client.post(&["events", "explain"], Some(&Value::Object(question))).await?;
    session.show(&answer, explanation)
}

/// A job's run, as the API takes it.
fn run_of(job: String, outcome: ExplainedOutcome, pairs: Pairs, occurred_at: Option<String>) -> Map<String, Value> {
    let number = |name: &str| DataField {
        name: name.into(),
        kind: "integer".into(),
        required: false,
        description: String::new(),
        unit: None,
        values: None,
    };
    let mut run = pairs.data(&["duration_ms", "size_bytes"].map(number));
    run.insert("job".into(), job.into());
    run.insert("outcome".into(), word(&outcome).into());
    if let Some(time) = occurred_at {
        run.insert("occurred_at".into(), time.into());
    }
    run
}

fn explanation(explained: &Explained, screen: &Screen) -> String {
    let mut parts = vec![format!("{}\n{}", screen.heading("It would say"), said(&explained.notification, screen))];
    parts.extend(explained.wording_error.as_deref().map(|error| unused(error, screen)));
    if explained.plan.targets.is_empty() {
        parts.push(screen.toned("Nobody would be told.", Tone::Waiting));
    } else {
        let mut table = Table::new(["CHANNEL", "TARGET", "STATE", "~WHY"]).inner();
        for target in &explained.plan.targets {
            let state = if target.held { Cell::state("held") } else { "".into() };
            table.row([
                target.channel_name.as_str().into(),
                who(&target.target).into(),
                state,
                why(&target.reason).into(),
            ]);
        }
        parts.push(format!("{}\n{}", screen.heading("Would be told"), table.render(screen, "")));
    }
    parts.extend(skips(&explained.plan.skips, screen));
    for (names, payload) in payloads(explained) {
        parts.push(would_get(&names.join(", "), payload, screen));
    }
    if let Some(user) = &explained.user {
        parts.push(format!("{}\n{}", screen.heading("It would say to the user"), said(&user.notification, screen)));
        let error = user.payload_error.as_deref().unwrap_or_default();
        parts.push(would_get("the user", user.payload.as_ref().ok_or(error), screen));
    }
    parts.join("\n\n")
}

/// That the saved wording does not work.
pub(super) fn unused(error: &str, screen: &Screen) -> String {
    screen.toned(&format!("The wording that is saved does not work here: {error}."), Tone::Bad)
}

fn would_get(who: &str, payload: Result<&Value, &str>, screen: &Screen) -> String {
    let heading = screen.heading(&format!("What {who} would get"));
    match payload {
        Ok(payload) => format!("{heading}\n{}", indented(&pretty(payload))),
        Err(why) => format!("{heading}\n  {}", screen.toned(&format!("nothing: {why}"), Tone::Bad)),
    }
}

/// What would go out, each payload once, with the channels that would get it.
fn payloads(explained: &Explained) -> Vec<(Vec<&str>, Result<&Value, &str>)> {
    let mut groups: Vec<(Vec<&str>, Result<&Value, &str>)> = Vec::new();
    let channels = explained.plan.targets.iter().filter(|target| target.target == "channel");
    for target in channels {
        let payload = explained.payloads.get(&target.channel_id).map(Ok);
        let error = || explained.payload_errors.get(&target.channel_id).and_then(Value::as_str).map(Err);
        let Some(payload) = payload.or_else(error) else { continue };
        let name = target.channel_name.as_str();
        match groups.iter_mut().find(|(_, other)| *other == payload) {
            Some((names, _)) => names.push(name),
            None => groups.push((vec![name], payload)),
        }
    }
    groups
}

/// What a notification says, indented.
pub(super) fn said(notification: &Notification, screen: &Screen) -> String {
    let mut lines = vec![format!(
        "  {}  {}",
        screen.heading(&notification.title),
        screen.toned(&format!("({})", notification.status), Tone::of_state(&notification.status))
    )];
    if !notification.message.is_empty() {
        lines.push(indented(&notification.message));
    }
    let width = notification.fields.iter().map(|field| field.name.chars().count()).max().unwrap_or(0);
    for field in &notification.fields {
        let name = format!("{:width$}", field.name);
        lines.push(format!("  {}  {}", screen.toned(&name, Tone::Faint), screen.toned(&field.value, Tone::Plain)));
    }
    if let Some(link) = &notification.link {
        lines.push(indented(&details(screen, [("link", link.as_str().into())])));
    }
    lines.join("\n")
}

/// A payload, laid out where it is JSON.
pub(super) fn pretty(payload: &Value) -> String {
    let parsed = payload.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
    match (parsed, payload) {
        (Some(document), _) if document.is_object() || document.is_array() => format!("{document:#}"),
        (_, Value::String(text)) => legible(text),
        (_, document) => format!("{document:#}"),
    }
}

/// A mail without its second form, which says the same in HTML and would bury everything else.
fn legible(text: &str) -> String {
    const HTML: &str = "Content-Type: text/html";
    let text = text.replace("\r\n", "\n");
    match text.find(HTML) {
        Some(at) if text.contains("Content-Type: multipart/alternative") => {
            let lines = text[at..].lines().count();
            format!("{}{HTML}\n\n… (the same as HTML, {lines} lines; --json shows them)", &text[..at])
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::output::test_screen;

    #[test]
    fn a_mail_is_shown_without_its_html() {
        let mail = "Subject: s\r\nContent-Type: multipart/alternative;\r\n boundary=b\r\n\r\n--b\r\n\
                    Content-Type: text/plain\r\n\r\nwords\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>words</p>\r\n--b--";
        let expected = "Subject: s\nContent-Type: multipart/alternative;\n boundary=b\n\n--b\nContent-Type: text/plain\n\n\
                        words\n--b\nContent-Type: text/html\n\n… (the same as HTML, 4 lines; --json shows them)";
        assert_eq!(pretty(&json!(mail)), expected);
        assert_eq!(pretty(&json!("Content-Type: text/html")), "Content-Type: text/html");
    }

    #[test]
    fn a_run_is_asked_about_with_its_job() {
        let pairs = Pairs::parse(["source=vg0", "duration_ms=1200", "error=42"]).unwrap();
        let run = run_of("nightly".into(), ExplainedOutcome::Failure, pairs, None);
        let expected =
            json!({ "source": "vg0", "duration_ms": 1200, "error": "42", "job": "nightly", "outcome": "failure" });
        assert_eq!(Value::Object(run), expected);
    }

    #[test]
    fn an_explanation_shows_words_targets_and_payloads() {
        let explained = serde_json::from_value(json!({
            "plan": {
                "targets": [{ "channel_id": "c1", "channel_name": "ops", "kind": "webhook", "target": "channel",
                              "reason": "override", "held": true }],
                "skips": [],
            },
            "notification": { "title": "Restore failed", "message": "It broke.", "status": "failure", "color": "#ef4444",
                "fields": [{ "name": "Job", "value": "nightly", "inline": true }], "badge": null, "link": null,
                "time": "2026-03-29T12:00:00Z" },
            "payloads": { "c1": "{\"title\":\"Restore failed\"}" },
        }))
        .unwrap();
        let expected = "\
It would say
  Restore failed  (failure)
  It broke.
  Job  nightly

Would be told
  CHANNEL  STATE  WHY
  ops      held   it is chosen for this event type

What ops would get
  {
    \"title\": \"Restore failed\"
  }";
        assert_eq!(explanation(&explained, &test_screen(Some(80))), expected);
    }
}
