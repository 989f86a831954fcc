//! What a server can refuse, and who gets the message then.

use fanfare_core::{AttemptInfo, Channel, Recipients};
use fanfare_testkit::{
    fixtures::{backup_failure, info},
    smtp::{At, SmtpReceiver},
};
use rstest::rstest;
use serde_json::json;

use crate::bench::{Bench, LIMIT, failed, starttls};

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
