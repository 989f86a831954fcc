//! Who would hear of it: the page says what the API says.

use fanfare_tests::Server;
use serde_json::json;

use crate::harness::{Stage, flow};

#[tokio::test(flavor = "multi_thread")]
async fn who_would_hear_of_an_event_and_of_a_run() {
    let server = Server::start().await;
    let api = server.api();
    let hook = api.webhook("Hook", "https://hooks.example/T0K3N".into()).await;
    let mail = api.email("Mail", 2525, &["ops@mail.example"]).await;
    let login = json!({ "enabled": true, "channels": [hook, mail], "notify_user": "also" });
    api.put("/settings/notifications", json!({ "global_channels": [hook], "events": { "user_login": login } })).await;
    let job = api.job("Nightly", &[(&hook, "always"), (&mail, "on_failure")]).await;
    let stage = Stage::at(server, "/explain").await;
    flow(stage, async |stage| {
        let (api, page) = (stage.api(), stage.page());
        page.choose("Event", "User Login").await;
        page.fill("About the user with the address", "grace@people.example").await;
        page.within("form:has(#type)").click("Who would hear?").await;
        let plan = page.within("#plan");
        plan.see("3 would hear of it").await;
        for text in ["Hook", "Mail", "→ grace@people.example", "It is one of this event's Custom Channels."] {
            plan.see(text).await;
        }
        let data = json!({ "user_name": "Ada Lovelace", "email": "ada@example.com" });
        let asked = json!({ "type": "user_login", "data": data, "user": { "email": "grace@people.example" } });
        let explained = api.post("/events/explain", asked).await;
        assert_eq!(
            explained["plan"].as_object().unwrap_or(explained.as_object().unwrap())["targets"]
                .as_array()
                .unwrap()
                .len(),
            3
        );
        page.see("What the user reads").await;
        page.see("You signed in").await;

        // An event that is off.
        page.open("/explain").await;
        page.choose("Event", "Configuration Backup").await;
        page.within("form:has(#type)").click("Who would hear?").await;
        plan.see("Nobody would hear of it").await;
        plan.see("Event is off").await;

        // Data that is none.
        page.click("Its data an example where empty").await;
        page.fill("Data as JSON", "{ nothing").await;
        page.within("form:has(#type)").click("Who would hear?").await;
        page.see("The data is no JSON object").await;

        page.choose("Job", "Nightly").await;
        page.choose("Outcome", "Success").await;
        page.within("form:has(#job)").click("Who would hear?").await;
        plan.see("One would hear of it").await;
        plan.see("Other outcome").await;
        page.choose("Outcome", "Failure").await;
        page.within("form:has(#job)").click("Who would hear?").await;
        plan.see("2 would hear of it").await;
        assert!(!page.text().await.contains("T0K3N"));
        // Ada's own sign-in is an event, too.
        let sent = api.all("/deliveries").await;
        assert!(sent.iter().all(|delivery| delivery["event_type"] == "user_login"), "nothing was sent: {sent:?}");
        let told = api.all("/events").await;
        assert!(told.iter().all(|event| event["type"] == "user_login" || event["type"] == "user_created"), "{told:?}");
        assert_eq!(api.get(&format!("/jobs/{job}")).await["last_run"], json!(null));
    })
    .await;
}
