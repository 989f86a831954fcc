//! Deliveries to a real mail server on loopback.
#![allow(clippy::unwrap_used)]

use std::{sync::Arc, time::Duration};

use fanfare_core::{
    AddressPolicy, Attempt, AttemptInfo, Channel, ChannelConfig, ErrorKind, Network, NetworkRules, Notification,
    Receipt, Recipients, SendError,
};
use fanfare_email::{Email, EmailConfig, Limits};
use fanfare_testkit::{
    Stub, Vars,
    conformance::{self, Secrets},
    fixtures::{backup_failure, hostile, info, info_with, typical},
    smtp::{At, Builder, Mail, Say, SmtpReceiver},
};
use rstest::rstest;
use serde_json::{Value, from_value, json};
use tokio::time::Instant;

const LIMIT: Duration = Duration::from_secs(10);
const PASSWORD: &str = "s3cr3t-p4ssword";
const LOCAL: &[&str] = &["127.0.0.1", "localhost"];

/// A channel to this server, and what it may reach.
struct Bench {
    server: SmtpReceiver,
    channel: Email,
    network: Network,
}

impl Bench {
    async fn new(server: Builder, config: Value) -> Self {
        let server = server.start().await;
        let channel = channel(&server, config);
        Self { channel, network: network(None), server }
    }

    async fn plain() -> Self {
        Self::new(SmtpReceiver::builder(), json!({"security": "none"})).await
    }

    /// With TLS, an account, and the authority that issued the certificate.
    async fn secure(server: Builder, config: Value) -> Self {
        let bench = Self::new(server.account("ada", PASSWORD), signed_in(config)).await;
        let network = network(Some(bench.server.authority()));
        Self { network, ..bench }
    }

    fn within(mut self, exchange: Duration) -> Self {
        self.channel = self.channel.with_limits(Limits { exchange, ..Limits::default() });
        self
    }

    async fn send(&self) -> Result<Receipt, SendError> {
        self.send_to(&Recipients::Configured).await
    }

    async fn send_to(&self, recipients: &Recipients) -> Result<Receipt, SendError> {
        self.attempt(&backup_failure(), AttemptInfo { recipients, ..info() }).await
    }

    async fn attempt(&self, said: &Notification, info: AttemptInfo<'_>) -> Result<Receipt, SendError> {
        let transport = Stub::answering(200, "");
        let attempt = Attempt { info, transport: &transport, network: &self.network };
        self.channel.send(said, &attempt).await
    }

    /// The only message so far.
    fn mail(&self) -> Mail {
        let mut mails = self.server.mails();
        assert_eq!(mails.len(), 1, "{:?}", self.server.commands());
        mails.remove(0)
    }
}

fn channel(server: &SmtpReceiver, changes: Value) -> Email {
    let mut config = json!({
        "host": "127.0.0.1", "port": server.port(), "from": "Fanfare <fanfare@mail.example>",
        "to": ["ops@mail.example", "Zoë <zoe@bücher.example>"],
    });
    fanfare_core::merge_patch(&mut config, &changes);
    from_value::<EmailConfig>(config).unwrap().build().unwrap()
}

fn signed_in(mut config: Value) -> Value {
    fanfare_core::merge_patch(&mut config, &json!({"username": "ada", "password": PASSWORD}));
    config
}

fn network(authority: Option<&str>) -> Network {
    let extra_ca_pem = authority.map(|pem| pem.as_bytes().into());
    Network { policy: Arc::new(AddressPolicy::with_loopback()), extra_ca_pem }
}

fn starttls() -> Builder {
    SmtpReceiver::builder().starttls(LOCAL)
}

#[track_caller]
fn failed(result: Result<Receipt, SendError>, outcome: &str, says: &str) -> SendError {
    let error = result.unwrap_err();
    assert_eq!(error.outcome(), outcome, "{error}");
    assert!(error.detail.contains(says), "{error}");
    error
}

#[tokio::test]
async fn without_encryption() {
    let bench = Bench::plain().await;
    let receipt = bench.send().await.unwrap();
    assert_eq!(receipt, Receipt { status: Some(250), detail: "250 2.0.0 Ok: queued as T3ST".into() });
    let mail = bench.mail();
    assert_eq!(mail.from, "fanfare@mail.example");
    assert_eq!(mail.to, ["ops@mail.example", "zoe@xn--bcher-kva.example"]);
    assert!(!mail.encrypted && mail.account.is_none());
    assert!(mail.text().contains("\r\nSubject: Backup Failed: Nightly\r\n"), "{}", mail.text());
    assert!(mail.text().contains("\r\nTo: ops@mail.example, "));
}

#[rstest]
#[case(starttls(), json!({}), "PLAIN")]
#[case(SmtpReceiver::builder().tls(LOCAL), json!({"security": "tls"}), "PLAIN")]
#[case(starttls(), json!({"host": "localhost"}), "PLAIN")]
#[tokio::test]
async fn with_encryption(#[case] server: Builder, #[case] config: Value, #[case] mechanism: &str) {
    let bench = Bench::secure(server, config).await;
    bench.send().await.unwrap();
    let mail = bench.mail();
    let account = mail.account.unwrap();
    assert!(mail.encrypted);
    assert_eq!((account.mechanism, account.username.as_str()), (mechanism, "ada"));
}

#[tokio::test]
async fn the_other_way_to_sign_in() {
    let server = starttls().account("ada", PASSWORD).mechanisms("LOGIN").start().await;
    let channel = channel(&server, signed_in(json!({})));
    let bench = Bench { network: network(Some(server.authority())), channel, server };
    bench.send().await.unwrap();
    assert_eq!(bench.mail().account.unwrap().mechanism, "LOGIN");
}

#[tokio::test]
async fn what_is_sent_is_what_was_made() {
    let bench = Bench::plain().await;
    let all = typical().into_iter().map(|(_, said)| said).chain(hostile()).collect::<Vec<_>>();
    for said in &all {
        bench.attempt(said, info()).await.unwrap();
    }
    let mails = bench.server.mails();
    assert_eq!((mails.len(), bench.server.connections()), (all.len(), 1));
    for mail in mails {
        let text = String::from_utf8(mail.message).unwrap();
        assert!(text.split_inclusive('\n').all(|line| line.ends_with("\r\n") && line.len() <= 1_000));
    }
}

#[tokio::test]
async fn no_offer_of_starttls_no_message() {
    let bench = Bench::new(SmtpReceiver::builder(), signed_in(json!({}))).await;
    failed(bench.send().await, "misconfigured", "does not offer STARTTLS");
    bench.server.wait_for_closed(LIMIT).await;
    assert!(bench.server.commands().iter().all(|command| command.starts_with("EHLO")), "nothing is said in the clear");
}

#[tokio::test]
async fn what_is_said_before_tls_does_not_count_after_it() {
    let bench = Bench::secure(starttls(), json!({})).await;
    bench.server.say(At::StartTls, "220 2.0.0 Ready\r\n250-mail.test\r\n250 AUTH PLAIN");
    failed(bench.send().await, "temporary", "before TLS began");
    assert_eq!(bench.server.mails(), []);
}

#[rstest]
#[case(454, "temporary")]
#[case(502, "misconfigured")]
#[tokio::test]
async fn a_refused_starttls_is_the_end(#[case] code: u16, #[case] outcome: &str) {
    let bench = Bench::secure(starttls(), json!({})).await;
    bench.server.say(At::StartTls, format!("{code} not now").as_str());
    let error = failed(bench.send().await, outcome, "not now");
    assert_eq!(error.status, Some(code));
    assert_eq!(bench.server.mails(), []);
}

#[rstest]
#[case(starttls(), json!({}))]
#[case(SmtpReceiver::builder().tls(LOCAL), json!({"security": "tls"}))]
#[tokio::test]
async fn an_unknown_authority_is_not_trusted(#[case] server: Builder, #[case] config: Value) {
    let bench = Bench::secure(server, config).await;
    let bench = Bench { network: network(None), ..bench };
    failed(bench.send().await, "temporary", "an authority that is not trusted here");
    assert_eq!(bench.server.mails(), []);
}

#[rstest]
#[case(SmtpReceiver::builder().starttls(&["mail.example"]), json!({}))]
#[case(SmtpReceiver::builder().tls(&["mail.example"]), json!({"security": "tls"}))]
#[tokio::test]
async fn a_certificate_for_another_name_is_not_accepted(#[case] server: Builder, #[case] config: Value) {
    let bench = Bench::secure(server, config).await;
    failed(bench.send().await, "temporary", "another name");
    assert_eq!(bench.server.mails(), []);
}

#[tokio::test]
async fn a_port_without_tls_is_told() {
    let bench = Bench::new(SmtpReceiver::builder(), json!({"security": "tls"})).await;
    failed(bench.send().await, "temporary", "does not speak TLS on this port");
}

#[rstest]
#[case("none", "127.0.0.1")]
#[case("starttls", "127.1")]
#[case("tls", "0x7f000001")]
#[case("none", "::ffff:127.0.0.1")]
#[case("none", "localhost")]
#[tokio::test]
async fn what_the_guard_refuses_is_not_reached(#[case] security: &str, #[case] host: &str) {
    let bench = Bench::new(SmtpReceiver::builder(), json!({"security": security, "host": host})).await;
    let network = Network { policy: Arc::new(AddressPolicy::home_and_office()), extra_ca_pem: None };
    let bench = Bench { network, ..bench };
    let error = failed(bench.send().await, "misconfigured", "not allowed");
    let ErrorKind::Misconfigured { blocked_network: Some(blocked) } = error.kind else { panic!("{error:?}") };
    assert!(["127.0.0.0/8", "::1/128"].contains(&blocked.to_string().as_str()), "{blocked}");
    assert_eq!(bench.server.connections(), 0);
}

/// Rules that are changed between two attempts.
#[derive(Debug)]
struct Changing(std::sync::Mutex<Network>);

impl NetworkRules for Changing {
    fn current(&self) -> Network {
        self.0.lock().unwrap().clone()
    }
}

#[tokio::test]
async fn a_kept_connection_does_not_outlive_a_change_of_the_rules() {
    let bench = Bench::plain().await;
    let rules = Changing(std::sync::Mutex::new(network(None)));
    let transport = Stub::answering(200, "");
    let send = || async {
        let attempt = Attempt { info: info(), transport: &transport, network: &rules };
        bench.channel.send(&backup_failure(), &attempt).await
    };
    send().await.unwrap();
    rules.0.lock().unwrap().policy = Arc::new(AddressPolicy::home_and_office());
    failed(send().await, "misconfigured", "127.0.0.0/8");
    assert_eq!(bench.server.mails().len(), 1);
}

#[rstest]
#[case(At::Greeting, "554 no service", "misconfigured")]
#[case(At::Greeting, "421 too busy", "temporary")]
#[case(At::Hello, "550 who are you", "misconfigured")]
#[case(At::Auth, "454 4.7.0 later", "temporary")]
#[case(At::Auth, "534 5.7.9 app password needed", "misconfigured")]
#[case(At::Auth, "535 5.7.8 wrong", "misconfigured")]
#[case(At::Mail, "530 5.7.0 sign in first", "misconfigured")]
#[case(At::Mail, "452 4.3.1 full", "temporary")]
#[case(At::Mail, "552 5.3.4 too big", "rejected")]
#[case(At::Mail, "553 5.7.1 not your address", "rejected")]
#[case(At::Mail, "421 4.7.0 too much", "temporary")]
#[case(At::Recipient, "421 4.7.0 too much", "temporary")]
#[case(At::Data, "451 4.3.0 later", "temporary")]
#[case(At::Data, "554 5.5.1 no", "rejected")]
#[case(At::Message, "451 4.7.1 later", "temporary")]
#[case(At::Message, "421 4.7.1 later", "temporary")]
#[case(At::Message, "552 5.2.3 too big", "rejected")]
#[case(At::Message, "554 5.7.1 spam", "rejected")]
#[tokio::test]
async fn refusals(#[case] at: At, #[case] line: &str, #[case] outcome: &str) {
    let bench = Bench::secure(starttls(), json!({})).await;
    bench.server.say_always(at, line);
    let error = failed(bench.send().await, outcome, "");
    assert!(error.detail.starts_with(line), "{error}");
    assert_eq!(error.status.map(|code| code.to_string()), line.get(..3).map(Into::into));
    assert_eq!(bench.server.mails(), []);
}

#[tokio::test]
async fn a_wrong_password_is_never_repeated() {
    let bench = Bench::new(starttls().account("ada", "another"), signed_in(json!({}))).await;
    let bench = Bench { network: network(Some(bench.server.authority())), ..bench };
    let error = failed(bench.send().await, "misconfigured", "535 5.7.8");
    assert_eq!(error.status, Some(535));
    let sent = bench.server.commands().into_iter().find(|command| command.starts_with("AUTH")).unwrap();
    for echo in [format!("535 {PASSWORD} is wrong"), format!("535 unknown: {sent}")] {
        let server = starttls().account("ada", PASSWORD).start().await;
        let (channel, network) = (channel(&server, signed_in(json!({}))), network(Some(server.authority())));
        server.say_always(At::Auth, echo.as_str());
        let bench = Bench { server, channel, network };
        let error = failed(bench.send().await, "misconfigured", "535");
        Secrets::new(&[PASSWORD]).assert_hidden("an error", &format!("{error} {error:?}"));
    }
}

#[tokio::test]
async fn conforms() {
    let bench = Bench::secure(starttls(), json!({})).await;
    bench.send().await.unwrap();
    conformance::check_any(&bench.channel, &Secrets::new(&[PASSWORD]));
}

#[tokio::test]
async fn no_way_to_sign_in_is_told() {
    let server = starttls().account("ada", PASSWORD).mechanisms("CRAM-MD5").start().await;
    let channel = channel(&server, signed_in(json!({})));
    let bench = Bench { network: network(Some(server.authority())), channel, server };
    failed(bench.send().await, "misconfigured", "no way to sign in");
}

#[tokio::test]
async fn a_password_from_the_environment() {
    let server = starttls().account("ada", PASSWORD).start().await;
    let channel = channel(&server, json!({"username": "ada", "password": {"env": "FANFARE_VAR_SMTP"}}));
    let bench = Bench { network: network(Some(server.authority())), channel, server };
    failed(bench.send().await, "misconfigured", "FANFARE_VAR_SMTP is not set");
    let wrong = Vars::new([("FANFARE_VAR_SMTP", "a\r\nb")]);
    failed(bench.attempt(&backup_failure(), info_with(&wrong)).await, "misconfigured", "control characters");
    assert_eq!(bench.server.connections(), 0);
    let set = Vars::new([("FANFARE_VAR_SMTP", PASSWORD)]);
    bench.attempt(&backup_failure(), info_with(&set)).await.unwrap();
    assert_eq!(bench.mail().account.unwrap().username, "ada");
}

#[tokio::test]
async fn whoever_is_accepted_gets_it() {
    let bench = Bench::plain().await;
    bench.server.refuse("ops@mail.example", "550 5.1.1 No such user");
    let receipt = bench.send().await.unwrap();
    let detail = "250 2.0.0 Ok: queued as T3ST; not accepted: ops@mail.example: 550 5.1.1 No such user";
    assert_eq!(receipt.detail, detail);
    assert_eq!(bench.mail().to, ["zoe@xn--bcher-kva.example"]);
}

#[rstest]
#[case("550 5.1.1 No such user", "553 5.1.3 Bad address", "rejected", "550 5.1.1 No such user; 553 5.1.3 Bad address")]
#[case("450 4.2.1 later", "451 4.2.1 later", "temporary", "450 4.2.1 later; 451 4.2.1 later")]
#[case("550 5.1.1 No such user", "450 4.2.1 later", "temporary", "450 4.2.1 later; 550 5.1.1 No such user")]
#[case("530 5.7.0 sign in", "450 4.2.1 later", "misconfigured", "530 5.7.0 sign in; 450 4.2.1 later")]
#[case("550 5.7.1 Relaying denied", "550 5.7.1 Relaying denied", "rejected", "550 5.7.1 Relaying denied")]
#[tokio::test]
async fn nobody_is_accepted(#[case] one: &str, #[case] other: &str, #[case] outcome: &str, #[case] detail: &str) {
    let bench = Bench::plain().await;
    bench.server.refuse("ops@mail.example", one);
    bench.server.refuse("zoe@xn--bcher-kva.example", other);
    assert_eq!(failed(bench.send().await, outcome, "").detail, detail);
    assert!(!bench.server.commands().contains(&"DATA".into()));
}

#[tokio::test]
async fn a_greylisted_message_passes_later_with_the_same_id() {
    let bench = Bench::plain().await;
    bench.server.greylist();
    failed(bench.send().await, "temporary", "450 4.2.0 Greylisted");
    bench.send().await.unwrap();
    let id = format!("\r\nMessage-ID: <{}@mail.example>\r\n", info().delivery_id);
    assert!(bench.mail().text().contains(&id));
}

#[rstest]
#[case(Recipients::Except("OPS@mail.example".into()), &["zoe@xn--bcher-kva.example"])]
#[case(Recipients::Except("zoe@BÜCHER.example".into()), &["ops@mail.example"])]
#[case(Recipients::Except("else@mail.example".into()), &["ops@mail.example", "zoe@xn--bcher-kva.example"])]
#[case(Recipients::Only("Ada Lovelace <ada@mail.example>".into()), &["ada@mail.example"])]
#[tokio::test]
async fn those_who_are_meant(#[case] recipients: Recipients, #[case] to: &[&str]) {
    let bench = Bench::plain().await;
    bench.send_to(&recipients).await.unwrap();
    let mail = bench.mail();
    assert_eq!(mail.to, to);
    let header = mail.text().split_once("\r\nTo: ").unwrap().1.split_once("\r\nSubject").unwrap().0.to_owned();
    assert!(to.iter().all(|to| header.contains(to)) && header.matches('@').count() == to.len(), "{header}");
    let payload = bench.channel.payload(&backup_failure(), &AttemptInfo { recipients: &recipients, ..info() }).unwrap();
    assert!(payload.contains(&header.replace("\r\n", "\n")), "{payload}");
}

#[rstest]
#[case("ada")]
#[case("ada@mail.example\r\nRCPT TO:<eve@mail.example>")]
#[case("größe@mail.example")]
#[tokio::test]
async fn an_address_that_is_none_is_nobodys(#[case] address: &str) {
    let bench = Bench::plain().await;
    failed(bench.send_to(&Recipients::Only(address.into())).await, "rejected", "the user's address");
    assert_eq!(bench.server.connections(), 0);
}

#[tokio::test]
async fn a_message_that_is_too_large_is_not_begun() {
    let bench = Bench::new(SmtpReceiver::builder().size(1_000), json!({"security": "none"})).await;
    failed(bench.send().await, "rejected", "takes 1000 at the most");
    bench.server.wait_for_closed(LIMIT).await;
    assert!(!bench.server.commands().iter().any(|command| command.starts_with("MAIL")));
}

#[tokio::test]
async fn the_server_is_told_how_large_a_message_is() {
    let bench = Bench::new(SmtpReceiver::builder().size(1_000_000), json!({"security": "none"})).await;
    bench.send().await.unwrap();
    let mail = bench.mail();
    assert_eq!(mail.parameters, format!("SIZE={}", mail.message.len()));
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let bench = Bench::secure(starttls(), json!({})).await;
    for _ in 0..3 {
        bench.send().await.unwrap();
    }
    assert_eq!(bench.server.connections(), 1);
    assert_eq!(bench.server.commands().iter().filter(|command| command.starts_with("AUTH")).count(), 1);
}

#[tokio::test]
async fn a_restart_of_the_server_costs_nothing() {
    let bench = Bench::plain().await;
    bench.send().await.unwrap();
    bench.server.drop_connections();
    bench.server.wait_for_closed(LIMIT).await;
    bench.send().await.unwrap();
    assert_eq!((bench.server.mails().len(), bench.server.connections()), (2, 2));
}

#[rstest]
#[case(At::Mail, Say::Close)]
#[case(At::Mail, "421 4.4.2 idle for too long".into())]
#[case(At::Recipient, Say::Close)]
#[case(At::Recipient, "421 4.4.2 going down".into())]
#[case(At::Data, Say::Close)]
#[tokio::test]
async fn a_kept_connection_that_ends_is_replaced(#[case] at: At, #[case] say: Say) {
    let bench = Bench::plain().await;
    bench.send().await.unwrap();
    bench.server.say(at, say);
    bench.send().await.unwrap();
    assert_eq!((bench.server.mails().len(), bench.server.connections()), (2, 2));
}

#[tokio::test]
async fn a_new_connection_that_ends_is_not() {
    let bench = Bench::plain().await;
    bench.server.say_always(At::Mail, Say::Close);
    failed(bench.send().await, "temporary", "broke off before the message was complete");
    assert_eq!(bench.server.connections(), 1);
}

#[rstest]
#[case(false)]
#[case(true)]
#[tokio::test]
async fn after_the_final_dot_the_outcome_is_unknown(#[case] kept: bool) {
    let bench = Bench::plain().await;
    if kept {
        bench.send().await.unwrap();
    }
    let before = bench.server.mails().len();
    bench.server.say(At::Message, Say::Close);
    failed(bench.send().await, "unknown", "no answer");
    assert_eq!((bench.server.mails().len(), bench.server.connections()), (before, 1), "it is not sent twice");
}

#[rstest]
#[case(At::Greeting, Say::Hang, "temporary")]
#[case(At::Hello, Say::Drip("250 mail.test".repeat(100), Duration::from_millis(20)), "temporary")]
#[case(At::Mail, Say::Hang, "temporary")]
#[case(At::Recipient, Say::Drip("250 Ok".repeat(100), Duration::from_millis(20)), "temporary")]
#[case(At::Message, Say::Hang, "unknown")]
#[case(At::Message, Say::Drip("250 Ok".repeat(100), Duration::from_millis(20)), "unknown")]
#[tokio::test]
async fn whoever_takes_too_long_is_cut_off(#[case] at: At, #[case] say: Say, #[case] outcome: &str) {
    let bench = Bench::plain().await.within(Duration::from_millis(500));
    bench.server.say_always(at, say);
    let began = Instant::now();
    failed(bench.send().await, outcome, "the time for the whole exchange was over");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    bench.server.wait_for_closed(LIMIT).await;
}

#[rstest]
#[case(At::Greeting, Say::EndlessLine, "temporary")]
#[case(At::Hello, Say::EndlessLines, "temporary")]
#[case(At::Mail, Say::EndlessLine, "temporary")]
#[case(At::Message, Say::EndlessLines, "unknown")]
#[tokio::test]
async fn answers_are_bounded(#[case] at: At, #[case] say: Say, #[case] outcome: &str) {
    let bench = Bench::plain().await;
    bench.server.say_always(at, say);
    failed(bench.send().await, outcome, "longer than 65536 bytes");
    bench.server.wait_for_closed(LIMIT).await;
}

#[tokio::test]
async fn an_idle_connection_is_closed_with_a_farewell() {
    let bench = Bench::plain().await;
    let channel = channel(&bench.server, json!({"security": "none"}));
    let idle = Duration::from_millis(100);
    let bench = Bench { channel: channel.with_limits(Limits { idle, ..Limits::default() }), ..bench };
    bench.send().await.unwrap();
    bench.server.wait_for_closed(LIMIT).await;
    assert_eq!(bench.server.commands().last().unwrap(), "QUIT");
    bench.send().await.unwrap();
    assert_eq!(bench.server.connections(), 2);
}

#[tokio::test]
async fn several_at_once() {
    let bench = Bench::plain().await;
    let sending = (0..8).map(|_| bench.send());
    let all: Vec<_> = futures_util::future::join_all(sending).await;
    assert!(all.iter().all(Result::is_ok), "{all:?}");
    assert_eq!(bench.server.mails().len(), 8);
    assert!(bench.server.connections() <= 8);
    bench.send().await.unwrap();
    assert!(bench.server.connections() <= 8, "a kept connection is used");
}
