//! What concerns the whole configuration: keys, export, import and apply.

use serde_json::{Value, json};

use crate::common::Api;

pub(crate) async fn keys(api: &Api, channel: &str) {
    let rotated = api.send("POST", "/api/v1/keys/rotate", None, &[]).await.expect(200);
    assert_eq!(rotated["new"], false, "the key was given");
    assert!(rotated["secrets"].as_u64().unwrap() >= 2, "{rotated}");
    let test = api.send("POST", &format!("/api/v1/channels/{channel}/test"), None, &[]).await.expect(200);
    assert_eq!(test["ok"], true);
}

pub(crate) async fn whole(api: &Api, channel: &str) {
    let passphrase = "correct horse";
    let document = api.post("/api/v1/export", json!({"passphrase": passphrase})).await.expect(200);
    assert!(document["sections"]["channels"].as_array().unwrap().iter().any(|row| row["id"] == channel));
    assert!(!document.to_string().contains("s3cret"), "secrets are encrypted");
    assert_eq!(api.post("/api/v1/export", json!({"passphrase": "short"})).await.pointers(422), ["/passphrase"]);

    let import = async |document: &Value, passphrase: &str, dry_run: bool| {
        let body = json!({"document": document, "passphrase": passphrase, "dry_run": dry_run});
        api.post("/api/v1/import", body).await
    };
    let section = |report: &Value| {
        let mut sections = report["sections"].as_array().unwrap().iter();
        sections.find(|section| section["name"] == "channels").unwrap().clone()
    };
    let same = import(&document, passphrase, false).await.expect(200);
    assert_eq!((&same["applied"], &section(&same)["changed"]), (&json!(true), &json!([])), "{same}");
    assert_eq!(import(&document, "wrong horse", true).await.pointers(422), ["/passphrase"]);
    assert_eq!(import(&json!({}), passphrase, true).await.pointers(422), ["/document/format"]);
    let mut later = document.clone();
    later["version"] = 3.into();
    assert_eq!(import(&later, passphrase, true).await.pointers(422), ["/document/version"]);

    let at = document["sections"]["channels"].as_array().unwrap().iter().position(|row| row["id"] == channel).unwrap();
    let before = document["sections"]["channels"][at]["name"].clone();
    let mut edited = document.clone();
    edited["sections"]["channels"][at]["name"] = "Edited".into();
    assert_eq!(import(&edited, passphrase, true).await.pointers(422), ["/document/seal"]);
    let path = format!("/api/v1/channels/{channel}");
    api.patch(&path, json!({"name": "Imported"})).await.expect(200);
    let mut renamed = api.post("/api/v1/export", json!({"passphrase": passphrase})).await.expect(200);
    api.patch(&path, json!({"name": before})).await.expect(200);
    let planned = import(&renamed, passphrase, true).await.expect(200);
    let change = json!([{"id": channel, "name": "Imported", "pointers": ["/name"]}]);
    assert_eq!((&planned["applied"], &section(&planned)["changed"]), (&json!(false), &change));
    assert_eq!(api.get(&format!("/api/v1/channels/{channel}")).await.expect(200)["name"], before);
    let done = import(&renamed, passphrase, false).await.expect(200);
    assert_eq!((&done["applied"], &section(&done)["changed"]), (&json!(true), &change));
    assert_eq!(api.get(&format!("/api/v1/channels/{channel}")).await.expect(200)["name"], "Imported");
    // Something that is wrong changes nothing at all.
    renamed["sections"]["channels"][at]["name"] = "Again".into();
    renamed["sections"]["channels"][at]["kind"] = "pigeon".into();
    let place = |name: &str| format!("/document/sections/channels/{at}/{name}");
    assert_eq!(import(&renamed, passphrase, false).await.pointers(422), [place("kind")]);
    assert_eq!(api.get(&format!("/api/v1/channels/{channel}")).await.expect(200)["name"], "Imported");
    import(&document, passphrase, false).await.expect(200);

    let wanted = json!({"jobs": [{"name": "applied", "notifications": [{"channel": before, "condition": "always"}]}]});
    let apply = async |document: &Value, dry_run: bool| {
        api.post("/api/v1/apply", json!({"document": document, "dry_run": dry_run})).await
    };
    let planned = apply(&wanted, true).await.expect(200);
    assert_eq!(planned["sections"][1]["created"][0]["name"], "applied", "{planned}");
    apply(&wanted, false).await.expect(200);
    let again = apply(&wanted, false).await.expect(200);
    assert_eq!((&again["sections"][1]["created"], &again["sections"][1]["changed"]), (&json!([]), &json!([])));
    let wrong = json!({"jobs": [{"name": "x", "notifications": [{"channel": "nobody", "condition": "always"}]}]});
    assert_eq!(apply(&wrong, true).await.pointers(422), ["/document/jobs/0/notifications/0/channel"]);
    let jobs = api.get("/api/v1/jobs").await.expect(200);
    let applied = jobs.as_array().unwrap().iter().find(|job| job["name"] == "applied").unwrap();
    api.delete(&format!("/api/v1/jobs/{}", applied["id"].as_str().unwrap())).await.expect(204);
}
