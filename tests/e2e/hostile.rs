//! Texts that try to become something else: a header, a subject of two lines, a topic, a link, a line of the log.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use fanfare_testkit::{Answer, Receiver, smtp::SmtpReceiver};
use fanfare_tests::{Letter, PATIENCE, Server, letters, until};
use http::Method;
use serde_json::{Value, json};

use crate::kinds::{Far, KINDS};

/// Each ends a line, a text, a header block or a command somewhere, or changes how what stands around it is read.
const EVIL: &[&str] = &[
    "a\r\nX-Evil: 1\r\nBcc: eve@evil.example\r\n\r\nanother body",
    "a\nX-Evil: 1\n\nanother body",
    "a\rX-Evil: 1",
    "a\r\n.\r\nMAIL FROM:<eve@evil.example>\r\nDATA\r\n",
    "a\0X-Evil: 1",
    "\u{1b}[2J\u{1b}]0;owned\u{7}\u{8}\u{7f}X-Evil: 1",
    "a\u{85}X-Evil: 1\u{2028}X-Evil: 2\u{2029}X-Evil: 3\u{b}\u{c}",
    "a\u{202e}gpj.exe\u{202c} \u{2066}b\u{2069} \u{200e}\u{200f}\u{61c}",
    "\u{feff}a\u{fff9}b\u{fffa}c\u{fffb}\u{ffff}",
    "=?utf-8?Q?X-Evil=0D=0ABcc:_eve@evil.example?= %0d%0aX-Evil:%201 \\r\\nX-Evil: 1",
];

/// What no text that a service shows on one line may hold.
fn changes_lines(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// The texts in a document.
fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(members) => {
            found.extend(members.keys().cloned());
            members.values().for_each(|member| texts(member, found));
        }
        _ => {}
    }
}

/// The texts of a request's body, in whichever of the two forms it is.
fn said(body: &str) -> Vec<String> {
    let mut found = Vec::new();
    match serde_json::from_str(body) {
        Ok(document) => texts(&document, &mut found),
        Err(_) => {
            // As forms are written: percent signs and pluses.
            for value in body.split('&').filter_map(|pair| pair.split_once('=')).map(|(_, value)| value) {
                let mut bytes = Vec::new();
                let mut rest = value.bytes();
                while let Some(byte) = rest.next() {
                    bytes.push(match byte {
                        b'+' => b' ',
                        b'%' => {
                            let hex = [rest.next().unwrap(), rest.next().unwrap()];
                            u8::from_str_radix(std::str::from_utf8(&hex).unwrap(), 16).unwrap()
                        }
                        byte => byte,
                    });
                }
                found.push(String::from_utf8(bytes).unwrap());
            }
        }
    }
    found
}

/// The names of the headers of a mail, one for each time it stands there.
fn mail_headers(letter: &Letter) -> Vec<String> {
    let text = letter.mail.text();
    let head = text.split_once("\r\n\r\n").unwrap().0;
    assert!(head.bytes().all(|byte| matches!(byte, b'\r' | b'\n' | b'\t' | b' '..=b'~')), "{head:?}");
    assert!(!head.replace("\r\n", "").contains(['\r', '\n']), "{head:?}");
    let lines = head.split("\r\n").filter(|line| !line.starts_with([' ', '\t']));
    let mut names: Vec<_> = lines.map(|line| line.split_once(": ").unwrap().0.to_lowercase()).collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn text_stays_text_in_every_channel() {
    let server = Server::start().await;
    let api = server.api();
    let mut far = BTreeMap::new();
    for kind in KINDS {
        let (end, address) = Far::start(&kind.service).await;
        let pace = json!({ "rate": 1_000, "burst": 1_000, "digest": false });
        let channel =
            json!({ "name": kind.kind, "kind": kind.kind, "config": (kind.config)(&address), "delivery": pace });
        let id = api.post("/channels", channel).await["id"].as_str().unwrap().to_owned();
        far.insert(id, (kind.kind, end));
    }
    let all: Vec<_> = far.keys().map(String::as_str).collect();
    api.make_global(&all).await;
    // The words that everybody may choose stand in the title too.
    let wording = json!({ "wording": { "title": "{{component}} is broken", "message": "{{error}}" } });
    api.patch("/settings/notifications/events/system_error", wording).await;
    let event =
        |text: &str| json!({ "type": "system_error", "data": { "component": text, "error": text, "details": text } });
    api.post("/events", event("harmless")).await;
    api.settled().await;
    for text in EVIL {
        api.post("/events", event(&format!("x{text}"))).await;
    }
    let metrics = api.settled().await;
    assert_eq!(metrics.of("delivered"), metrics.accepted, "{metrics:?}");
    for (kind, end) in far.values() {
        match end {
            Far::Http(receiver, _) => {
                let requests = receiver.requests();
                assert_eq!(requests.len(), EVIL.len() + 1, "{kind}");
                let names = |n: usize| {
                    let names: Vec<_> = requests[n].headers.keys().map(ToString::to_string).collect();
                    (names.len(), names.into_iter().collect::<BTreeSet<_>>())
                };
                for (n, request) in requests.iter().enumerate() {
                    assert_eq!((&request.method, &request.path), (&requests[0].method, &requests[0].path), "{kind}");
                    assert_eq!(names(n), names(0), "{kind}: {:?}", request.headers);
                    assert!(
                        request
                            .headers
                            .values()
                            .all(|value| value.as_bytes().iter().all(|byte| matches!(byte, b' '..=b'~'))),
                        "{kind}: {:?}",
                        request.headers
                    );
                    // A webhook's is data for a program: the text as it came, in JSON.
                    for text in said(&request.text()).into_iter().filter(|_| *kind != "webhook") {
                        let bad = text.chars().find(|&c| c != '\n' && changes_lines(c));
                        assert_eq!(bad, None, "{kind}: {text:?}");
                    }
                    let body = request.text();
                    if let Ok(document) = serde_json::from_str::<Value>(&body) {
                        for name in ["title", "topic", "subject"].into_iter().filter(|_| *kind != "webhook") {
                            let one_line = document[name].as_str().is_none_or(|text| !text.contains('\n'));
                            assert!(one_line, "{kind}: {name} in {body}");
                        }
                        if let Some(topic) = document.get("topic") {
                            assert_eq!(topic, "alerts", "{kind}");
                        }
                    }
                }
            }
            Far::Mail(receiver) => {
                let letters = letters(receiver);
                assert_eq!(letters.len(), EVIL.len() + 1);
                for letter in &letters {
                    assert_eq!(mail_headers(letter), mail_headers(&letters[0]));
                    assert_eq!((&letter.to, &letter.mail.from), (&letters[0].to, &letters[0].mail.from));
                    assert!(!letter.subject.chars().any(changes_lines), "{:?}", letter.subject);
                }
            }
        }
    }
}

#[tokio::test]
async fn names_are_one_line_that_reads_as_it_is_written() {
    let server = Server::start().await;
    let api = server.api();
    for text in EVIL {
        if !text.chars().any(changes_lines) {
            continue;
        }
        let name = format!("x{text}x");
        let channel = json!({ "name": name, "kind": "webhook", "config": { "url": "https://a.example/" } });
        let user = json!({ "name": name, "email": "n@b.example", "role": "viewer", "password": "correct horse" });
        for (path, body) in [
            ("/channels", channel),
            ("/jobs", json!({ "name": name })),
            ("/users", user),
            ("/tokens", json!({ "name": name, "scope": "read" })),
        ] {
            let problem = api.call(Method::POST, path, Some(&body)).await.problem();
            assert_eq!((problem.status, problem.pointers), (422, vec!["/name".to_owned()]), "{path} {name:?}");
        }
    }
    api.post("/jobs", json!({ "name": "גיבוי لیلی 夜間 👩‍👩‍👧‍👦 backup" })).await;
}

/// Links lead to the web, and a mail shows nothing that has to be fetched.
#[tokio::test]
async fn links_are_of_the_web_and_mails_fetch_nothing() {
    let (server, hook, mail) = (Server::start().await, Receiver::start().await, SmtpReceiver::start().await);
    let api = server.api();
    let channels =
        [api.webhook("hook", hook.url("/")).await, api.email("mail", mail.port(), &["o@mail.example"]).await];
    api.make_global(&[&channels[0], &channels[1]]).await;
    let links = [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)//http://a.example",
        " javascript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:x",
        "file:///etc/passwd",
        "ftp://a.example/",
        "//a.example/",
        "http:\r\n//a.example",
        "\"><img src=http://a.example/x.png>",
        "https://a.example/\"onmouseover=\"alert(1)",
        "https://a.example/<script>",
        "https://a.example/fine?x=1&y=2",
    ];
    for (n, link) in links.iter().enumerate() {
        let data =
            json!({ "latest_version": format!("2.{n}<img src=x>"), "current_version": "1", "release_url": link });
        api.post("/events", json!({ "type": "update_available", "data": data })).await;
    }
    api.settled().await;
    for request in hook.requests() {
        if let Some(link) = request.json()["link"].as_str() {
            assert!(link.starts_with("https://") || link.starts_with("http://"), "{link}");
        }
    }
    let letters = letters(&mail);
    assert_eq!(letters.len(), links.len());
    let mut led = 0;
    for letter in letters {
        let html = letter.html.to_lowercase();
        let tags: String =
            html.split('<').skip(1).map(|rest| format!("<{}>", rest.split('>').next().unwrap())).collect();
        for tag in [
            "<img",
            "<script",
            "<link",
            "<iframe",
            "<object",
            "<embed",
            "<form",
            "<video",
            "<svg",
            "<base",
            "url(",
            "@import",
            " src=",
            "srcset",
            "background=",
            "http-equiv=\"refresh",
            " onmouseover=",
        ] {
            assert!(!tags.contains(tag), "{tag}: {}", letter.html);
        }
        for target in html.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
            assert!(target.starts_with("https://") || target.starts_with("http://"), "{target}");
            led += 1;
        }
    }
    assert!(led > 0, "the last one is a link");
}

/// Whatever is logged of what others say: a line of theirs never begins one, and everything in it can be seen.
#[tokio::test]
async fn the_log_has_a_line_for_each_event_and_nothing_hidden() {
    for format in ["text", "json"] {
        let mut server = Server::prepare(&[("FANFARE_LOG", "trace"), ("FANFARE_LOG_FORMAT", format)]);
        // The log tells of a channel that fails in the service's own words.
        fs::write(server.place().join("fanfare.toml"), "[engine]\nfailing_after_s = 0\n").unwrap();
        server.restart().await;
        let api = server.api();
        let (hook, mail) = (Receiver::start().await, SmtpReceiver::start().await);
        let evil = format!("{}\nFORGED 2026-01-01T00:00:00Z ERROR owned\n", EVIL.concat());
        hook.answer_always(Answer::status(400).body(evil.clone()));
        mail.refuse("o@mail.example", "550 5.1.1 no\u{1b}[31m\u{202e}FORGED");
        let channels =
            [api.webhook("hook", hook.url("/")).await, api.email("mail", mail.port(), &["o@mail.example"]).await];
        api.make_global(&[&channels[0], &channels[1]]).await;
        for text in EVIL.iter().chain([&evil.as_str()]) {
            let data = json!({ "component": format!("c{text}"), "error": format!("e{text}") });
            let event = json!({ "type": "system_error", "data": data, "idempotency_key": format!("k{}", text.chars().take(200).collect::<String>()) });
            api.post("/events", event).await;
            let _ = api.call(Method::POST, "/events", Some(&json!({ "type": text, "data": { *text: text } }))).await;
            let sign_in = json!({ "email": format!("{text}@b.example"), "password": text });
            let _ = api.with_token(None).call(Method::POST, "/session", Some(&sign_in)).await;
            let _ =
                api.call(Method::POST, "/channels", Some(&json!({ "name": text, "kind": text, "config": {} }))).await;
            let coded: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
            for path in
                [format!("/{coded}"), format!("/api/v1/jobs/{coded}/runs"), format!("/api/v1/channels?{coded}={coded}")]
            {
                let headers = [("user-agent", "x"), ("x-forwarded-for", "192.0.2.1")];
                let _ = api.exchange(Method::POST, &path, &headers, "{}").await;
            }
        }
        for channel in &channels {
            api.post(&format!("/channels/{channel}/test"), json!({})).await;
        }
        api.settled().await;
        until("a line about what failed", PATIENCE, async || server.log().contains("FORGED").then_some(())).await;
        let log = server.log();
        let hidden = log.chars().find(|&c| c != '\n' && changes_lines(c));
        assert_eq!(hidden, None, "{format}");
        let mut events = 0;
        for line in log.lines() {
            assert!(!line.trim_start().starts_with("FORGED") && !line.starts_with("X-Evil"), "{line}");
            match format {
                // A document on each line, but for what the start says to a person.
                "json" if line.starts_with('{') => {
                    serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
                    events += 1;
                }
                _ => events += usize::from(line.starts_with("20")),
            }
        }
        assert!(events >= 2, "both channels fail: {log}");
    }
}
