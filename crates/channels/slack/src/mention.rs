//! Who is called when something is wrong.

use fanfare_core::Mentions;

/// How many may be called: more is a user group.
const MOST: usize = 20;
/// How long an id may be; today's have at most 11 characters.
const ID: usize = 32;

/// The names in Slack's form, each once, with spaces between.
pub(crate) fn written(mentions: &Mentions) -> Result<String, String> {
    let mut all: Vec<String> = Vec::new();
    for name in mentions.names() {
        let mention = mention(name).ok_or_else(|| {
            let ways = "a user's id (U… or W…), a user group's id (S…), here, channel or everyone";
            format!("{name:?} calls nobody: give {ways}; ids stand in the profile under \"Copy member ID\"")
        })?;
        if !all.contains(&mention) {
            all.push(mention);
        }
    }
    match all.len() {
        0..=MOST => Ok(all.join(" ")),
        _ => Err(format!("at most {MOST} can be called: make a user group of them and give its id (S…)")),
    }
}

/// One name in Slack's form. It may be given in that form, or with the `@` that people write.
fn mention(name: &str) -> Option<String> {
    let bare = name.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).unwrap_or(name);
    let bare = ["!subteam^", "!", "@"].iter().find_map(|mark| bare.strip_prefix(mark)).unwrap_or(bare);
    let is_id = (2..=ID).contains(&bare.len()) && bare.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    match bare.chars().next()? {
        _ if matches!(bare, "here" | "channel" | "everyone") => Some(format!("<!{bare}>")),
        'U' | 'W' if is_id => Some(format!("<@{bare}>")),
        'S' if is_id => Some(format!("<!subteam^{bare}>")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("", "")]
    #[case("U012AB3CD", "<@U012AB3CD>")]
    #[case("W012AB3CD, S0614TZR7", "<@W012AB3CD> <!subteam^S0614TZR7>")]
    #[case("<@U1X> @U1X <!subteam^S2Y>", "<@U1X> <!subteam^S2Y>")]
    #[case("here @channel <!everyone>", "<!here> <!channel> <!everyone>")]
    fn names_in_slacks_form(#[case] text: &str, #[case] written: &str) {
        assert_eq!(super::written(&Mentions::Text(text.into())).as_deref(), Ok(written));
        let list = text.split(' ').map(Into::into).collect();
        assert_eq!(super::written(&Mentions::List(list)).as_deref(), Ok(written));
    }

    #[rstest::rstest]
    #[case("zoe")]
    #[case("@zoe")]
    #[case("U")]
    #[case("u012ab3cd")]
    #[case("U12>|<!here")]
    #[case("C012AB3CD")]
    #[case("#general")]
    fn what_calls_nobody_is_refused(#[case] text: &str) {
        assert!(super::written(&Mentions::Text(text.into())).unwrap_err().contains("calls nobody"), "{text}");
    }
}
