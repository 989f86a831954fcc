//! Accounts, tokens and networks.

use fanfare_tests::Server;
use http::Method;
use serde_json::{Value, json};
use standardwebhooks::Webhook;

use crate::harness::{ADA, Person, Stage, VERA, account, flow};

async fn user(stage: &Stage, name: &str) -> Option<Value> {
    let users = stage.api().get("/users").await;
    users.as_array().unwrap().iter().find(|user| user["name"] == name).cloned()
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_added_changed_and_deleted() {
    let stage = Stage::at(Server::start().await, "/accounts").await;
    flow(stage, async |stage| {
        let page = stage.page();
        page.fill("Name", VERA.name).await;
        page.fill("E-mail address", "no address").await;
        page.fill("Password", VERA.password).await;
        stage.expect_refusal(422);
        page.click("Add the account").await;
        page.within("#email-error").see("address").await;
        page.fill("E-mail address", VERA.email).await;
        page.click("Add the account").await;
        page.toast("The account is made.").await;
        page.within("#accounts").see(VERA.email).await;
        assert_eq!(user(stage, VERA.name).await.unwrap()["role"], "viewer");
        page.choose("Role of Vera", "Admin").await;
        page.toast("Vera has another role now.").await;
        let vera = user(stage, VERA.name).await.unwrap();
        assert_eq!(vera["role"], "admin");
        let row = format!("#accounts tr:has(#role-{})", vera["id"].as_str().unwrap());
        page.within(&row).click("Delete").await;
        page.within("dialog").see("Delete the account of Vera?").await;
        page.within("dialog").click("Delete").await;
        page.toast("Vera cannot sign in any more.").await;
        assert_eq!(user(stage, VERA.name).await, None);
        page.within("#accounts").miss(VERA.email).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_changed_by_its_owner() {
    let server = Server::start().await;
    account(server.api(), VERA, "viewer").await;
    let stage = Stage::before(server).await;
    flow(stage, async |stage| {
        let page = stage.page();
        page.open("/sign-in").await;
        stage.sign_in(VERA).await;
        page.within(".rail").click(VERA.name).await;
        page.arrive("/account").await;
        page.fill("Present password", "something else").await;
        page.fill("New password", "quiet river morning").await;
        stage.expect_refusal(422);
        stage.expect_refusal(403);
        page.click("Change the password").await;
        page.within("#current_password-error").see("password").await;
        page.fill("Present password", VERA.password).await;
        page.click("Change the password").await;
        page.toast("Your password is changed.").await;
        page.click("Sign out everywhere").await;
        page.arrive("/sign-in").await;
        stage.expect_refusal(401);
        stage.sign_in(VERA).await;
        page.see("password").await;
        stage.sign_in(Person { password: "quiet river morning", ..VERA }).await;
        page.arrive("/").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_shown_once_and_may_do_what_it_says() {
    let server = Server::start().await;
    let job = server.api().job("Nightly", &[]).await;
    let stage = Stage::at(server, "/tokens").await;
    flow(stage, async |stage| {
        let (api, page) = (stage.api(), stage.page());
        page.see("No token yet.").await;
        let form = page.within("form:has(#scope)");
        form.fill("Name", "backup server").await;
        form.choose("It may", "send – events and runs of jobs").await;
        form.click("Limit what it may send only with send").await;
        form.choose("Only runs of these jobs", "Nightly").await;
        form.click("Add the token").await;
        page.toast("The token is made. Copy it now.").await;
        let token = page.within("#token-text").text().await;
        page.within("#tokens").see("Only: Nightly").await;
        let made = api.get("/tokens").await[0].clone();
        assert_eq!(
            (&made["name"], &made["scope"], &made["jobs"]),
            (&json!("backup server"), &json!("send"), &json!([job]))
        );
        let program = api.with_token(Some(&token));
        program.post(&format!("/jobs/{job}/runs"), json!({ "outcome": "success" })).await;
        assert_eq!(program.call(Method::GET, "/deliveries", None).await.status, 403);

        page.open("/tokens").await;
        page.within("#tokens").see("backup server").await;
        let source = page.run("return document.documentElement.outerHTML", json!([])).await;
        assert!(!source.as_str().unwrap().contains(&token), "it is shown once");
        page.within("#tokens").miss("signed").await;
        page.within("#tokens").click("Delete").await;
        page.within("dialog").click("Delete").await;
        page.toast("backup server is deleted.").await;
        assert_eq!(
            program
                .call(Method::POST, &format!("/jobs/{job}/runs"), Some(&json!({ "outcome": "success" })))
                .await
                .status,
            401
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_whose_requests_are_signed_comes_with_its_secret() {
    let stage = Stage::at(Server::start().await, "/tokens").await;
    flow(stage, async |stage| {
        let (api, page) = (stage.api(), stage.page());
        let form = page.within("form:has(#scope)");
        form.fill("Name", "reader").await;
        form.choose("It may", "read – everything that is no secret").await;
        form.tick("What it sends must be signed only with send").await;
        stage.expect_refusal(422);
        form.click("Add the token").await;
        form.within("#signed-error").see("send").await;
        form.tick("What it sends must be signed only with send").await;
        form.click("Add the token").await;
        page.within("#new-token").see("The token").await;
        page.within("#new-token").miss("The secret to sign with").await;

        form.fill("Name", "payment system").await;
        form.tick("What it sends must be signed only with send").await;
        form.click("Add the token").await;
        page.within("#tokens").see("payment system").await;
        page.within("#new-token").see("The secret to sign with").await;
        let secret = page.within("#secret-text").text().await;
        page.within("#tokens tr:has(td:nth-child(2) .badge + .badge)").see("signed").await;

        let program = api.with_token(Some(&page.within("#token-text").text().await));
        let body = json!({ "type": "system_error", "data": { "component": "ledger", "error": "odd" } });
        assert_eq!(program.call(Method::POST, "/events", Some(&body)).await.status, 401, "the token is not enough");
        let (id, text) = ("m1", body.to_string());
        let at = jiff::Timestamp::now().as_second();
        let signature = Webhook::new(&secret).unwrap().sign(id, at, text.as_bytes()).unwrap();
        let (at, path) = (at.to_string(), "/api/v1/events");
        let headers = [
            ("content-type", "application/json"),
            ("webhook-id", id),
            ("webhook-timestamp", &at),
            ("webhook-signature", &signature),
        ];
        assert_eq!(program.exchange(Method::POST, path, &headers, text).await.unwrap().status, 202);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn networks_are_allowed_and_what_is_no_network_is_refused_at_its_field() {
    let mut server = Server::prepare(&[]);
    server.unset("FANFARE_ALLOW_NETWORKS");
    server.restart().await;
    let stage = Stage::at(server, "/settings/outbound").await;
    flow(stage, async |stage| {
        let (api, page) = (stage.api(), stage.page());
        stage.expect_refusal(422);
        page.fill("Allowed networks", "192.168.1.0/24\nmy house").await;
        page.click("Save").await;
        page.within("#networks-error").see("network").await;
        page.fill("Allowed networks", "192.168.1.0/24\n10.0.0.0/8").await;
        page.click("Save").await;
        page.toast("Saved.").await;
        let outbound = api.get("/settings/outbound").await;
        assert_eq!(outbound["allow_networks"], json!(["192.168.1.0/24", "10.0.0.0/8"]));
        assert_eq!(page.value("Allowed networks").await, "192.168.1.0/24\n10.0.0.0/8");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_operator_decides_the_page_says_so() {
    let stage = Stage::at(Server::start().await, "/settings/outbound").await;
    flow(stage, async |stage| {
        stage.page().see("The operator decides").await;
        assert!(stage.page().is_disabled("Allowed networks").await);
        stage.page().within(".rail").see(ADA.name).await;
    })
    .await;
}
