//! Encryption, certificates, addresses and passwords.

use std::sync::Arc;

use fanfare_core::{AddressPolicy, Attempt, Channel, ErrorKind, Network, NetworkRules, Receipt};
use fanfare_testkit::{
    Stub, Vars,
    conformance::{self, Secrets},
    fixtures::{backup_failure, hostile, info, info_with, typical},
    smtp::{At, Builder, SmtpReceiver},
};
use rstest::rstest;
use serde_json::{Value, json};

use crate::bench::{Bench, LIMIT, LOCAL, PASSWORD, channel, failed, network, signed_in, starttls};

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
