//! `fanfare send`

use serde_json::{Map, Value, json};

use super::{
    Session,
    answers::{Accepted, DataField, EventType, Skip},
    pairs::Pairs,
};
use crate::{
    args::{ConditionState, EventArgs, SendArgs, word},
    failure::Failure,
    output::{Cell, Screen, Table, Tone},
};

pub(super) async fn run(args: SendArgs, session: &Session) -> Result<(), Failure> {
    let mut event = event(args.event_type, args.event, session).await?;
    if let Some(key) = args.idempotency_key {
        event.insert("idempotency_key".into(), key.into());
    }
    let answer = session.client.post(&["events"], Some(&Value::Object(event))).await?;
    session.show(&answer, summary)
}

/// The event that the arguments describe, as the API takes it.
pub(super) async fn event(
    event_type: String,
    args: EventArgs,
    session: &Session,
) -> Result<Map<String, Value>, Failure> {
    let pairs = Pairs::parse(&args.data)?.with_files()?;
    let fields = match pairs.need_declaration() {
        true => declaration(&event_type, session).await?,
        false => Vec::new(),
    };
    Ok(document(event_type, pairs.data(&fields), args))
}

/// How the type's data is declared; nothing where that cannot be seen, as with a token that may only send.
async fn declaration(event_type: &str, session: &Session) -> Result<Vec<DataField>, Failure> {
    let types: Vec<EventType> = match session.client.get(&["event-types"], &[]).await {
        Ok(answer) => answer.read()?,
        Err(Failure::Refused(problem)) if problem.status == http::StatusCode::FORBIDDEN => Vec::new(),
        Err(failure) => return Err(failure),
    };
    Ok(types.into_iter().find(|known| known.id == event_type).map(|known| known.fields).unwrap_or_default())
}

fn document(event_type: String, data: Map<String, Value>, args: EventArgs) -> Map<String, Value> {
    let mut event = Map::new();
    event.insert("type".into(), event_type.into());
    event.insert("data".into(), data.into());
    let user = [("id", args.user_id), ("name", args.user_name), ("email", args.user_email)];
    let user: Map<_, _> = user.into_iter().filter_map(|(key, value)| Some((key.to_owned(), json!(value?)))).collect();
    if !user.is_empty() {
        event.insert("user".into(), user.into());
    }
    if let Some(key) = args.condition {
        event.insert("condition".into(), condition(&key, args.state));
    }
    if let Some(time) = args.occurred_at {
        event.insert("occurred_at".into(), time.into());
    }
    event
}

/// What lasts or is over.
fn condition(key: &str, state: ConditionState) -> Value {
    json!({ "key": key, "state": word(&state) })
}

fn summary(accepted: &Accepted, screen: &Screen) -> String {
    let id = screen.id(&accepted.id);
    let mut parts = vec![match accepted.duplicate {
        true => format!("Accepted before as event {id}: the idempotency key is the same, so nothing new is sent."),
        false => format!("Accepted as event {id}."),
    }];
    if accepted.deliveries.is_empty() {
        parts.push(screen.toned("Nobody is told.", Tone::Waiting));
    } else {
        let mut table = Table::new(["CHANNEL", "TARGET", "STATE", "DELIVERY", "~WHY"]).inner();
        for delivery in &accepted.deliveries {
            table.row([
                delivery.channel_name.as_str().into(),
                who(&delivery.target).into(),
                Cell::state(&delivery.state),
                screen.id(&delivery.id).into(),
                why(&delivery.reason).into(),
            ]);
        }
        parts.push(format!("{}\n{}", screen.heading("Told"), table.render(screen, "")));
    }
    parts.extend(skips(&accepted.skipped, screen));
    parts.join("\n\n")
}

/// Who is not told, and why; nothing where everybody is.
pub(super) fn skips(skips: &[Skip], screen: &Screen) -> Option<String> {
    if skips.is_empty() {
        return None;
    }
    let mut table = Table::new(["REASON", "~EXPLANATION"]).inner();
    for skip in skips {
        table.row([skip.reason.as_str().into(), skip.detail.as_str().into()]);
    }
    Some(format!("{}\n{}", screen.heading("Not told"), table.render(screen, "")))
}

/// A target in a list: only what differs from the ordinary.
pub(super) fn who(target: &str) -> &str {
    match target {
        "channel" => "",
        other => other.strip_prefix("user:").unwrap_or(other),
    }
}

/// Why somebody is told.
pub(super) fn why(reason: &str) -> &str {
    match reason {
        "global" => "it is a global channel",
        "override" => "it is chosen for this event type",
        "assignment" => "it is assigned to the job",
        "notify_user" => "the event is about this user",
        "user_fallback" => "the user cannot be reached",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::test_screen;

    fn args() -> EventArgs {
        EventArgs {
            data: vec![],
            user_id: None,
            user_name: None,
            user_email: None,
            condition: None,
            state: ConditionState::Firing,
            occurred_at: None,
        }
    }

    #[test]
    fn only_what_is_said_is_sent() {
        let data = json!({ "a": 1 }).as_object().cloned().unwrap();
        let plain = document("t".into(), data.clone(), args());
        assert_eq!(Value::Object(plain), json!({ "type": "t", "data": { "a": 1 } }));
        let args = EventArgs { user_email: Some("a@b.example".into()), occurred_at: Some("now".into()), ..args() };
        let full = document("t".into(), data, args);
        let expected =
            json!({ "type": "t", "data": { "a": 1 }, "user": { "email": "a@b.example" }, "occurred_at": "now" });
        assert_eq!(Value::Object(full), expected);
        let over = EventArgs { condition: Some("md0".into()), state: ConditionState::Resolved, ..self::args() };
        let over = document("t".into(), Map::new(), over);
        assert_eq!(over["condition"], json!({ "key": "md0", "state": "resolved" }));
    }

    #[test]
    fn a_summary_says_who_is_told_and_who_is_not() {
        let accepted = serde_json::from_value(json!({
            "id": "01987a5e-1234-7000-8000-000011112222",
            "duplicate": false,
            "deliveries": [
                { "id": "01987a5e-1234-7000-8000-000033334444", "channel_id": "c", "channel_name": "ops",
                  "target": "channel", "reason": "global", "state": "pending" },
                { "id": "01987a5e-1234-7000-8000-000055556666", "channel_id": "d", "channel_name": "mail",
                  "target": "user:ada@b.example", "reason": "notify_user", "state": "held" }],
            "skipped": [{ "reason": "recipient_merged", "detail": "team-mail would write to ada@b.example too" }]
        }))
        .unwrap();
        let expected = "\
Accepted as event 11112222.

Told
  CHANNEL  TARGET         STATE    DELIVERY  WHY
  ops                     pending  33334444  it is a global channel
  mail     ada@b.example  held     55556666  the event is about this user

Not told
  REASON            EXPLANATION
  recipient_merged  team-mail would write to ada@b.example too";
        assert_eq!(summary(&accepted, &test_screen(Some(80))), expected);
    }

    #[test]
    fn nobody_told_is_said_plainly() {
        let accepted = serde_json::from_value(json!({ "id": "x", "duplicate": true, "deliveries": [], "skipped": [] }));
        let text = summary(&accepted.unwrap(), &test_screen(None));
        assert!(text.starts_with("Accepted before as event x"), "{text}");
        assert!(text.ends_with("Nobody is told."), "{text}");
    }
}
