//! Pictures of every page: light and dark, wide and narrow.

use std::{fs, path::PathBuf};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use fanfare_tests::Server;
use serde_json::json;

use crate::{
    furnished::Furnished,
    harness::{Stage, flow, folder},
};

/// Takes pictures of these pages into the folder, whole pages.
async fn take(stage: &Stage, pages: &[(&str, String)], folder: PathBuf) {
    for (width, height, size) in [(1280, 900, "wide"), (360, 740, "narrow")] {
        stage.be_wide(width, height).await;
        for (name, path) in pages {
            stage.page().open(path).await;
            for scheme in ["light", "dark"] {
                stage.prefer(scheme).await;
                let whole = json!({ "format": "png", "captureBeyondViewport": true });
                let picture = stage.devtools("Page.captureScreenshot", whole).await;
                let picture = STANDARD.decode(picture["data"].as_str().unwrap()).unwrap();
                fs::write(folder.join(format!("{name}-{size}-{scheme}.png")), picture).unwrap();
            }
        }
    }
}

/// Run it with `cargo nextest run -p fanfare-tests --run-ignored only -E 'test(pictures_of_every_page)'`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "makes pictures for people to look at"]
async fn pictures_of_every_page() {
    let furnished = Furnished::start().await;
    let pages = furnished.pages();
    let (server, _ends) = furnished.split();
    let stage = Stage::at(server, "/").await;
    let folder = folder("screens");
    eprintln!("the pictures are in {}", folder.display());
    flow(stage, async |stage| {
        stage.expect_refusal(404);
        take(stage, &pages, folder).await;
    })
    .await;
    let stage = Stage::at(Server::start().await, "/").await;
    flow(stage, async |stage| {
        let empty = [
            ("empty-overview", "/"),
            ("empty-channels", "/channels"),
            ("empty-jobs", "/jobs"),
            ("empty-history", "/history"),
            ("empty-settings", "/settings/notifications"),
        ];
        take(stage, &empty.map(|(name, path)| (name, path.to_owned())), self::folder("screens")).await;
        stage.page().open("/account").await;
        stage.page().click("Sign out everywhere").await;
        stage.page().arrive("/sign-in").await;
        take(stage, &[("sign-in", "/sign-in".to_owned())], self::folder("screens")).await;
    })
    .await;
}
