//! Notify user: whom a sign-in reaches, in every mode, with every kind of address, whatever state the e-mail channel
//! is in. Each case is asked of `explain`, of intake and of the ledger, and of the receivers.

use fanfare_testkit::{Receiver, smtp::SmtpReceiver};
use fanfare_tests::{Api, Server, letters};
use http::Method;
use serde_json::{Value, json};

use crate::told::{Told, tell, tell_of_user};

const SETTINGS: &str = "/settings/notifications";
const LOGIN: &str = "/settings/notifications/events/user_login";

/// Everybody there is: a webhook, and an e-mail channel for operators, of whom Ada is one.
struct Everybody {
    server: Server,
    hook: Receiver,
    hook_id: String,
    mail: SmtpReceiver,
}

/// The state of the e-mail channel.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mail {
    Enabled,
    Disabled,
    /// Deleted with force, and no other is there.
    Deleted,
    /// Missing among the event type's own channels, though there is another one, which is global.
    Missing,
}

/// What an event says of its user's address.
#[derive(Clone, Copy, Debug)]
enum Address {
    /// One of the operators, written otherwise than in the channel.
    Merged,
    Other,
    Absent,
    Invalid,
}

impl Everybody {
    async fn start() -> Self {
        let (server, hook, mail) = tokio::join!(Server::start(), Receiver::start(), SmtpReceiver::start());
        let hook_id = server.api().webhook("ops", hook.url("/")).await;
        Self { server, hook, hook_id, mail }
    }

    fn api(&self) -> &Api {
        self.server.api()
    }

    async fn operators(&self) -> String {
        let to = ["ops@mail.example", "Ada Lovelace <ADA@mail.example>"];
        self.api().email("mail", self.mail.port(), &to).await
    }

    /// Puts everything into this state.
    async fn set(&self, mode: &str, mail: Mail) {
        let api = self.api();
        let channels = api.get("/channels").await;
        for channel in channels.as_array().unwrap().iter().filter(|channel| channel["kind"] == "email") {
            self.delete(channel["id"].as_str().unwrap()).await;
        }
        let operators = self.operators().await;
        let mut global = vec![self.hook_id.clone(), operators.clone()];
        let mut login = json!({ "enabled": true, "notify_user": mode });
        if mail == Mail::Missing {
            global.push(api.email("another", self.mail.port(), &["other@mail.example"]).await);
            login["channels"] = json!([self.hook_id, operators]);
        }
        api.put(SETTINGS, json!({ "global_channels": global, "events": { "user_login": login } })).await;
        match mail {
            Mail::Enabled => {}
            Mail::Disabled => {
                api.patch(&format!("/channels/{operators}"), json!({ "enabled": false })).await;
            }
            Mail::Deleted | Mail::Missing => self.delete(&operators).await,
        }
    }

    async fn delete(&self, channel: &str) {
        self.api().call(Method::DELETE, &format!("/channels/{channel}?force=true"), None).await.ok();
    }

    async fn sign_in(&self, address: Address) -> Told {
        let (data, user) = match address {
            // The data fields that name the user are filled from `user`.
            Address::Merged => (json!({}), json!({ "name": "Ada", "email": "Ada Lovelace <ada@MAIL.example>" })),
            Address::Other => (json!({ "user_name": "Zoë", "email": "zoe@mail.example" }), Value::Null),
            // An id that nobody knows is no address, and no reason to refuse the event.
            Address::Absent => (json!({ "user_name": "Ada" }), json!({ "id": "42" })),
            Address::Invalid => (json!({ "user_name": "Ada", "email": "somebody" }), json!({ "email": "no one" })),
        };
        tell_of_user(self.api(), "user_login", data, user).await
    }

    /// The subjects and recipients of mails from this one on; those of one event come in any order.
    fn mails_from(&self, first: usize) -> Vec<(String, String)> {
        let letters = letters(&self.mail).into_iter().skip(first);
        let mut mails: Vec<_> = letters.map(|letter| (letter.subject, letter.to.join(" "))).collect();
        mails.sort();
        mails
    }
}

/// Who is told, why others are not, and the mails that arrive.
type Expected =
    (&'static [(&'static str, &'static str)], &'static [&'static str], &'static [(&'static str, &'static str)]);

const OPERATORS: (&str, &str) = ("User Login", "ops@mail.example ADA@mail.example");

/// What section 5 of the design says.
fn expected(mode: &str, mail: Mail, address: Address) -> Expected {
    use Address::{Absent, Invalid, Merged, Other};
    match (mail, mode, address) {
        (Mail::Enabled, "none", _) => (&[("ops", "global"), ("mail", "global")], &[], &[OPERATORS]),
        (Mail::Enabled, "also", Merged) => (
            &[("ops", "global"), ("mail", "global"), ("mail", "notify_user")],
            &["recipient_merged"],
            &[("User Login", "ops@mail.example"), ("You signed in", "ada@mail.example")],
        ),
        (Mail::Enabled, "also", Other) => (
            &[("ops", "global"), ("mail", "global"), ("mail", "notify_user")],
            &[],
            &[OPERATORS, ("You signed in", "zoe@mail.example")],
        ),
        (Mail::Enabled, "also", Absent | Invalid) => {
            (&[("ops", "global"), ("mail", "global")], &["user_unreachable"], &[OPERATORS])
        }
        (Mail::Enabled, "only", Merged) => {
            (&[("mail", "notify_user")], &["user_only", "user_only"], &[("You signed in", "ada@mail.example")])
        }
        (Mail::Enabled, "only", Other) => {
            (&[("mail", "notify_user")], &["user_only", "user_only"], &[("You signed in", "zoe@mail.example")])
        }
        (Mail::Enabled, "only", Absent | Invalid) => {
            (&[("ops", "user_fallback"), ("mail", "user_fallback")], &[], &[OPERATORS])
        }
        // What is meant for a disabled channel waits there.
        (Mail::Disabled, "none", _) => (&[("ops", "global"), ("mail", "global")], &[], &[]),
        (Mail::Disabled, "also", _) => (&[("ops", "global"), ("mail", "global")], &["user_unreachable"], &[]),
        (Mail::Disabled, "only", _) => (&[("ops", "user_fallback"), ("mail", "user_fallback")], &[], &[]),
        (Mail::Deleted, "none", _) => (&[("ops", "global")], &[], &[]),
        (Mail::Deleted, "also", _) => (&[("ops", "global")], &["user_unreachable"], &[]),
        (Mail::Missing, "none", _) => (&[("ops", "override")], &[], &[]),
        (Mail::Missing, "also", _) => (&[("ops", "override")], &["user_unreachable"], &[]),
        (Mail::Deleted | Mail::Missing, "only", _) => (&[("ops", "user_fallback")], &[], &[]),
        other => panic!("{other:?} is not decided"),
    }
}

/// Rule: Is the user told?
/// Rule: What if the user cannot be told?
#[tokio::test]
async fn user_login_reaches_exactly_the_right_people() {
    let all = Everybody::start().await;
    for mail in [Mail::Enabled, Mail::Disabled, Mail::Deleted, Mail::Missing] {
        for mode in ["none", "also", "only"] {
            all.set(mode, mail).await;
            for address in [Address::Merged, Address::Other, Address::Absent, Address::Invalid] {
                let (targets, skips, mails) = expected(mode, mail, address);
                let (hooks, letters) = (all.hook.count(), all.mail.mails().len());
                let told = all.sign_in(address).await;
                all.api().settled().await;
                eprintln!("{mail:?}, {mode}, {address:?}");
                told.check(targets, skips);
                let mails: Vec<_> = mails.iter().map(|&(subject, to)| (subject.to_owned(), to.to_owned())).collect();
                assert_eq!(all.mails_from(letters), mails);
                let to_hook = usize::from(targets.iter().any(|(channel, _)| *channel == "ops"));
                assert_eq!(all.hook.count() - hooks, to_hook);
            }
        }
    }
    let metrics = all.api().settled().await;
    assert_eq!(metrics.of("dead"), 0);
    // What waited in the disabled channel went with it: twelve sign-ins.
    assert_eq!((metrics.of("held"), metrics.of("suppressed")), (0, 12));
}

/// Rule: What is the user's address?
#[tokio::test]
async fn the_users_address_is_the_events_own_or_the_datas_or_an_accounts() {
    let all = Everybody::start().await;
    let api = all.api();
    all.set("only", Mail::Enabled).await;
    let password = "correct horse battery staple";
    let account = json!({ "name": "Grace", "email": "grace@mail.example", "role": "viewer", "password": password });
    let account = api.post("/users", account).await["id"].clone();
    let told = async |data: Value, user: Value| {
        let told = tell_of_user(api, "user_login", data, user).await;
        let event = api.get(&format!("/events/{}", told.event)).await;
        let target = event["deliveries"][0]["target"].as_str().unwrap().to_owned();
        (target, told.targets[0].1.clone(), event["data"].clone())
    };
    let zoe = || json!({ "user_name": "Zoë", "email": "zoe@mail.example" });
    let check = |(target, reason, data): (String, String, Value), address: &str, expected: Value| {
        assert_eq!((target, reason), (format!("user:{address}"), "notify_user".to_owned()));
        assert_eq!(data, expected);
    };
    let ada = json!({ "name": "Ada", "email": "ada@mail.example" });
    check(told(zoe(), ada.clone()).await, "ada@mail.example", zoe());
    check(told(zoe(), json!({ "email": "nobody" })).await, "zoe@mail.example", zoe());
    check(told(zoe(), Value::Null).await, "zoe@mail.example", zoe());
    let filled = json!({ "user_name": "Ada", "email": "ada@mail.example" });
    check(told(json!({}), ada).await, "ada@mail.example", filled);
    let filled = json!({ "user_name": "Grace", "email": "grace@mail.example" });
    check(told(json!({}), json!({ "id": account })).await, "grace@mail.example", filled);
    let unknown = told(json!({}), json!({ "id": "01987a5e-1234-7000-8000-0123456789ab" })).await;
    assert_eq!((unknown.0.as_str(), unknown.1.as_str()), ("channel", "user_fallback"));
}

/// Rule: How is the user told?
#[tokio::test]
async fn the_users_mail_goes_through_the_first_enabled_email_channel_in_the_types_order() {
    let all = Everybody::start().await;
    let (api, second) = (all.api(), SmtpReceiver::start().await);
    let first_id = all.operators().await;
    let second_id = api.email("second", second.port(), &["second@mail.example"]).await;
    let login = json!({ "enabled": true, "notify_user": "only" });
    let global = [&all.hook_id, &first_id, &second_id];
    api.put(SETTINGS, json!({ "global_channels": global, "events": { "user_login": login } })).await;
    let told = async |via: &str| {
        let skips = &["user_only"; 3];
        all.sign_in(Address::Other).await.check(&[(via, "notify_user")], skips);
        api.settled().await;
        (all.mail.mails().len(), second.mails().len())
    };
    assert_eq!(told("mail").await, (1, 0));
    api.patch(LOGIN, json!({ "channels": [all.hook_id, second_id, first_id] })).await;
    assert_eq!(told("second").await, (1, 1));
    api.patch(&format!("/channels/{second_id}"), json!({ "enabled": false })).await;
    assert_eq!(told("mail").await, (2, 1));
    api.patch(&format!("/channels/{second_id}"), json!({ "enabled": true })).await;
    assert_eq!(told("second").await, (2, 2));
    assert_eq!(all.hook.count(), 0);
}

/// Rule: How is the user told?
#[tokio::test]
async fn a_channel_left_with_nobody_is_skipped_for_that_reason() {
    let all = Everybody::start().await;
    let api = all.api();
    let alone = api.email("alone", all.mail.port(), &["ada@mail.example"]).await;
    let login = json!({ "enabled": true, "notify_user": "also" });
    let global = [&all.hook_id, &alone];
    api.put(SETTINGS, json!({ "global_channels": global, "events": { "user_login": login } })).await;
    let told = all.sign_in(Address::Merged).await;
    told.check(&[("ops", "global"), ("alone", "notify_user")], &["recipient_merged"]);
    assert_eq!(told.skips[0].1.as_deref(), Some(alone.as_str()));
    api.settled().await;
    assert_eq!(all.mails_from(0), [("You signed in".to_owned(), "ada@mail.example".to_owned())], "exactly one mail");
}

#[tokio::test]
async fn the_user_is_addressed_in_their_own_words() {
    let all = Everybody::start().await;
    let api = all.api();
    let operators = all.operators().await;
    let own = json!({ "enabled": true, "notify_user": "also" });
    let events = json!({ "user_login": own, "user_created": own });
    api.put(SETTINGS, json!({ "global_channels": [operators], "events": events })).await;

    let data = json!({ "user_name": "Zoë <b>", "email": "zoe@mail.example", "ip_address": "203.0.113.7" });
    let told = tell(api, "user_login", data).await;
    told.check(&[("mail", "global"), ("mail", "notify_user")], &[]);
    let data = json!({ "user_name": "Zoë", "email": "zoe@mail.example", "created_by": "Grace" });
    tell(api, "user_created", data).await.check(&[("mail", "global"), ("mail", "notify_user")], &[]);
    api.settled().await;
    let letters = letters(&all.mail);
    let to_user = |subject: &str| {
        let letter = letters.iter().find(|letter| letter.subject == subject);
        let letter = letter.unwrap_or_else(|| panic!("no {subject:?} in {letters:?}"));
        assert_eq!(letter.to, ["zoe@mail.example"]);
        letter
    };
    let login = to_user("You signed in");
    assert!(login.text.contains("Hello Zoë <b>, you signed in"), "{}", login.text);
    assert!(login.text.contains("203.0.113.7") && login.text.contains("change your password"), "{}", login.text);
    assert!(login.html.contains("Zoë &lt;b&gt;") && !login.html.contains("Zoë <b>"), "data is data");
    let created = to_user("Welcome, Zoë");
    assert!(created.text.contains("Grace") && created.text.contains("zoe@mail.example"), "{}", created.text);
    for letter in letters.iter().filter(|letter| letter.to.len() == 2) {
        assert!(["User Login", "New User Created"].contains(&letter.subject.as_str()));
        assert!(!letter.text.contains("you signed in") && !letter.text.contains("Welcome"), "{}", letter.text);
    }

    // The ledger shows to whom and what; explain shows it beforehand.
    let event = api.get(&format!("/events/{}", told.event)).await;
    assert_eq!(event["notification"]["title"], "User Login");
    assert_eq!(event["user_notification"]["title"], "You signed in");
    let shown = api.get(&format!("/deliveries/{}", told.deliveries[1])).await;
    assert_eq!((&shown["target"], &shown["reason"]), (&json!("user:zoe@mail.example"), &json!("notify_user")));
    assert_eq!((&shown["title"], &shown["notification"]["title"]), (&json!("You signed in"), &json!("You signed in")));
    let event = json!({ "type": "user_login", "data": { "user_name": "Zoë", "email": "zoe@mail.example" } });
    let explained = api.post("/events/explain", event).await;
    assert_eq!(explained["notification"]["title"], "User Login");
    assert_eq!(explained["user"]["notification"]["title"], "You signed in");
    let [own, others] = [&explained["user"]["payload"], &explained["payloads"][&operators]];
    assert!(own.as_str().unwrap().contains("To: zoe@mail.example"), "{own}");
    assert!(others.as_str().unwrap().contains("To: ops@mail.example"), "{others}");
}

/// Rule: What does the test of an event type do?
#[tokio::test]
async fn a_test_tells_each_target_and_says_where_the_user_is_missing() {
    let all = Everybody::start().await;
    let api = all.api();
    let test = async |body: Value| {
        let tested = api.post("/event-types/user_login/test", body).await;
        let results = tested["results"].as_array().unwrap().clone();
        results
            .into_iter()
            .map(|result| {
                let name = result["channel_name"].as_str().unwrap();
                let target = result["target"].as_str().unwrap();
                let detail = result["detail"].as_str().unwrap();
                assert_eq!(result["channel_id"].is_null(), name.is_empty(), "{result}");
                (format!("{name} {target} {}", result["ok"]), detail.to_owned())
            })
            .unzip::<String, String, Vec<_>, Vec<_>>()
    };
    let zoe = || json!({ "user": { "email": "zoe@mail.example" } });
    let nobody = || json!({ "user": { "email": "nobody" } });

    all.set("only", Mail::Enabled).await;
    assert_eq!(test(zoe()).await.0, ["mail user:zoe@mail.example true"]);
    assert_eq!(all.mails_from(0), [("[Test] You signed in".to_owned(), "zoe@mail.example".to_owned())]);
    for (body, why) in [(json!({}), "no address for the user"), (nobody(), "not a valid one")] {
        let (results, details) = test(body).await;
        assert_eq!(results, ["mail user false"]);
        assert!(details[0].contains(why), "{details:?}");
    }
    all.set("also", Mail::Enabled).await;
    let both = ["ops channel true", "mail channel true", "mail user:zoe@mail.example true"];
    assert_eq!(test(zoe()).await.0, both);
    assert_eq!(test(json!({})).await.0, ["ops channel true", "mail channel true", "mail user false"]);
    all.set("none", Mail::Enabled).await;
    assert_eq!(test(zoe()).await.0, ["ops channel true", "mail channel true"]);
    assert_eq!((all.hook.count(), all.mail.mails().len()), (3, 5));

    // Where no e-mail channel can do it, the channels are told, and the test says why.
    for mode in ["also", "only"] {
        all.set(mode, Mail::Deleted).await;
        for body in [zoe(), json!({})] {
            let (results, details) = test(body).await;
            assert_eq!(results, ["ops channel true", " user false"], "{mode}");
            assert!(details[1].contains("no enabled e-mail channel"), "{details:?}");
        }
    }
    assert_eq!(api.metrics().await.accepted, 0, "tests do not count");
}
