//! A server with one of everything, and the pages that show it.

use fanfare_testkit::{Answer, Receiver, smtp::SmtpReceiver};
use fanfare_tests::{Api, PATIENCE, Server, until};
use serde_json::{Value, json};

use crate::harness::{VERA, account};

/// A server with channels that work, one that does not and one that is off, jobs with runs, and a history.
pub(crate) struct Furnished {
    pub(crate) server: Server,
    pub(crate) channel: String,
    letters: String,
    pub(crate) job: String,
    /// A delivery that did not get through.
    pub(crate) dead: String,
    ends: Ends,
}

/// The services that its channels write to, which have to be there as long as it is.
pub(crate) struct Ends {
    _receivers: Vec<Receiver>,
    _mail: SmtpReceiver,
}

impl Furnished {
    pub(crate) async fn start() -> Self {
        let server = Server::start().await;
        let api = server.api();
        let (ok, gone, mail) = (Receiver::start().await, Receiver::start().await, SmtpReceiver::start().await);
        ok.answer_always(Answer::status(200).body("ok"));
        gone.answer_always(Answer::status(404).body(r#"{"message":"Unknown Webhook","code":10015}"#));
        // The services' own pace would take long.
        let pace = json!({ "rate": 1_000, "burst": 1_000 });
        let channel = async |name: &str, kind: &str, config: Value, enabled: bool| {
            let body = json!({ "name": name, "kind": kind, "config": config, "enabled": enabled, "delivery": pace });
            api.post("/channels", body).await["id"].as_str().unwrap().to_owned()
        };
        let slack = channel("Ops room", "slack", json!({ "webhook_url": ok.url("/services/T0/B0/T0K3N") }), true).await;
        let url = gone.url("/api/webhooks/123456789012345678/T0K3N");
        let discord = channel("On call", "discord", json!({ "webhook_url": url }), true).await;
        let to = ["ops@mail.example", "Ada Lovelace <ada@mail.example>"];
        let letters = api.email("Mail to the team", mail.port(), &to).await;
        let topic = json!({ "server_url": ok.url(""), "topic": "alerts" });
        let phone = channel("Phone of whoever is on duty this week", "ntfy", topic, false).await;
        let config = json!({ "url": ok.url("/hooks/T0K3N"), "headers": { "X-Key": "T0K3N" } });
        let hook = channel("Dashboard", "webhook", config, true).await;

        let events = json!({
            "user_login": { "enabled": true, "channels": [letters], "notify_user": "also" },
            "restore_failure": { "channels": [slack, discord, phone] },
            "storage_usage_spike": { "channels": [] },
        });
        api.put("/settings/notifications", json!({ "global_channels": [slack, letters], "events": events })).await;
        let told =
            [(slack.as_str(), "always"), (&discord, "on_failure"), (&phone, "on_failure"), (&hook, "on_success")];
        let job = api.job("Nightly shop backup", &told).await;
        api.patch(&format!("/jobs/{job}"), json!({ "expect_every_s": 86_400 })).await;
        api.job("Photos to the other house", &[(&letters, "on_failure")]).await;
        api.job("Restore drill", &[]).await;
        let run = async |body: Value| drop(api.post(&format!("/jobs/{job}/runs"), body).await);
        run(json!({ "outcome": "success", "duration_ms": 42_000, "size_bytes": 1_572_864 })).await;
        run(json!({ "outcome": "partial", "duration_ms": 61_000, "error": "2 of 7 tables were locked and left out" }))
            .await;
        run(json!({ "outcome": "failure", "duration_ms": 900, "error": "pg_dump: error: connection to server at \"10.0.0.5\", port 5432 failed: Connection refused" })).await;
        let types = api.get("/event-types").await;
        for one in types.as_array().unwrap().iter().filter(|one| one["layer"] != "job") {
            api.post("/events", json!({ "type": one["id"], "data": one["sample"] })).await;
        }
        api.post("/event-types/system_error/test", json!({})).await;
        account(api, VERA, "viewer").await;
        api.post("/tokens", json!({ "name": "backup server", "scope": "send", "jobs": [job] })).await;
        api.post("/tokens", json!({ "name": "dashboard", "scope": "read" })).await;
        let dead = until("a delivery that failed", PATIENCE, async || dead(api).await).await;
        let ends = Ends { _receivers: vec![ok, gone], _mail: mail };
        Self { server, channel: discord, letters, job, dead, ends }
    }

    /// The server, and what it needs besides.
    pub(crate) fn split(self) -> (Server, Ends) {
        (self.server, self.ends)
    }

    /// Every page that there is, by name and path.
    pub(crate) fn pages(&self) -> Vec<(&'static str, String)> {
        let Self { channel, letters, job, dead, .. } = self;
        vec![
            ("overview", "/".into()),
            ("channels", "/channels".into()),
            ("channel-kinds", "/channels/new".into()),
            ("channel-new", "/channels/new/email".into()),
            ("channel", format!("/channels/{channel}")),
            ("channel-mail", format!("/channels/{letters}?event_type=user_login")),
            ("jobs", "/jobs".into()),
            ("job-new", "/jobs/new".into()),
            ("job-runs", format!("/jobs/{job}")),
            ("job-notifications", format!("/jobs/{job}/notifications")),
            ("job-wording", format!("/jobs/{job}/wording?news=backup_success")),
            ("job-settings", format!("/jobs/{job}/settings")),
            ("settings", "/settings/notifications".into()),
            ("wording", "/settings/notifications/user_login/wording".into()),
            ("history", "/history".into()),
            ("history-empty", format!("/history?job_id={job}&state=suppressed")),
            ("delivery", format!("/history/{dead}")),
            ("explain", "/explain".into()),
            ("explain-event", "/explain?type=user_login&email=ada%40example.com".into()),
            ("explain-run", format!("/explain?job={job}&outcome=partial")),
            ("networks", "/settings/outbound".into()),
            ("accounts", "/accounts".into()),
            ("account", "/account".into()),
            ("tokens", "/tokens".into()),
            ("audit", "/audit".into()),
            ("export", "/settings/export".into()),
            ("not-there", "/jobs/00000000-0000-0000-0000-000000000000".into()),
        ]
    }
}

/// A delivery that failed, when everything has been tried; what waits for the channel that fails still waits.
async fn dead(api: &Api) -> Option<String> {
    let metrics = api.metrics().await;
    if metrics.of("delivered") < 20 {
        return None;
    }
    let found = api.get("/deliveries?state=dead&limit=1").await;
    Some(found["items"].get(0)?["id"].as_str().unwrap().to_owned())
}
