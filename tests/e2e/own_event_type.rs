//! An event type that is one TOML file, and no line of code: settings, tests, explanations, deliveries, documents.

use std::{fs, path::PathBuf};

use fanfare_testkit::{Receiver, smtp::SmtpReceiver};
use fanfare_tests::{PATIENCE, Server, letters};
use serde_json::json;

use crate::told::tell;

/// The examples of the page that tells how to write one.
fn examples() -> Vec<(String, String)> {
    let page = include_str!("../../docs/event-types.md");
    let blocks = page.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let named = blocks.map(|text| (text.split('"').nth(1).unwrap().to_owned() + ".toml", text.to_owned()));
    named.collect()
}

struct Types(tempfile::TempDir);

impl Types {
    fn new(files: &[(String, String)]) -> Self {
        let dir = Self(tempfile::tempdir().unwrap());
        files.iter().for_each(|(name, text)| dir.put(name, text));
        dir
    }

    fn put(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).unwrap();
    }

    fn path(&self) -> PathBuf {
        self.0.path().to_owned()
    }
}

#[tokio::test]
async fn one_file_goes_all_the_way() {
    let types = Types::new(&examples());
    let server = Server::start_with(&[("FANFARE_EVENT_TYPES_DIR", types.path().to_str().unwrap())]).await;
    let (api, cli) = (server.api(), server.cli());
    let (ops, mail) = (Receiver::start().await, SmtpReceiver::start().await);
    let ops_id = api.webhook("ops", ops.url("/")).await;
    let mail_id = api.email("mail", mail.port(), &["ops@mail.example"]).await;
    api.make_global(&[&ops_id]).await;

    // It is listed like all others.
    let all = api.get("/event-types").await;
    let of = |id: &str| all.as_array().unwrap().iter().find(|event_type| event_type["id"] == id).unwrap().clone();
    let disk = of("disk_filling");
    assert_eq!(
        (&disk["builtin"], &disk["notify_user"], &disk["category"]),
        (&json!(false), &json!(true), &json!("machines"))
    );
    assert_eq!(disk["reminder"]["default_hours"], 12.0);
    assert_eq!(of("system_error")["builtin"], true);
    assert!(cli.run(&["event-types", "list"]).out.contains("disk_filling"));
    let shown = cli.run(&["event-types", "show", "disk_filling"]).out;
    assert!(shown.contains("How full it is.") && shown.contains("here"), "{shown}");
    let document = api.exchange(http::Method::GET, "/api/openapi.json", &[], "").await.unwrap().ok();
    let example = &document["paths"]["/api/v1/events"]["post"]["requestBody"]["content"]["application/json"]["examples"]
        ["disk_filling"];
    assert_eq!(example["value"]["data"], disk["sample"]);
    let names = &document["components"]["schemas"]["EventInput"]["properties"]["type"]["enum"];
    assert!(names.as_array().unwrap().contains(&json!("disk_filling")), "{names}");

    // Settings, with words of the administrator's own and the user.
    let settings = "/settings/notifications/events/disk_filling";
    assert_eq!(api.get("/settings/notifications").await["events"]["disk_filling"]["enabled"], true);
    let change = json!({ "channels": [ops_id, mail_id], "notify_user": "also", "wording": { "title": "{{machine}} has {{bytes free_bytes}} left" } });
    api.patch(settings, change).await;

    // Explained, tested, told.
    let mut data = disk["sample"].clone();
    data["level"] = "critical".into();
    let asked = json!({ "type": "disk_filling", "data": data, "wording": {} });
    assert_eq!(api.post("/events/explain", asked).await["notification"]["title"], "db-1: /var is full");
    let test = api.post("/event-types/disk_filling/test", json!({ "user": { "email": "ada@mail.example" } })).await;
    let results = test["results"].as_array().unwrap();
    assert!(results.len() == 3 && results.iter().all(|result| result["ok"] == true), "{test}");
    assert_eq!(ops.wait_for(1, PATIENCE).await[0].json()["title"], "[Test] db-1 has 4 GB left");
    let told = tell(api, "disk_filling", data).await;
    told.check(&[("ops", "override"), ("mail", "override"), ("mail", "notify_user")], &[]);
    let request = ops.wait_for(2, PATIENCE).await[1].json();
    assert_eq!((&request["title"], &request["event_type"]), (&json!("db-1 has 4 GB left"), &json!("disk_filling")));
    assert_eq!((&request["status"], &request["color"]), (&json!("failure"), &json!("#ef4444")));
    api.settled().await;
    let subjects: Vec<_> = letters(&mail).into_iter().map(|letter| letter.subject).collect();
    assert!(subjects.iter().any(|subject| subject == "Your disk on db-1 is filling up"), "{subjects:?}");

    // Wrong data are refused as for any other.
    let wrong = json!({ "type": "disk_filling", "data": { "machine": 3 } });
    let problem = api.call(http::Method::POST, "/events", Some(&wrong)).await.problem();
    assert!(problem.pointers.contains(&"/data/machine".to_owned()), "{}", problem.document);
    assert!(cli.run(&["send", "certificate_expires", "host=www.example.org", "days=3"]).code == Some(0));
    let cert = ops.wait_for(3, PATIENCE).await[2].json();
    assert_eq!(cert["message"], "It is valid for 3 more days.");
}

#[tokio::test]
async fn a_file_that_is_wrong_says_where_and_the_server_does_not_start() {
    let server = Server::prepare(&[]);
    let good = examples().remove(0).1;
    for (name, text, words) in [
        (
            "certificate_expires.toml",
            good.replace("{{host}}", "{{hots}}"),
            "line 12: wording.title: line 1, column 20: no datum is called hots",
        ),
        ("certificate_expires.toml", good.replace("{{days}}", "{{#if days}}"), "line 13: wording.message: line 1"),
        (
            "certificate_expires.toml",
            good.replace("status = \"warning\"", "status = \"grave\""),
            "line 14: wording.status",
        ),
        (
            "certificate_expires.toml",
            good.replace("days = 7", "days = \"7\""),
            "line 19: sample.days: days must be a whole number",
        ),
        ("certificate_expires.toml", good.replace("category", "kategory"), "line 4"),
        ("certificate_expires.toml", good.replace("[sample]", "[sample"), "line 17"),
        ("other.toml", good.clone(), "line 1: id: the file must be called certificate_expires.toml"),
        (
            "system_error.toml",
            good.replace("certificate_expires", "system_error"),
            "line 1: id: system_error comes with Fanfare and cannot be replaced",
        ),
        (
            "certificate_expires.toml",
            good.replace("default_enabled", "layer = \"job\"\ndefault_enabled"),
            "line 5: layer",
        ),
    ] {
        let types = Types::new(&[(name.to_owned(), text)]);
        let refused = server.run(&["serve"], &[("FANFARE_EVENT_TYPES_DIR", types.path().to_str().unwrap())]);
        assert_eq!(refused.code, Some(2), "{words}: {refused:?}");
        assert!(refused.err.contains(words) && refused.err.contains(name), "{words} is not in {refused:?}");
    }
    let missing = server.run(&["serve"], &[("FANFARE_EVENT_TYPES_DIR", "/no/such/directory")]);
    assert_eq!(missing.code, Some(2), "{missing:?}");
}

#[tokio::test]
async fn a_type_may_go_and_come_back() {
    let (types, none) = (Types::new(&examples()), Types::new(&[]));
    let dir = |types: &Types| types.path().to_str().unwrap().to_owned();
    let mut server = Server::start_with(&[("FANFARE_EVENT_TYPES_DIR", &dir(&types))]).await;
    let ops = Receiver::start().await;
    let id = server.api().webhook("ops", ops.url("/")).await;
    let own = "/settings/notifications/events/certificate_expires";
    let change = json!({ "channels": [id], "wording": { "title": "{{host}}: {{days}} left" } });
    server.api().patch(own, change).await;
    let data = json!({ "host": "www.example.org", "days": 3 });
    let told = tell(server.api(), "certificate_expires", data.clone()).await;
    ops.wait_for(1, PATIENCE).await;

    // Without its file, the type is unknown; what it told stays, and nothing else is in the way.
    server.terminate().await;
    server.set("FANFARE_EVENT_TYPES_DIR", &dir(&none));
    server.restart().await;
    let event = json!({ "type": "certificate_expires", "data": data });
    let refused = server.api().call(http::Method::POST, "/events", Some(&event)).await.problem();
    assert_eq!((refused.status, refused.pointers), (422, vec!["/type".to_owned()]));
    assert_eq!(
        server.api().get(&format!("/events/{}", told.event)).await["notification"]["title"],
        "www.example.org: 3 left"
    );
    server.api().patch("/settings/notifications/events/system_error", json!({ "enabled": false })).await;

    // With a file that has lost a datum, the saved words cannot be said any more, and its own are.
    let changed = examples()
        .remove(0)
        .1
        .replace("days", "left")
        .replace("{{left}} more {{plural left \"day\" \"left\"}}", "some time");
    types.put("certificate_expires.toml", &changed);
    server.terminate().await;
    server.set("FANFARE_EVENT_TYPES_DIR", &dir(&types));
    server.restart().await;
    assert!(server.log().contains("a saved wording cannot be used"), "{}", server.log());
    let told = tell(server.api(), "certificate_expires", json!({ "host": "www.example.org", "left": 2 })).await;
    told.check(&[("ops", "override")], &[]);
    let event = server.api().get(&format!("/events/{}", told.event)).await;
    assert_eq!(event["notification"]["title"], "The certificate of www.example.org expires");
    assert!(event["wording_error"].as_str().unwrap().contains("no datum is called days"), "{event}");
}
