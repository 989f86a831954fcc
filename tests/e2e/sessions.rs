//! Sessions against whoever would have another's: planted cookies, other sites, old cookies, guessed passwords.

use bytes::Bytes;
use fanfare_tests::{Reply, Server, database, rows};
use http::Method;
use serde_json::{Value, json};

const PASSWORD: &str = "correct horse battery";

type Headers<'a> = &'a [(&'a str, &'a str)];

async fn ask(server: &Server, method: Method, path: &str, headers: Headers<'_>, body: Option<Value>) -> Reply {
    let mut all = vec![("content-type", "application/json")];
    all.extend(headers);
    let body = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
    server.api().with_token(None).exchange(method, &format!("/api/v1{path}"), &all, body).await.unwrap()
}

async fn account(server: &Server, email: &str) {
    let body = json!({ "name": "N", "email": email, "role": "admin", "password": PASSWORD });
    server.api().post("/users", body).await;
}

async fn sign_in(server: &Server, email: &str, password: &str, headers: Headers<'_>) -> Reply {
    ask(server, Method::POST, "/session", headers, Some(json!({ "email": email, "password": password }))).await
}

fn cookie(reply: &Reply) -> String {
    assert!(reply.is_ok(), "{}", reply.text());
    reply.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_planted_cookie_is_nobody_s_session() {
    let server = Server::start().await;
    account(&server, "ada@b.example").await;
    // What somebody else has put there, or has from an own session.
    let planted = "fanfare_session=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let first = cookie(&sign_in(&server, "ada@b.example", PASSWORD, &[("cookie", planted)]).await);
    let second = cookie(&sign_in(&server, "ada@b.example", PASSWORD, &[("cookie", &first)]).await);
    assert!(first != planted && second != first && second != planted);
    let status = async |cookie: &str| ask(&server, Method::GET, "/session", &[("cookie", cookie)], None).await.status;
    assert_eq!((status(planted).await, status(&first).await, status(&second).await), (401, 200, 200));
    let reply = sign_in(&server, "ada@b.example", PASSWORD, &[("x-forwarded-proto", "https")]).await;
    let header = reply.headers["set-cookie"].to_str().unwrap();
    for part in ["HttpOnly", "SameSite=Lax", "Secure", "Path=/"] {
        assert!(header.contains(part) && !header.contains("Domain"), "{header}");
    }
}

#[tokio::test]
async fn another_site_changes_nothing() {
    let server = Server::start().await;
    account(&server, "ada@b.example").await;
    let ada = cookie(&sign_in(&server, "ada@b.example", PASSWORD, &[]).await);
    let own = ("cookie", ada.as_str());
    let host = server.api().url().trim_start_matches("http://").to_owned();
    let origin = server.api().url().to_owned();
    let make = async |headers: Headers<'_>| {
        let mut all = vec![own];
        all.extend(headers);
        ask(&server, Method::POST, "/jobs", &all, Some(json!({ "name": "planted" }))).await.status
    };
    for headers in [
        &[][..],
        &[("sec-fetch-site", "same-origin")],
        &[("fanfare-csrf", "1"), ("sec-fetch-site", "cross-site")],
        &[("fanfare-csrf", "1"), ("sec-fetch-site", "same-site")],
        &[("fanfare-csrf", "1"), ("origin", "https://evil.example")],
        &[("fanfare-csrf", "1"), ("origin", "null")],
        &[("fanfare-csrf", "1"), ("origin", "http://127.0.0.1:1")],
        &[("content-type", "text/plain"), ("origin", "https://evil.example")],
    ] {
        assert_eq!(make(headers).await, 403, "{headers:?}");
    }
    assert_eq!(server.api().get("/jobs").await, json!([]));
    // Nor does it sign a visitor in as somebody else, or is it allowed to read an answer.
    let evil = [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")];
    assert_eq!(sign_in(&server, "ada@b.example", PASSWORD, &evil).await.status, 403);
    let preflight = ask(
        &server,
        Method::OPTIONS,
        "/jobs",
        &[
            ("origin", "https://evil.example"),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "fanfare-csrf"),
        ],
        None,
    );
    assert!(preflight.await.headers.keys().all(|name| !name.as_str().starts_with("access-control-")));
    assert_eq!(make(&[("fanfare-csrf", "1"), ("origin", &origin), ("host", &host)]).await, 201);
}

#[tokio::test]
async fn a_session_ends_when_it_is_idle_or_old() {
    let server = Server::start().await;
    account(&server, "ada@b.example").await;
    let file = database(&server.data_dir());
    let hour = 3_600_000;
    for (column, hours, status) in
        [("seen_at", 23, 200), ("seen_at", 25, 401), ("created_at", 13 * 24, 200), ("created_at", 14 * 24 + 1, 401)]
    {
        let ada = cookie(&sign_in(&server, "ada@b.example", PASSWORD, &[]).await);
        rows(&file, &format!("UPDATE fanfare_sessions SET {column} = {column} - {}", hours * hour));
        let asked = ask(&server, Method::GET, "/session", &[("cookie", &ada)], None).await;
        assert_eq!(asked.status, status, "{column} {hours} h ago");
        rows(&file, "DELETE FROM fanfare_sessions");
    }
}

/// Ten guesses for one account, and what is said tells nothing of which accounts exist.
#[tokio::test]
async fn guessing_is_slowed_and_learns_nothing() {
    let server = Server::start().await;
    account(&server, "ada@b.example").await;
    let mut answers = Vec::new();
    for email in ["ada@b.example", "nobody@b.example"] {
        let mut said = Vec::new();
        for n in 0..11 {
            // From an address of its own each time, so that the account's limit is what counts.
            let from = format!("192.0.2.{n}");
            let reply = sign_in(&server, email, &format!("guess number {n}"), &[("x-forwarded-for", &from)]).await;
            let wait = reply.headers.contains_key("retry-after");
            assert_eq!(wait, reply.status == 429, "{}", reply.text());
            let problem = reply.problem();
            said.push((problem.status, problem.document["type"].clone(), wait));
        }
        answers.push(said);
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0].iter().filter(|(status, ..)| *status == 401).count(), 10);
    // With the right password as well, and wherever it comes from.
    assert_eq!(sign_in(&server, "ada@b.example", PASSWORD, &[("x-forwarded-for", "192.0.2.99")]).await.status, 429);
    // Thirty from one address, to whichever account.
    let mut statuses = Vec::new();
    for n in 0..31 {
        let email = format!("user{n}@b.example");
        statuses.push(sign_in(&server, &email, "guess", &[("x-forwarded-for", "198.51.100.1")]).await.status);
    }
    assert!(statuses[..30].iter().all(|status| *status == 401) && statuses[30] == 429, "{statuses:?}");
}

/// Who watches deliveries is told nothing more once the session, or the token, has ended.
#[tokio::test]
async fn what_is_watched_ends_with_the_session() {
    use fanfare_testkit::Receiver;
    use fanfare_tests::{PATIENCE, until};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
    };

    let (server, receiver) = (Server::start().await, Receiver::start().await);
    let channel = server.api().webhook("ops", receiver.url("/")).await;
    server.api().make_global(&[&channel]).await;
    account(&server, "ada@b.example").await;
    let ada = cookie(&sign_in(&server, "ada@b.example", PASSWORD, &[]).await);
    let made = server.api().post("/tokens", json!({ "name": "t", "scope": "read" })).await;
    let bearer = format!("Authorization: Bearer {}", made["token"].as_str().unwrap());
    let event = |error: &str| json!({ "type": "system_error", "data": { "component": "c", "error": error } });
    for (how, credentials) in [("session", format!("Cookie: {ada}")), ("token", bearer)] {
        let mut stream = TcpStream::connect(server.api().url().trim_start_matches("http://")).await.unwrap();
        let head =
            format!("GET /api/v1/deliveries/stream HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{credentials}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut said = String::new();
        let mut read = async |said: &mut String, until: &str| {
            let mut piece = [0; 4096];
            while !said.contains(until) {
                match stream.read(&mut piece).await.unwrap() {
                    0 => return false,
                    length => said.push_str(&String::from_utf8_lossy(&piece[..length])),
                }
            }
            true
        };
        assert!(read(&mut said, "watching").await, "{how}: {said}");
        server.api().post("/events", event("seen")).await;
        assert!(read(&mut said, "event: delivery").await, "{how}: {said}");
        server.api().settled().await;
        match how {
            "session" => {
                let headers = [("cookie", ada.as_str()), ("fanfare-csrf", "1"), ("sec-fetch-site", "same-origin")];
                assert_eq!(ask(&server, Method::DELETE, "/session", &headers, None).await.status, 204);
            }
            _ => {
                let path = format!("/tokens/{}", made["id"].as_str().unwrap());
                assert_eq!(server.api().call(Method::DELETE, &path, None).await.status, 204);
            }
        }
        let id =
            server.api().post("/events", event("unseen")).await["deliveries"][0]["id"].as_str().unwrap().to_owned();
        // The stream ends by itself.
        let rest = tokio::time::timeout(PATIENCE, read(&mut said, "no such thing")).await;
        assert_eq!(rest, Ok(false), "{how}: {said}");
        assert!(!said.contains(&id), "{how}: {said}");
        until("delivery", PATIENCE, async || (server.api().metrics().await.of("pending") == 0).then_some(())).await;
    }
}
