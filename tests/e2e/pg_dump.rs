//! The main job with the real tool: `pg_dump` under `fanfare run`, and everybody hears what their condition says.

use std::fs;

use fanfare_testkit::{Receiver, smtp::SmtpReceiver};
use fanfare_tests::{Api, Postgres, Server, Wrapper, letters};
use serde_json::json;

/// What somebody heard.
#[derive(Clone, Debug)]
struct Heard {
    title: String,
    /// Everything that it said.
    text: String,
}

/// Where a channel's notifications arrive, whatever its kind.
trait Inbox {
    /// All that arrived so far, oldest first.
    fn heard(&self) -> Vec<Heard>;
}

impl Inbox for Receiver {
    fn heard(&self) -> Vec<Heard> {
        let of = |body: serde_json::Value| Heard { title: body["title"].as_str().unwrap().into(), text: text(&body) };
        self.requests().iter().map(|request| of(request.json())).collect()
    }
}

/// A mail server with an account, and how its connections are encrypted.
struct Mailbox {
    server: SmtpReceiver,
    security: &'static str,
}

impl Inbox for Mailbox {
    fn heard(&self) -> Vec<Heard> {
        let letters = letters(&self.server).into_iter();
        letters
            .map(|letter| {
                assert_eq!(letter.to, ["ops@mail.example", "zoe@mail.example"]);
                assert!(letter.mail.encrypted == (self.security != "none"), "{}", self.security);
                assert_eq!(letter.mail.account.is_some(), self.security != "none", "{}", self.security);
                // Further lines of a value are set in.
                let text = letter.text.lines().map(str::trim_start).collect::<Vec<_>>().join("\n");
                Heard { title: letter.subject, text: text.replace(":\n", ": ") }
            })
            .collect()
    }
}

/// One mail server for each way of encryption; those that encrypt ask for a password.
async fn mailboxes() -> Vec<Mailbox> {
    let (names, account) = (&["127.0.0.1"], ("fanfare@mail.example", "mail-password-91d2"));
    let servers = [
        ("none", SmtpReceiver::builder()),
        ("starttls", SmtpReceiver::builder().starttls(names).account(account.0, account.1)),
        ("tls", SmtpReceiver::builder().tls(names).account(account.0, account.1).mechanisms("LOGIN")),
    ];
    let mut all = Vec::new();
    for (security, builder) in servers {
        all.push(Mailbox { server: builder.start().await, security });
    }
    all
}

/// The words of a webhook's body.
fn text(body: &serde_json::Value) -> String {
    let fields = body["fields"].as_array().unwrap().iter();
    let fields =
        fields.map(|field| format!("{}: {}", field["name"].as_str().unwrap(), field["value"].as_str().unwrap()));
    [body["message"].as_str().unwrap().to_owned()].into_iter().chain(fields).collect::<Vec<_>>().join("\n")
}

/// A channel that is assigned to the job.
struct Assigned {
    channel: String,
    condition: &'static str,
    inbox: Box<dyn Inbox>,
}

/// One channel of each kind for each condition. Of the mail servers each has another way of encryption and another
/// condition, so that `turn` after turn each way meets each condition. Other kinds of channel are added here, and
/// everything below is asked of them too.
async fn assigned(api: &Api, turn: usize, mut mailboxes: Vec<Mailbox>) -> Vec<Assigned> {
    let mut all = Vec::new();
    mailboxes.rotate_left(turn);
    for (condition, mailbox) in ["always", "on_success", "on_failure"].into_iter().zip(mailboxes) {
        let mut config = json!({
            "port": mailbox.server.port(), "security": mailbox.security, "to": ["ops@mail.example", "Zoë <zoe@mail.example>"],
        });
        if mailbox.security != "none" {
            config["username"] = "fanfare@mail.example".into();
            config["password"] = "mail-password-91d2".into();
        }
        let channel = api.email_with(&format!("mail {} {condition}", mailbox.security), config).await;
        all.push(Assigned { channel, condition, inbox: Box::new(mailbox) });
        let receiver = Receiver::start().await;
        let channel = api.webhook(&format!("webhook {condition}"), receiver.url("/")).await;
        all.push(Assigned { channel, condition, inbox: Box::new(receiver) });
    }
    all
}

fn hears(condition: &str, title: &str) -> bool {
    match condition {
        "always" => true,
        "on_success" => title.starts_with("Backup Successful"),
        "on_failure" => !title.starts_with("Backup Successful"),
        other => panic!("{other} is no condition"),
    }
}

/// Checks that everybody has heard of these runs what their condition says, each once, and with these words in it.
async fn check(api: &Api, assigned: &[Assigned], runs: &[(&str, Vec<String>)]) {
    let metrics = api.settled().await;
    let mut deliveries = 0;
    for Assigned { condition, inbox, .. } in assigned {
        let heard = inbox.heard();
        let expected: Vec<_> = runs.iter().filter(|(title, _)| hears(condition, title)).collect();
        let titles: Vec<_> = heard.iter().map(|heard| heard.title.as_str()).collect();
        assert_eq!(titles, expected.iter().map(|(title, _)| *title).collect::<Vec<_>>(), "{condition}");
        for (heard, (title, words)) in heard.iter().zip(expected) {
            for words in words {
                assert!(heard.text.contains(words), "{condition}, {title}: {words:?} is not in {:?}", heard.text);
            }
        }
        deliveries += titles.len() as u64;
    }
    assert_eq!((metrics.accepted, metrics.of("delivered")), (deliveries, deliveries));
}

/// Runs a command of PostgreSQL as a run of the job. What a shell would find in its environment is there.
async fn run(user: &Wrapper, postgres: &Postgres, arguments: &[&str]) -> fanfare_tests::Ran {
    let mut command = user.command(&[&["--job", "shop", "--source", "Shop database"], arguments].concat());
    let path = format!("{}:/usr/bin:/bin", postgres.program("").display());
    command.env("PATH", path).env("PGHOST", postgres.host()).env("PGUSER", "fanfare");
    fanfare_tests::Running::of(command, std::process::Stdio::null()).end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn pg_dump_wrapped_tells_everybody_what_their_condition_says() {
    pg_dump_wrapped(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pg_dump_wrapped_tells_everybody_and_always_by_starttls() {
    pg_dump_wrapped(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pg_dump_wrapped_tells_everybody_and_always_by_tls() {
    pg_dump_wrapped(2).await;
}

async fn pg_dump_wrapped(turn: usize) {
    let (mut server, postgres, mailboxes) =
        tokio::join!(async { Server::prepare(&[]) }, Postgres::start(), mailboxes());
    let encrypting = mailboxes.iter().filter(|mailbox| mailbox.security != "none");
    let authorities = server.place().join("authorities.pem");
    fs::write(&authorities, encrypting.map(|mailbox| mailbox.server.authority()).collect::<String>()).unwrap();
    server.set("FANFARE_EXTRA_CA_FILE", authorities.to_str().unwrap());
    server.restart().await;
    let api = server.api();
    let assigned = assigned(api, turn, mailboxes).await;
    let assignments: Vec<_> = assigned.iter().map(|one| (one.channel.as_str(), one.condition)).collect();
    api.job("shop", &assignments).await;
    let user = server.wrapper();
    postgres.create("shop");
    postgres.sql(
        "shop",
        "CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL);
         CREATE TABLE orders (id int PRIMARY KEY, customer int REFERENCES customers, total numeric(10, 2));
         INSERT INTO customers SELECT i, 'Customer ' || i FROM generate_series(1, 500) i;
         INSERT INTO orders SELECT i, i % 500 + 1, i * 1.5 FROM generate_series(1, 20000) i;",
    );
    let mut told = Vec::new();

    // It works.
    let ran =
        run(&user, &postgres, &["--size-of", "shop.dump", "--", "pg_dump", "-Fc", "-f", "shop.dump", "shop"]).await;
    assert_eq!((ran.code, ran.err()), (Some(0), String::new()));
    let size = fs::metadata(user.place().join("shop.dump")).unwrap().len();
    assert!(size > 10_000, "{size}");
    let kib = format!("{:.2}", size as f64 / 1024.0);
    let words = format!("Size: {} KB", kib.trim_end_matches('0').trim_end_matches('.'));
    told.push(("Backup Successful: shop", vec!["Source: Shop database".to_owned(), words]));
    check(api, &assigned, &told).await;
    let job = api.get("/jobs").await;
    assert_eq!(job[0]["last_run"]["size_bytes"], size);

    // The dump is a backup: it can be restored.
    postgres.create("restored");
    let dump = user.place().join("shop.dump");
    let restore = postgres.client("pg_restore", "restored").arg(dump).output().unwrap();
    assert!(restore.status.success(), "{}", String::from_utf8_lossy(&restore.stderr));
    assert_eq!(postgres.sql("restored", "SELECT count(*), sum(total) FROM orders"), "20000|300015000.00");

    // Through standard output, as people like to do it; what comes out is what pg_dump wrote.
    let ran = run(&user, &postgres, &["--", "pg_dump", "--table", "customers", "shop"]).await;
    assert_eq!(ran.code, Some(0));
    assert!(ran.out().contains("COPY public.customers") && ran.out().contains("500\tCustomer 500\n"));
    told.push(("Backup Successful: shop", Vec::new()));
    check(api, &assigned, &told).await;

    // A part of it works.
    let script = "pg_dump -f shop.sql shop && { echo 'the archive is not there' >&2; exit 3; }";
    let partly = ["--partial-exit", "3", "--size-of", "shop.sql", "--", "sh", "-c", script];
    let ran = run(&user, &postgres, &partly).await;
    assert_eq!((ran.code, ran.err().as_str()), (Some(3), "the archive is not there\n"));
    told.push(("Backup Partial: shop", vec!["exit code 3\nthe archive is not there".into()]));
    check(api, &assigned, &told).await;

    // It does not.
    let ran = run(&user, &postgres, &["--", "pg_dump", "no_such_database"]).await;
    let said = ran.err();
    assert!(ran.code == Some(1) && said.contains("database \"no_such_database\" does not exist"), "{said}");
    told.push(("Backup Failed: shop", vec![format!("exit code 1\n{}", said.trim_end())]));
    check(api, &assigned, &told).await;
    let job = api.get("/jobs").await;
    assert_eq!(job[0]["last_run"]["outcome"], "failure");
}
