//! The first start, signing in and out.

use fanfare_tests::{PATIENCE, Server, until};

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
