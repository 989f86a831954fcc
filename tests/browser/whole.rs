//! The audit, and the whole configuration out and in.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use fanfare_tests::Server;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::harness::{ADA, Stage, flow};

const PASSPHRASE: &str = "correct horse battery staple";

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_shows_who_changed_what() {
    let server = Server::start().await;
    let id = server.api().webhook("Hook", "https://hooks.example/T0K3N".into()).await;
    let stage = Stage::at(server, &format!("/channels/{id}")).await;
    flow(stage, async |stage| {
        let page = stage.page();
        page.within(".field:has(> #name)").fill("Name", "Hook of the team").await;
        page.click("Save").await;
        page.toast("Saved.").await;
        page.within(".rail").click("Audit").await;
        page.arrive("/audit").await;
        let newest = page.within("#audit tr[data-action]:first-child");
        newest.see(ADA.email).await;
        newest.see("Hook of the team").await;
        newest.click("2 values").await;
        newest.see("Hook Hook of the team").await;
        let entries = stage.api().get("/audit?limit=1").await;
        assert_eq!(entries["items"][0]["actor"], format!("user:{}", ADA.email));

        page.fill("Who", "token:admin-token").await;
        page.click("Filter").await;
        page.see("Show everything").await;
        let whose = "return [...document.querySelectorAll('#audit .who-did a')].map((a) => a.textContent)";
        let whose = page.run(whose, json!([])).await;
        assert!(whose.as_array().unwrap().iter().all(|who| who == "token:admin-token"), "{whose}");
        assert!(!page.text().await.contains("T0K3N"));
    })
    .await;
}

/// The file that the browser put into this folder, when it is complete.
async fn downloaded(folder: &Path) -> PathBuf {
    let began = Instant::now();
    loop {
        let mut files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        if let Some(file) = files.find(|file| file.extension().is_some_and(|end| end == "json")) {
            return file;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "nothing was downloaded");
        sleep(Duration::from_millis(40)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_is_exported_and_imported_after_a_look() {
    let server = Server::start().await;
    let api = server.api();
    let id = api.webhook("Hook", "https://hooks.example/T0K3N".into()).await;
    api.make_global(&[&id]).await;
    let job = api.job("Nightly", &[(&id, "always")]).await;
    let folder = server.place().join("downloads");
    fs::create_dir(&folder).unwrap();
    let stage = Stage::at(server, "/settings/export").await;
    flow(stage, async |stage| {
        let (api, page) = (stage.api(), stage.page());
        let to = json!({ "behavior": "allow", "downloadPath": folder });
        stage.devtools("Page.setDownloadBehavior", to).await;
        page.fill("Passphrase", PASSPHRASE).await;
        page.click("Download the export").await;
        page.toast("The export is in").await;
        let file = downloaded(&folder).await;
        let text = fs::read_to_string(&file).unwrap();
        let document: Value = serde_json::from_str(&text).unwrap();
        assert!(document.is_object() && !text.contains("T0K3N"));

        api.call(http::Method::DELETE, &format!("/jobs/{job}"), None).await;
        api.patch(&format!("/channels/{id}"), json!({ "name": "Other" })).await;
        page.fill_file("Exported document", &file).await;
        page.fill("Its passphrase", "something else entirely").await;
        stage.expect_refusal(422);
        page.click("See what would change").await;
        page.within("#import-passphrase-error").see("passphrase").await;
        page.fill("Its passphrase", PASSPHRASE).await;
        page.click("See what would change").await;
        let report = page.within("#import-report");
        report.see("What would change").await;
        report.see("Nightly").await;
        report.see("Hook").await;
        assert_eq!(api.get("/jobs").await, json!([]), "so far it was only looked at");

        report.click("Apply these changes").await;
        page.within("dialog").click("Apply these changes").await;
        page.toast("The configuration is imported.").await;
        assert_eq!(api.get("/jobs").await[0]["name"], "Nightly");
        assert_eq!(api.get(&format!("/channels/{id}")).await["name"], "Hook");
    })
    .await;
}
