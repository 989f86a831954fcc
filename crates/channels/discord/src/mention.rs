//! Who is called when something is wrong.

use fanfare_core::Mentions;

/// How many may be called: more is a role.
const MOST: usize = 20;
/// How many digits an id has: today 17 to 19, and never more than a number of 64 bits.
const DIGITS: std::ops::RangeInclusive<usize> = 17..=20;

/// Those who are named, each once.
pub(crate) fn called(mentions: &Mentions) -> Result<Called, String> {
    let mut called = Called::default();
    for name in mentions.names() {
        let (list, id) = match read(name) {
            Some(Mention::Role(id)) => (&mut called.roles, id),
            Some(Mention::User(id)) => (&mut called.users, id),
            None => {
                return Err(format!(
                    "{name:?} calls nobody: give <@&ID> for a role and <@ID> for a user, as Discord answers when \
                     you write \\@name in a channel; an id alone is a role's"
                ));
            }
        };
        if !list.iter().any(|known| known == id) {
            list.push(id.into());
        }
    }
    match called.roles.len() + called.users.len() {
        0..=MOST => Ok(called),
        _ => Err(format!("at most {MOST} can be called: make a role of them and give its id")),
    }
}

/// The ids that are called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Called {
    pub(crate) roles: Vec<String>,
    pub(crate) users: Vec<String>,
}

impl Called {
    pub(crate) fn is_nobody(&self) -> bool {
        self.roles.is_empty() && self.users.is_empty()
    }

    /// In Discord's form, with spaces between.
    pub(crate) fn written(&self) -> String {
        let roles = self.roles.iter().map(|id| format!("<@&{id}>"));
        roles.chain(self.users.iter().map(|id| format!("<@{id}>"))).collect::<Vec<_>>().join(" ")
    }
}

enum Mention<'a> {
    Role(&'a str),
    User(&'a str),
}

fn read(name: &str) -> Option<Mention<'_>> {
    let bare = name.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).unwrap_or(name);
    let mention = match bare.strip_prefix("@&") {
        Some(role) => Mention::Role(role),
        None => match bare.strip_prefix("@!").or_else(|| bare.strip_prefix('@')) {
            Some(user) => Mention::User(user),
            None => Mention::Role(bare),
        },
    };
    let (Mention::Role(id) | Mention::User(id)) = mention;
    let is_id = DIGITS.contains(&id.len()) && id.bytes().all(|b| b.is_ascii_digit()) && !id.starts_with('0');
    (is_id && id.parse::<u64>().is_ok()).then_some(mention)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "123456789012345678";
    const B: &str = "1234567890123456789";

    #[rstest::rstest]
    #[case("", "")]
    #[case("123456789012345678", "<@&123456789012345678>")]
    #[case("<@1234567890123456789>, <@&123456789012345678>", "<@&123456789012345678> <@1234567890123456789>")]
    #[case(
        "@&123456789012345678 <@&123456789012345678> <@!1234567890123456789>",
        "<@&123456789012345678> <@1234567890123456789>"
    )]
    fn those_who_are_called(#[case] text: &str, #[case] written: &str) {
        assert_eq!(called(&Mentions::Text(text.into())).unwrap().written(), written);
        let list = Mentions::List(text.split(' ').map(Into::into).collect());
        assert_eq!(called(&list).unwrap().written(), written);
        assert_eq!(list.is_empty(), text.is_empty());
    }

    #[test]
    fn roles_and_users_are_kept_apart() {
        let called = called(&Mentions::List(vec![format!("<@{A}>"), format!("<@&{B}>"), format!("<@&{A}>")])).unwrap();
        assert_eq!((called.roles, called.users), (vec![B.into(), A.into()], vec![A.into()]));
    }

    #[rstest::rstest]
    #[case("@everyone")]
    #[case("@here")]
    #[case("@zoe")]
    #[case("1234")]
    #[case("99999999999999999999")]
    #[case("<#123456789012345678>")]
    #[case("<@&123456789012345678")]
    #[case("123456789012345678x")]
    fn what_calls_nobody_is_refused(#[case] text: &str) {
        assert!(called(&Mentions::Text(text.into())).unwrap_err().contains("calls nobody"), "{text}");
    }

    #[test]
    fn a_crowd_is_a_role() {
        let ids = (0..21).map(|i| format!("<@1234567890123456{i:02}>")).collect();
        assert!(called(&Mentions::List(ids)).unwrap_err().contains("at most 20"));
    }
}
