//! The pages of the ledger and of channels, asked without a browser: search, what waits, and how notifications look.

#![allow(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

mod common;

use common::{Answer, Api, TOKEN};
use fanfare::{DeliveryFilter, DeliveryState, Page, TextSearch};
use fanfare_testkit::Receiver;
use serde_json::{Value, json};

async fn page(api: &Api, path: &str) -> Answer {
    let bearer = format!("Bearer {TOKEN}");
    api.raw("GET", path, None, &[("authorization", &bearer)]).await
}

/// What somebody gets who may only read.
async fn seen_by_viewer(api: &Api, path: &str) -> Answer {
    let token = api.post("/api/v1/tokens", json!({"name": path, "scope": "read"})).await.expect(201);
    let bearer = format!("Bearer {}", token["token"].as_str().unwrap());
    api.raw("GET", path, None, &[("authorization", &bearer)]).await
}

async fn channel(api: &Api, name: &str, kind: &str, config: Value, enabled: bool) -> String {
    let channel = json!({"name": name, "kind": kind, "config": config, "enabled": enabled});
    api.post("/api/v1/channels", channel).await.expect(201)["id"].as_str().unwrap().to_owned()
}

/// A channel that sends nothing, and what is held for it: a delivery of each title.
async fn held(api: &Api, titles: &[&str]) -> String {
    let hook = channel(api, "Night 100% shift", "webhook", json!({"url": "http://127.0.0.1:9/"}), false).await;
    let own = json!({"channels": [hook], "wording": {"title": "{{default component \"nothing\"}}"}});
    api.patch("/api/v1/settings/notifications/events/system_error", own).await.expect(200);
    for title in titles {
        let event = json!({"type": "system_error", "data": {"component": title, "error": "-"}});
        api.post("/api/v1/events", event).await.expect(202);
    }
    hook
}

/// The titles of what a search finds.
async fn found(api: &Api, query: &str) -> Vec<String> {
    let list = api.get(&format!("/api/v1/deliveries?{query}")).await.expect(200);
    list["items"].as_array().unwrap().iter().map(|item| item["title"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn deliveries_are_found_by_what_they_say() {
    let api = Api::start().await;
    held(&api, &["Disk of the attic", "Wire 7_3!", "disk full", "Tür offen"]).await;
    assert_eq!(found(&api, "q=DISK").await, ["disk full", "Disk of the attic"]);
    assert_eq!(found(&api, "q=DISK&state=held&event_type=system_error").await.len(), 2);
    assert_eq!(found(&api, "q=DISK&state=delivered").await.len(), 0);
    // What means something in a pattern is a letter like any other.
    assert_eq!(found(&api, "q=7_3%21").await, ["Wire 7_3!"]);
    assert_eq!(found(&api, "q=%25").await.len(), 4, "the channel's name says it");
    assert_eq!(found(&api, "q=_").await, ["Wire 7_3!"]);
    assert_eq!(found(&api, "q=T%C3%BCr").await, ["Tür offen"]);
    assert_eq!(found(&api, "q=no+such+thing%00").await.len(), 0);
    assert_eq!(found(&api, "q=").await.len(), 4);
    let long = "x".repeat(201);
    assert_eq!(api.get(&format!("/api/v1/deliveries?q={long}")).await.pointers(422), ["/q"]);
}

#[tokio::test]
async fn an_address_that_is_masked_cannot_be_searched_for() {
    let api = Api::start().await;
    let mail =
        json!({"host": "127.0.0.1", "port": 9, "security": "none", "from": "f@mail.example", "to": ["o@mail.example"]});
    let mail = channel(&api, "Mail", "email", mail, true).await;
    let own = json!({"enabled": true, "channels": [mail], "notify_user": "only"});
    api.patch("/api/v1/settings/notifications/events/user_login", own).await.expect(200);
    let user = json!({"email": "grace@people.example"});
    let event =
        json!({"type": "user_login", "data": {"user_name": "Grace", "email": "grace@people.example"}, "user": user});
    api.post("/api/v1/events", event).await.expect(202);
    for path in ["/api/v1/deliveries?q=grace", "/history?q=grace"] {
        assert!(page(&api, path).await.text.contains("grace@people.example"), "{path}");
        let seen = seen_by_viewer(&api, path).await.text;
        assert!(!seen.contains("people.example"), "{path}: {seen}");
    }
    let seen = seen_by_viewer(&api, "/history?q=Mail").await.text;
    assert!(seen.contains("g***@people.example"), "the channel's name is no secret: {seen}");
}

#[tokio::test]
async fn a_search_goes_back_so_far_and_says_where_to_go_on() {
    let api = Api::start().await;
    held(&api, &["needle", "hay 1", "hay 2", "hay 3", "hay 4"]).await;
    let text = TextSearch { text: "needle".into(), in_addresses: false };
    let filter = DeliveryFilter { text: Some(text), ..DeliveryFilter::default() };
    let mut page = Page { before: None, limit: 10 };
    let mut asked = 0;
    let needle = loop {
        asked += 1;
        let (found, end) = api.engine.search(filter.clone(), page, 2).await.unwrap();
        match found.into_iter().next() {
            Some(found) => break found,
            None => page.before = Some(end.expect("the ledger goes on").0),
        }
    };
    assert_eq!((asked, needle.title.as_str()), (3, "needle"));
    let (_, end) = api.engine.search(DeliveryFilter::default(), Page { before: None, limit: 2 }, 2).await.unwrap();
    assert!(end.is_none(), "without a text, nothing is left out");
}

#[tokio::test]
async fn the_history_keeps_its_filters_in_the_address_and_is_live_on_its_first_page() {
    let api = Api::start().await;
    let titles: Vec<String> = (0..60).map(|i| format!("Disk {i}")).collect();
    held(&api, &titles.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let first = page(&api, "/history?q=disk&state=held").await.text;
    assert!(first.contains("value=\"disk\"") && first.contains("data-live=\"/api/v1/deliveries/stream\""), "{first}");
    let next =
        first.split("href=\"").find(|link| link.starts_with("/history?state=held&amp;q=disk&amp;cursor=")).unwrap();
    let second = page(&api, &next.split('"').next().unwrap().replace("&amp;", "&")).await.text;
    assert!(second.contains("Disk 3<") && !second.contains("Disk 59<"));
    assert!(!second.contains("data-live="), "what is old does not change");
    assert!(page(&api, "/history?q=nothing+says+this").await.text.contains("Nothing matches"));
}

#[tokio::test]
async fn what_is_held_and_what_failed_stands_on_the_pages() {
    let api = Api::start().await;
    let hook = held(&api, &["One", "Two"]).await;
    assert!(page(&api, "/channels").await.text.contains("2 held"));
    let one = page(&api, &format!("/channels/{hook}")).await.text;
    assert!(one.contains(&format!("/history?state=held&amp;channel_id={hook}")) && one.contains("2 held"), "{one}");
    assert!(page(&api, "/").await.text.contains("Nothing has failed."));

    let refusing = Receiver::start().await;
    refusing.answer(fanfare_testkit::Answer::status(400).body("this is no notification"));
    let refused = api.webhook("Refuser", &refusing).await;
    api.patch("/api/v1/settings/notifications/events/system_error", json!({"channels": [refused]})).await.expect(200);
    let event = json!({"type": "system_error", "data": {"component": "Lost cause", "error": "-"}});
    api.post("/api/v1/events", event).await.expect(202);
    api.wait_for("dead", 1).await;
    let overview = page(&api, "/").await.text;
    assert!(overview.contains("Lost cause") && overview.contains("this is no notification"), "{overview}");
    assert!(overview.contains("Retry Lost cause"));
    let failures = api.engine.latest_failures(1).await.unwrap();
    assert_eq!((failures.len(), failures[0].state), (1, DeliveryState::Dead));
}

#[tokio::test]
async fn a_channel_shows_how_each_event_will_look() {
    let api = Api::start().await;
    let discord = json!({"webhook_url": "https://discord.com/api/webhooks/1/abc"});
    let discord = channel(&api, "Chat", "discord", discord, true).await;
    let shown = page(&api, &format!("/channels/{discord}?event_type=restore_failure")).await.text;
    assert!(shown.contains("data-look=\"discord\"") && shown.contains("Restore Failed"), "{shown}");
    assert!(shown.contains("shop_staging") && shown.contains("The exact payload"), "{shown}");
    assert!(shown.contains("Next: test it.") && shown.contains("name=\"/delivery/digest\""), "{shown}");
    let seen = seen_by_viewer(&api, &format!("/channels/{discord}")).await.text;
    assert!(seen.contains("data-look=\"discord\"") && !seen.contains("Next: test it."));

    let mail =
        json!({"host": "127.0.0.1", "port": 9, "security": "none", "from": "f@mail.example", "to": ["o@mail.example"]});
    let mail = channel(&api, "Mail", "email", mail, false).await;
    let shown = page(&api, &format!("/channels/{mail}?event_type=restore_failure")).await.text;
    let frame = format!("/channels/{mail}/mail?event_type=restore_failure");
    assert!(shown.contains(&format!("<iframe src=\"{frame}\"")) && shown.contains("sandbox=\"\""), "{shown}");
    let letter = page(&api, &frame).await;
    assert!(letter.text.contains("Sent by Fanfare") && letter.text.contains("Restore Failed"), "{}", letter.text);
    let policy = letter.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("sandbox;") && policy.contains("default-src 'none'"), "{policy}");
    assert!(policy.contains("frame-ancestors 'self'") && !policy.contains("script-src"), "{policy}");
    assert_eq!(page(&api, &format!("/channels/{discord}/mail")).await.status, 404);
}

#[tokio::test]
async fn a_mail_in_the_ledger_is_shown_with_its_address_masked() {
    let api = Api::start().await;
    let mail =
        json!({"host": "127.0.0.1", "port": 9, "security": "none", "from": "f@mail.example", "to": ["o@mail.example"]});
    let mail = channel(&api, "Mail", "email", mail, true).await;
    let own = json!({"enabled": true, "channels": [mail], "notify_user": "only"});
    api.patch("/api/v1/settings/notifications/events/user_login", own).await.expect(200);
    let user = json!({"email": "grace@people.example"});
    let event =
        json!({"type": "user_login", "data": {"user_name": "Grace", "email": "grace@people.example"}, "user": user});
    let told = api.post("/api/v1/events", event).await.expect(202);
    let path = format!("/history/{}/mail", told["deliveries"][0]["id"].as_str().unwrap());
    let letter = page(&api, &path).await;
    assert!(letter.status == 200 && letter.text.contains("Sent by Fanfare"), "{}", letter.text);
    let seen = seen_by_viewer(&api, &path).await.text;
    assert!(seen.contains("Sent by Fanfare") && !seen.contains("grace@people.example"), "{seen}");
}
