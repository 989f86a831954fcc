//! The table: every combination of what decides about a system event, and who hears of it then.
//!
//! The event type is `user_login`, which is off by default, or in one part `user_locked`, which is on. There are a webhook `hook` and an e-mail channel `mail`
//! that writes to `ops@x` and `dba@x`. `inherit`: the global channels, `hook` and `mail`. `custom`: a list of its own,
//! `mail` and `hook`. Without the e-mail channel, both are `hook` alone.

use std::fmt::Write as _;

use fanfare_core::{ChannelInfo, EventSettings, NotifyUser};

use crate::case::{Case, Table, id};

const HOOK: u8 = 1;
const MAIL: u8 = 2;

const ENABLED: [(&str, &str, Option<bool>); 4] = [
    ("enabled", "user_login", Some(true)),
    ("default on", "user_locked", None),
    ("default off", "user_login", None),
    ("disabled", "user_locked", Some(false)),
];
const CHANNELS: [(&str, Option<&[u8]>); 3] = [("inherit", None), ("custom", Some(&[MAIL, HOOK])), ("muted", Some(&[]))];
const MODES: [(&str, NotifyUser); 3] =
    [("none", NotifyUser::None), ("also", NotifyUser::Also), ("only", NotifyUser::Only)];
const MAILS: [(&str, Option<bool>); 3] = [("mail", Some(true)), ("no mail", None), ("mail off", Some(false))];
const USERS: [(&str, Option<&str>); 3] =
    [("ada@x", Some("ada@x")), ("no address", None), ("OPS@x", Some("Operator <OPS@x>"))];

#[test]
fn every_combination() {
    let mut table = String::new();
    for (enabled_word, event_type, enabled) in ENABLED {
        for (list_word, list) in CHANNELS {
            for (mode_word, notify_user) in MODES {
                writeln!(table, "\n{enabled_word}, {list_word}, {mode_word}").unwrap();
                for (mail_word, mail) in MAILS {
                    for (user_word, user) in USERS {
                        let channels = channels(mail);
                        let exist = |n: &u8| channels.0.contains_key(&id(*n));
                        let list = list.map(|list| list.iter().filter(|n| exist(n)).copied().map(id).collect());
                        let own = EventSettings { enabled, channels: list, notify_user, ..EventSettings::default() };
                        let case = Case { user, ..Case::system(event_type, channels).own(own) };
                        writeln!(table, "  {mail_word:<10}{user_word:<12}{}", case.told().trim_end()).unwrap();
                    }
                }
            }
        }
    }
    insta::assert_snapshot!(table);
}

fn channels(mail: Option<bool>) -> Table {
    let info = |n, name: &str, enabled, recipients| ChannelInfo {
        id: id(n),
        name: name.into(),
        kind: name.into(),
        enabled,
        recipients,
    };
    let to = Some(vec!["ops@x".to_owned(), "dba@x".to_owned()]);
    let mail = mail.map(|enabled| info(MAIL, "mail", enabled, to));
    Table([Some(info(HOOK, "hook", true, None)), mail].into_iter().flatten().map(|info| (info.id, info)).collect())
}
