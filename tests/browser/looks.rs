//! Manners of every page: nothing for a checker of accessibility to find, in light and in dark; nothing that sticks out
//! of a narrow screen or moves while it loads; small; readable without a script; usable with the keyboard.

use fanfare_tests::Server;
use serde_json::{Value, json};

use crate::{
    furnished::Furnished,
    harness::{ADA, Axe, Stage, account, flow},
};

/// What a page may weigh, compressed, with everything that it loads.
const WEIGHT: u64 = 100 * 1024;

/// A browser whose reader is signed in as the administrator of a furnished server.
async fn furnished() -> (Stage, Vec<(&'static str, String)>, impl Sized) {
    let furnished = Furnished::start().await;
    let pages = furnished.pages();
    let (server, kept) = furnished.split();
    let stage = Stage::at(server, "/").await;
    (stage, pages, kept)
}

async fn accessible(choose: impl Fn(usize) -> bool) {
    let (stage, pages, _kept) = furnished().await;
    flow(stage, async |stage| {
        let axe = Axe::of(stage).await;
        let page = stage.page();
        stage.expect_refusal(404);
        let mut all = Vec::new();
        for (name, path) in pages.iter().enumerate().filter(|(i, _)| choose(*i)).map(|(_, page)| page) {
            stage.prefer("light").await;
            page.open(path).await;
            let found = axe.check(stage, &[]).await;
            all.extend(found.into_iter().map(|found| json!({ "in light": name, "found": found })));
            // Everything but the colours is as it was.
            stage.prefer("dark").await;
            let found = axe.check(stage, &["color-contrast"]).await;
            all.extend(found.into_iter().map(|found| json!({ "in dark": name, "found": found })));
        }
        assert!(all.is_empty(), "{:#}", json!(all));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn axe_finds_nothing_on_any_page_first_half() {
    accessible(|i| i % 2 == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn axe_finds_nothing_on_any_page_second_half() {
    accessible(|i| i % 2 == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn axe_finds_nothing_in_what_opens_and_appears() {
    let (stage, _, _kept) = furnished().await;
    flow(stage, async |stage| {
        let axe = Axe::of(stage).await;
        let page = stage.page();
        let all = std::cell::RefCell::new(Vec::new());
        let check = async |what: &str| {
            for scheme in ["light", "dark"] {
                stage.prefer(scheme).await;
                let found = axe.check(stage, &[]).await;
                all.borrow_mut()
                    .extend(found.into_iter().map(|found| json!({ "of": what, "in": scheme, "found": found })));
            }
        };
        page.open("/settings/notifications").await;
        page.click("Channels of Restore Failed").await;
        check("an open picker").await;
        page.click("Test Restore Failed").await;
        page.within("#results-restore_failure").see("✓").await;
        check("results of a test").await;
        page.open("/channels/new/webhook").await;
        stage.expect_refusal(422);
        page.click("Add one").await;
        page.click("Add the channel").await;
        page.within("#name-error").see("name").await;
        check("a form with errors").await;
        page.open("/tokens").await;
        page.within("#tokens tbody tr:first-child").click("Delete").await;
        page.within("dialog").see("Delete the token").await;
        check("a question").await;
        stage.be_wide(360, 740).await;
        page.open("/").await;
        page.within(".phone-head").click("Menu").await;
        check("the menu of a phone").await;
        assert!(all.borrow().is_empty(), "{:#}", json!(*all.borrow()));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_sticks_out_of_a_narrow_screen_and_nothing_moves() {
    let (stage, pages, _kept) = furnished().await;
    flow(stage, async |stage| {
        let page = stage.page();
        stage.expect_refusal(404);
        let out = "const wide = document.documentElement.clientWidth;
                   if (document.documentElement.scrollWidth <= wide) return [];
                   const inside = (element) => { for (let up = element.parentElement; up; up = up.parentElement) {
                     if (getComputedStyle(up).overflowX !== 'visible') return true; } return false; };
                   return [...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > wide + 1 && !inside(e))
                     .map((e) => e.outerHTML.slice(0, 160))";
        for (width, height) in [(360, 740), (1280, 900)] {
            stage.be_wide(width, height).await;
            for (name, path) in &pages {
                page.open(path).await;
                assert_eq!(page.run(out, json!([])).await, json!([]), "{name} at {width} px");
                let seen = page.run("return [fanfareSeen.shift, fanfareSeen.shifted]", json!([])).await;
                assert!(seen[0].as_f64().unwrap() < 0.02, "{name} at {width} px moves: {seen}");
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_and_all_that_it_loads_are_small() {
    let (stage, pages, _kept) = furnished().await;
    flow(stage, async |stage| {
        let page = stage.page();
        stage.expect_refusal(404);
        // As at a first visit.
        stage.devtools("Network.enable", json!({})).await;
        stage.devtools("Network.setCacheDisabled", json!({ "cacheDisabled": true })).await;
        let weigh = "const [first] = performance.getEntriesByType('navigation');
                     const all = [first, ...performance.getEntriesByType('resource')];
                     return { bytes: all.reduce((sum, one) => sum + one.encodedBodySize, 0),
                              from: [...new Set(all.map((one) => new URL(one.name).origin))] }";
        for (name, path) in &pages {
            page.open(path).await;
            let weight = page.run(weigh, json!([])).await;
            let bytes = weight["bytes"].as_u64().unwrap();
            assert!(bytes > 4_000 && bytes < WEIGHT, "{name}: {weight}");
            assert_eq!(weight["from"], json!([stage.api().url()]), "{name} loads from elsewhere");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn colours_follow_the_system_until_somebody_chooses() {
    let stage = Stage::at(Server::start().await, "/").await;
    flow(stage, async |stage| {
        let page = stage.page();
        let ground = async || page.run("return getComputedStyle(document.body).backgroundColor", json!([])).await;
        let (light, dark) = (json!("rgb(246, 247, 249)"), json!("rgb(14, 17, 22)"));
        stage.prefer("light").await;
        assert_eq!(ground().await, light);
        stage.prefer("dark").await;
        assert_eq!(ground().await, dark);
        page.within(".rail").click("Light").await;
        assert_eq!(ground().await, light);
        page.open("/channels").await;
        assert_eq!(ground().await, light, "it is remembered");
        stage.prefer("light").await;
        page.within(".rail").click("Dark").await;
        assert_eq!(ground().await, dark);
        page.within(".rail").click("As the system").await;
        assert_eq!(ground().await, light);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_and_signing_in_work_without_javascript() {
    let furnished = Furnished::start().await;
    account(furnished.server.api(), ADA, "admin").await;
    let pages = furnished.pages();
    let (server, _kept) = furnished.split();
    let without = json!({ "profile.managed_default_content_settings.javascript": 2 });
    let stage = Stage::with(server, without).await;
    flow(stage, async |stage| {
        let page = stage.page();
        page.open("/history?state=dead").await;
        stage.sign_in(ADA).await;
        page.arrive("/history?state=dead").await;
        page.within("#deliveries").see("Unknown Webhook").await;
        page.see("Reading works without JavaScript").await;
        page.choose("State", "Delivered").await;
        page.click("Filter").await;
        page.within("#deliveries").see("Delivered").await;
        page.within(".rail").click("Channels").await;
        page.see("Phone of whoever is on duty this week").await;
        page.within(".rail").click("Who hears?").await;
        page.choose("Event", "System Error").await;
        page.within("form:has(#type)").click("Who would hear?").await;
        page.within("#plan").see("2 would hear of it").await;
        stage.expect_refusal(404);
        for (name, path) in &pages {
            page.open(path).await;
            let text = page.text().await;
            assert!(text.len() > 60, "{name}: {text}");
            // What needs a script is not offered.
            for offer in ["Test", "Sign out", "Retry now"] {
                assert!(!page.has(offer).await, "{name} offers {offer:?}");
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keyboard_is_enough() {
    let server = Server::start().await;
    let id = server.api().webhook("Hook", "https://hooks.example/x".into()).await;
    let stage = Stage::at(server, "/channels").await;
    flow(stage, async |stage| {
        let (api, page) = (stage.api(), stage.page());
        const TAB: &str = "\u{E004}";
        const ENTER: &str = "\u{E007}";
        const ESCAPE: &str = "\u{E00C}";
        let focus = async || {
            let script = "const e = document.activeElement; const style = getComputedStyle(e);
                          const seen = style.outlineStyle !== 'none' || getComputedStyle(e.nextElementSibling ?? e).outlineStyle !== 'none';
                          return [e.getAttribute('aria-label') ?? e.textContent.trim(), seen]";
            page.run(script, json!([])).await
        };
        page.press(TAB).await;
        assert_eq!(focus().await, json!(["Skip to the content", true]));
        page.press(ENTER).await;
        assert_eq!(page.run("return document.activeElement.id", json!([])).await, "main");
        // Everything on the way can be seen to have the focus.
        let mut passed = Vec::new();
        for _ in 0..5 {
            page.press(TAB).await;
            let now = focus().await;
            assert_eq!(now[1], true, "{now} does not show that it has the focus");
            passed.push(now[0].as_str().unwrap().to_owned());
        }
        assert!(passed.iter().any(|name| name == "Hook is enabled"), "{passed:?}");
        assert!(passed.iter().any(|name| name == "Test Hook"), "{passed:?}");

        page.open("/channels").await;
        page.run("document.getElementById(arguments[0]).focus()", json!([format!("enable-{id}")])).await;
        page.press(" ").await;
        page.within(".tile").see("Disabled").await;
        assert_eq!(api.get(&format!("/channels/{id}")).await["enabled"], false);
        // The switch was drawn anew, and the focus is still on it.
        assert_eq!(focus().await[0], "Hook is enabled");

        page.open("/settings/notifications").await;
        page.run("document.querySelector('#channels-system_error summary').focus()", json!([])).await;
        page.press(ENTER).await;
        page.within("#event-system_error").see("Mute").await;
        page.press(ESCAPE).await;
        page.within("#event-system_error").miss("Mute").await;
        assert_eq!(focus().await[0], "Channels of System Error");

        page.open(&format!("/channels/{id}")).await;
        page.run("document.querySelector('#end button').focus()", json!([])).await;
        page.press(ENTER).await;
        page.within("dialog").see("Delete Hook?").await;
        assert_eq!(focus().await[0], "Cancel", "the harmless answer has the focus");
        page.press(ESCAPE).await;
        page.miss("Delete Hook?").await;
        assert_ne!(api.get("/channels").await, Value::Array(Vec::new()));
    })
    .await;
}
