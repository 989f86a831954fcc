//! Who is told, asked in every way there is to ask.

use fanfare_tests::Api;
use serde_json::{Value, json};

/// The time of every event that is sent through here, so that all answers can be compared as they are.
const TIME: &str = "2026-03-29T01:30:00Z";

/// What became of an event, on which `explain`, intake and the ledger agreed.
#[derive(Debug)]
pub(crate) struct Told {
    /// The event's id.
    pub(crate) event: String,
    /// The ids of its deliveries.
    pub(crate) deliveries: Vec<String>,
    /// Channel names and reasons, in order.
    pub(crate) targets: Vec<(String, String)>,
    /// Reasons, and the channel that each concerns, if one.
    pub(crate) skips: Vec<(String, Option<String>)>,
    /// What `explain` said would go out, by channel.
    pub(crate) payloads: Value,
}

impl Told {
    /// Checks targets (channel name, reason) and skip reasons.
    #[track_caller]
    pub(crate) fn check(&self, targets: &[(&str, &str)], skips: &[&str]) {
        let told: Vec<_> = self.targets.iter().map(|(name, reason)| (name.as_str(), reason.as_str())).collect();
        let left_out: Vec<_> = self.skips.iter().map(|(reason, _)| reason.as_str()).collect();
        assert_eq!((told.as_slice(), left_out.as_slice()), (targets, skips), "{self:?}");
    }
}

/// Explains and sends an event of the system layer.
pub(crate) async fn tell(api: &Api, event_type: &str, data: Value) -> Told {
    let event = json!({ "type": event_type, "data": data, "occurred_at": TIME });
    agree(api, event.clone(), "/events", event).await
}

/// Explains and sends an event that is about somebody; without data and user where these are null.
pub(crate) async fn tell_of_user(api: &Api, event_type: &str, data: Value, user: Value) -> Told {
    let event = json!({ "type": event_type, "data": data, "user": user, "occurred_at": TIME });
    agree(api, event.clone(), "/events", event).await
}

/// Explains and reports a run.
pub(crate) async fn report(api: &Api, job: &str, mut run: Value) -> Told {
    run["occurred_at"] = TIME.into();
    let mut explained = run.clone();
    explained["job"] = job.into();
    agree(api, explained, &format!("/jobs/{job}/runs"), run).await
}

async fn agree(api: &Api, explain: Value, path: &str, body: Value) -> Told {
    let explained = api.post("/events/explain", explain).await;
    let accepted = api.post(path, body).await;
    assert_eq!(accepted["duplicate"], false);
    let event = accepted["id"].as_str().unwrap().to_owned();
    let kept = api.get(&format!("/events/{event}")).await;
    let listed = api.get("/events?limit=1").await;

    assert_eq!(kept["plan"], explained["plan"], "the ledger and explain");
    assert_eq!(listed["items"][0]["plan"], explained["plan"], "the list of events and explain");
    assert_eq!(kept["notification"], explained["notification"], "the ledger and explain");
    assert_eq!(accepted["skipped"], explained["plan"]["skips"], "intake and explain");
    let told = targets(&explained["plan"]["targets"]);
    assert_eq!(targets(&accepted["deliveries"]), told, "intake and explain");
    assert_eq!(targets(&kept["deliveries"]), told, "the ledger's deliveries and explain");
    assert_eq!(ids(&kept["deliveries"]), ids(&accepted["deliveries"]));

    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let skips = explained["plan"]["skips"].as_array().unwrap().iter();
    Told {
        event,
        deliveries: ids(&accepted["deliveries"]),
        targets: told.into_iter().map(|[_, name, _, reason]| (name, reason)).collect(),
        skips: skips.map(|skip| (text(&skip["reason"]), skip["channel_id"].as_str().map(Into::into))).collect(),
        payloads: explained["payloads"].clone(),
    }
}

fn targets(list: &Value) -> Vec<[String; 4]> {
    let of = |target: &Value| {
        ["channel_id", "channel_name", "target", "reason"].map(|name| target[name].as_str().unwrap().to_owned())
    };
    list.as_array().unwrap().iter().map(of).collect()
}

fn ids(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|entry| entry["id"].as_str().unwrap().to_owned()).collect()
}
