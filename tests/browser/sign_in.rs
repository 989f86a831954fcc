//! The first start, signing in and out.

use fanfare_testkit::Receiver;
use fanfare_tests::{PATIENCE, Server, until};
use serde_json::json;

use crate::harness::{ADA, Stage, flow};

/// The path of the link that the server prints at its first start.
fn link(server: &Server) -> Option<String> {
    let log = server.log();
    let key = log.split_once("/setup#")?.1.split_whitespace().next()?;
    Some(format!("/setup#{key}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_start_makes_an_account_that_signs_in_and_out() {
    let stage = Stage::before(Server::start().await).await;
    flow(stage, async |stage| {
        let (api, page) = (stage.api(), stage.page());
        page.open("/").await;
        page.arrive("/sign-in?next=%2F").await;
        page.see("There is no account yet").await;

        let link = until("the set-up link", PATIENCE, async || link(stage.server())).await;
        page.open(&link).await;
        // The key is taken from the link, and stands nowhere any more.
        page.see("Make the first account").await;
        assert!(!page.has_field("Set-up key").await);
        assert_eq!(page.run("return location.hash", serde_json::json!([])).await, "");

        page.fill("Your name", ADA.name).await;
        page.fill("E-mail address", ADA.email).await;
        page.fill("Password", "short").await;
        stage.expect_refusal(422);
        page.click("Make the account").await;
        page.see("at least 8 characters").await;
        page.fill("Password", ADA.password).await;
        page.click("Make the account").await;
        page.arrive("/").await;
        page.toast("Welcome.").await;
        page.see("Three steps to your first notification").await;
        let users = api.get("/users").await;
        assert_eq!(users.as_array().unwrap().len(), 1, "{users}");
        assert_eq!((&users[0]["email"], &users[0]["role"]), (&ADA.email.into(), &"admin".into()));

        page.within(".rail").click("Sign out").await;
        page.arrive("/sign-in").await;
        page.open("/history?state=dead").await;
        page.arrive("/sign-in?next=%2Fhistory%3Fstate%3Ddead").await;
        page.fill("E-mail address", ADA.email).await;
        page.fill("Password", "something else").await;
        stage.expect_refusal(401);
        page.click("Sign in").await;
        page.see("password").await;
        assert_eq!(page.value("E-mail address").await, ADA.email);
        page.fill("Password", ADA.password).await;
        page.click("Sign in").await;
        page.arrive("/history?state=dead").await;
        page.within(".rail").see(ADA.name).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_start_leads_to_a_notification_that_arrives() {
    let receiver = Receiver::start().await;
    let stage = Stage::before(Server::start().await).await;
    flow(stage, async |stage| {
        let (api, page) = (stage.api(), stage.page());
        let link = until("the set-up link", PATIENCE, async || link(stage.server())).await;
        page.open(&link).await;
        page.fill("Your name", ADA.name).await;
        page.fill("E-mail address", ADA.email).await;
        page.fill("Password", ADA.password).await;
        page.click("Make the account").await;
        page.arrive("/").await;
        page.see("Nothing was sent yet.").await;

        page.click("Add a channel").await;
        page.arrive("/channels/new").await;
        page.click("Webhook").await;
        page.fill("Name", "Ops").await;
        page.fill("URL", &receiver.url("/hook")).await;
        page.click("Add the channel").await;
        page.within("#next-step").see("Next: test it.").await;

        // Whoever goes away meanwhile is shown where to go on.
        page.open("/").await;
        page.within("ol.steps").see("Add a channel (done)").await;
        page.click("Test it, and see it arrive").await;
        page.within("main > header").click("Test").await;
        page.within("#results").see("✓").await;
        assert_eq!(receiver.count(), 1, "the test arrived");

        page.within("#next-step").see("Next: choose what it hears of.").await;
        page.click("Choose events").await;
        page.arrive("/settings/notifications").await;
        page.open("/").await;
        page.within("ol.steps").see("Test it, and see it arrive (done)").await;
        page.click("Choose what it hears of").await;
        page.arrive("/settings/notifications").await;
        page.within("#global").tick("Ops").await;
        until("a global channel", PATIENCE, async || {
            let settings = api.get("/settings/notifications").await;
            (settings["global_channels"].as_array().unwrap().len() == 1).then_some(())
        })
        .await;

        let event = json!({ "type": "system_error", "data": { "component": "disk", "error": "no space" } });
        api.post("/events", event).await;
        receiver.wait_for(2, PATIENCE).await;
        page.open("/").await;
        page.miss("Three steps to your first notification").await;
        page.see("Everything is getting through.").await;
    })
    .await;
}
