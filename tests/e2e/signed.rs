//! Senders that sign what they post: a token of their own is not enough to speak in their name.

use std::time::{SystemTime, UNIX_EPOCH};

use fanfare_testkit::Receiver;
use fanfare_tests::{Api, PATIENCE, Postgres, Reply, Server, database, rows, until};
use http::Method;
use serde_json::{Value, json};
use standardwebhooks::Webhook;

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().try_into().unwrap()
}

fn event(error: &str) -> Value {
    json!({ "type": "system_error", "data": { "component": "c", "error": error } })
}

/// Somebody who has a token, and the secret that belongs to it.
struct Sender {
    api: Api,
    secret: String,
}

impl Sender {
    async fn new(server: &Server) -> Self {
        let made = server.api().post("/tokens", json!({ "name": "signer", "scope": "send", "signed": true })).await;
        assert_eq!(made["signed"], true);
        let secret = made["signing_secret"].as_str().unwrap().to_owned();
        assert!(secret.starts_with("whsec_") && secret.len() == 50, "{secret}");
        Self { api: server.api().with_token(made["token"].as_str()), secret }
    }

    /// The headers of a message as it should be.
    fn headers(&self, id: &str, at: i64, body: &[u8]) -> Vec<(String, String)> {
        let signature = Webhook::new(&self.secret).unwrap().sign(id, at, body).unwrap();
        [("webhook-id", id.to_owned()), ("webhook-timestamp", at.to_string()), ("webhook-signature", signature)]
            .map(|(name, value)| (name.to_owned(), value))
            .to_vec()
    }

    async fn post(&self, path: &str, headers: &[(String, String)], body: &Value) -> Reply {
        let mut all = vec![("content-type", "application/json")];
        all.extend(headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        self.api.exchange(Method::POST, &format!("/api/v1{path}"), &all, body.to_string()).await.unwrap()
    }

    async fn signed(&self, path: &str, id: &str, body: &Value) -> Reply {
        self.post(path, &self.headers(id, now(), body.to_string().as_bytes()), body).await
    }
}

#[tokio::test]
async fn only_what_is_signed_just_now_is_taken() {
    let (server, receiver) = (Server::start().await, Receiver::start().await);
    let channel = server.api().webhook("ops", receiver.url("/")).await;
    server.api().make_global(&[&channel]).await;
    let sender = Sender::new(&server).await;
    let body = event("one");
    let bytes = body.to_string();
    let right = sender.headers("m1", now(), bytes.as_bytes());
    let without = |name: &str| right.iter().filter(|(known, _)| known != name).cloned().collect::<Vec<_>>();
    let other = Sender { api: sender.api.clone(), secret: Sender::new(&server).await.secret };
    let twice = [right.clone(), vec![right[0].clone()]].concat();
    for (what, headers) in [
        ("unsigned", vec![]),
        ("without an id", without("webhook-id")),
        ("without a time", without("webhook-timestamp")),
        ("without a signature", without("webhook-signature")),
        ("stale", sender.headers("m1", now() - 310, bytes.as_bytes())),
        ("ahead", sender.headers("m1", now() + 330, bytes.as_bytes())),
        ("another body's", sender.headers("m1", now(), event("two").to_string().as_bytes())),
        ("another secret's", other.headers("m1", now(), bytes.as_bytes())),
        ("with an id twice", twice),
        ("with another id", [vec![("webhook-id".into(), "m2".into())], without("webhook-id")].concat()),
        (
            "with another time",
            [vec![("webhook-timestamp".into(), (now() - 60).to_string())], without("webhook-timestamp")].concat(),
        ),
    ] {
        let problem = sender.post("/events", &headers, &body).await.problem();
        assert_eq!(problem.status, 401, "{what}: {problem:?}");
        assert!(!problem.document.to_string().contains(&sender.secret[6..]), "{what}");
    }
    assert!(server.api().all("/events").await.is_empty(), "nothing was taken");

    let first = sender.post("/events", &right, &body).await.ok();
    assert_eq!(first["duplicate"], false);
    // Sent again, by whoever has seen it pass: the first answer, and nothing new.
    let again = sender.post("/events", &right, &body).await.ok();
    assert_eq!((&again["id"], &again["duplicate"]), (&first["id"], &json!(true)));
    // What is not signed cannot make another message of it.
    let mut dressed = right.clone();
    dressed.push(("idempotency-key".into(), "another".into()));
    assert_eq!(sender.post("/events", &dressed, &body).await.problem().status, 422);
    // The same id for something else.
    assert_eq!(sender.signed("/events", "m1", &event("else")).await.problem().status, 409);
    receiver.wait_for(1, PATIENCE).await;
    server.api().settled().await;
    assert_eq!((receiver.count(), server.api().all("/events").await.len()), (1, 1));
}

/// Whatever can be sent: a new operation for senders is found in the API's document.
#[tokio::test]
async fn every_way_to_send_demands_it() {
    let server = Server::start().await;
    let job = server.api().job("nightly", &[]).await;
    let sender = Sender::new(&server).await;
    let document = server.api().exchange(Method::GET, "/api/openapi.json", &[], "").await.unwrap().json();
    let mut ways = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let scopes = operation["security"].to_string();
            if !scopes.contains("\"send\"") {
                continue;
            }
            ways += 1;
            let path = path.strip_prefix("/api/v1").unwrap().replace("{id}", &job);
            let body = match path.as_str() {
                "/events" => event("x"),
                "/events/batch" => json!({ "events": [event("x"), event("y")] }),
                _ => json!({ "outcome": "success" }),
            };
            assert_eq!(method, "post", "{path}");
            assert_eq!(sender.post(&path, &[], &body).await.problem().status, 401, "{path}");
            let first = sender.signed(&path, &path, &body).await.ok();
            let again = sender.signed(&path, &path, &body).await.ok();
            let ids = |answer: &Value| match answer["results"].as_array() {
                Some(results) => results.iter().map(|result| result["id"].clone()).collect(),
                None => vec![answer["id"].clone()],
            };
            assert_eq!(ids(&again), ids(&first), "{path}");
            assert!(again.to_string().contains("\"duplicate\":true"), "{path}: {again}");
        }
    }
    assert_eq!(ways, 3);
    // A token that is signed for is no key to anything else.
    assert_eq!(sender.api.call(Method::GET, "/channels", None).await.problem().status, 403);
    let body = json!({ "name": "t", "scope": "admin", "signed": true });
    assert_eq!(server.api().call(Method::POST, "/tokens", Some(&body)).await.problem().pointers, ["/signed"]);
}

#[tokio::test]
async fn the_command_line_signs() {
    let mut server = Server::start().await;
    server.api().job("nightly", &[]).await;
    let made = server.cli().run(&["tokens", "create", "signer", "--scope", "send", "--signed"]).done();
    let (token, secret) = made.out.trim().split_once('\n').unwrap();
    let (token, secret) = (token.to_owned(), secret.to_owned());
    let list = server.cli().run(&["tokens", "list"]).done();
    assert!(list.out.contains("signed") && !list.out.contains(&secret), "{list:?}");
    let send = |server: &Server, signing: &str| {
        let variables = [
            ("FANFARE_URL", server.api().url()),
            ("FANFARE_TOKEN", token.as_str()),
            ("FANFARE_SIGNING_SECRET", signing),
        ];
        server.run(&["send", "system_error", "component=c", "error=e"], &variables)
    };
    let refused = send(&server, "");
    assert!(refused.code == Some(1) && refused.err.contains("has to be signed"), "{refused:?}");
    assert!(send(&server, &secret).done().out.contains("Accepted"));
    assert_eq!(send(&server, "whsec_nonsense!").code, Some(2));
    let run = |server: &Server| {
        let variables = [
            ("FANFARE_URL", server.api().url()),
            ("FANFARE_TOKEN", token.as_str()),
            ("FANFARE_SIGNING_SECRET", secret.as_str()),
            ("FANFARE_SPOOL_DIR", "spool"),
        ];
        server.run(&["run", "--job", "nightly", "--", "/bin/true"], &variables)
    };
    assert_eq!(run(&server).code, Some(0));
    assert_eq!(server.api().get("/jobs").await[0]["last_run"]["outcome"], "success");

    // It survives a start and a change of the key, and is nowhere to be seen.
    let _ = server.cli().run(&["keys", "rotate"]).done();
    assert_eq!(server.terminate().await, Some(0));
    let kept = rows(&database(&server.data_dir()), "SELECT hex(signing_secret) FROM fanfare_tokens")[0][0].clone();
    assert!(kept.len() > 100, "{kept}");
    server.restart().await;
    assert!(send(&server, &secret).done().out.contains("Accepted"));
    for entry in std::fs::read_dir(server.data_dir()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(40).any(|part| part == &secret.as_bytes()[6..46]));
    }
    for text in [server.whole_log(), json!(server.api().all("/audit").await).to_string()] {
        assert!(!text.contains(&secret[6..]));
    }
}

/// What one node was told, the others know; and a configuration takes it along.
#[tokio::test]
async fn nodes_and_imports_know_the_secret() {
    let postgres = Postgres::start().await;
    postgres.create("fanfare");
    let url = postgres.url("fanfare");
    let variables = [("FANFARE_DATABASE_URL", url.as_str()), ("FANFARE_SECRET_KEY", KEY)];
    let (one, other) = (Server::start_with(&variables).await, Server::start_with(&variables).await);
    let sender = Sender::new(&one).await;
    let there = Sender { api: other.api().with_token(Some(sender.api.token())), secret: sender.secret.clone() };
    let known = async || (there.post("/events", &[], &event("x")).await.problem().document).to_string();
    until("the token at the other node", PATIENCE, async || known().await.contains("has to be signed").then_some(()))
        .await;
    let first = sender.signed("/events", "m", &event("x")).await.ok();
    let again = there.signed("/events", "m", &event("x")).await.ok();
    assert_eq!((&again["id"], &again["duplicate"]), (&first["id"], &json!(true)));

    let passphrase = "correct horse battery staple";
    let document = one.api().post("/export", json!({ "passphrase": passphrase })).await;
    assert!(!document.to_string().contains(&sender.secret[6..]));
    let third = Server::start().await;
    let import = json!({ "document": document, "passphrase": passphrase, "dry_run": false });
    third.api().post("/import", import).await;
    let there = Sender { api: third.api().with_token(Some(sender.api.token())), secret: sender.secret };
    assert_eq!(there.post("/events", &[], &event("x")).await.problem().status, 401);
    there.signed("/events", "m", &event("x")).await.ok();
}
