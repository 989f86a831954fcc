//! A viewer sees everything that is no secret, and changes nothing.

use serde_json::json;

use crate::{
    furnished::Furnished,
    harness::{Stage, VERA, flow},
};

/// What can still be used on a page to change something.
const CHANGES: &str = "return [...document.querySelectorAll('main [data-call], main [data-test]')]
    .filter((element) => element.checkVisibility() && !element.matches(':disabled, form:not(:has(button[type=submit]))'))
    .filter((element) => element.id !== 'sign-out')
    .map((element) => element.outerHTML.slice(0, 200))";

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_sees_and_cannot_change() {
    let furnished = Furnished::start().await;
    let pages = furnished.pages();
    let (channel, job) = (furnished.channel.clone(), furnished.job.clone());
    let (server, _ends) = furnished.split();
    let stage = Stage::before(server).await;
    flow(stage, async |stage| {
        let (api, page) = (stage.api(), stage.page());
        page.open("/sign-in").await;
        stage.sign_in(VERA).await;
        page.arrive("/").await;
        page.within(".rail").see("Viewer").await;
        stage.expect_refusal(403);
        stage.expect_refusal(404);
        let only_admins = ["accounts", "tokens", "audit", "export"];
        let own = ["account", "not-there", "channel-kinds"];
        for (name, path) in &pages {
            page.open(path).await;
            if only_admins.contains(name) {
                page.see("admin").await;
            } else if !own.contains(name) {
                let changes = page.run(CHANGES, json!([])).await;
                assert_eq!(changes, json!([]), "{path}");
            }
        }
        page.open("/").await;
        let rail = page.within(".rail").text().await;
        assert!(!rail.contains("Accounts") && !rail.contains("API tokens"), "{rail}");

        page.open("/settings/notifications").await;
        assert!(page.is_disabled("System Error").await);
        assert!(!page.has("Test System Error").await);
        page.open(&format!("/channels/{channel}")).await;
        assert!(page.is_disabled("Name").await && !page.has("Save").await && !page.has("Delete").await);
        page.open(&format!("/jobs/{job}")).await;
        assert!(!page.text().await.contains("/ping/"), "whoever has the URL can report runs");
        // What the page does not offer, the API does not do.
        let refused =
            "const answer = await fetch(arguments[0], { method: 'DELETE', headers: { 'fanfare-csrf': '1' } });
                       return answer.status";
        let path = format!("/api/v1/channels/{channel}?force=true");
        assert_eq!(page.run(refused, json!([path])).await, 403);
        assert_eq!(api.get(&format!("/channels/{channel}")).await["id"], json!(channel));
    })
    .await;
}
