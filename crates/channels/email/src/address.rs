//! Mailboxes as operators write them: `ada@mail.example`, or `Ada Lovelace <ada@mail.example>`.

use fanfare_core::bare_address;
use lettre::{Address, message::Mailbox};
use url::Host;

/// How long a display name may be, in bytes; a header's line has room for it in every encoding.
const NAME: usize = 200;

/// Reads one mailbox. The reason for a failure is a sentence for the operator and does not repeat the address.
pub(crate) fn mailbox(text: &str) -> Result<Mailbox, &'static str> {
    let address = address(text)?;
    let name = match text.trim().strip_suffix('>').and_then(|text| text.rsplit_once('<')) {
        Some((name, _)) => display_name(name.trim())?,
        None => None,
    };
    Ok(Mailbox::new(name, address))
}

/// Reads the address of a mailbox alone. Its domain is turned into the form that every mail server understands
/// (`xn--…`).
pub(crate) fn address(text: &str) -> Result<Address, &'static str> {
    const FORM: &str = "an address looks like ada@mail.example or Ada Lovelace <ada@mail.example>";
    if text.chars().any(char::is_control) {
        return Err("an address must not hold line breaks or other control characters");
    }
    let Some(bare) = bare_address(text) else {
        let inner = text.rsplit_once('<').map_or(text, |(_, inner)| inner);
        let is_ascii = inner.rsplit_once('@').is_none_or(|(local, _)| local.is_ascii());
        let ascii = "the part before the @ has to be plain ASCII: few mail servers take anything else";
        return Err(if is_ascii { FORM } else { ascii });
    };
    let (local, domain) = bare.rsplit_once('@').ok_or(FORM)?;
    let Ok(Host::Domain(domain)) = Host::parse(domain) else { return Err(FORM) };
    Address::new(local, domain).map_err(|_| FORM)
}

/// Whether two addresses are one, however they are written. Text that is no address is nobody's.
pub(crate) fn is_same(one: &Address, other: &str) -> bool {
    fanfare_core::is_same_mailbox(one.as_ref(), other)
}

fn display_name(text: &str) -> Result<Option<String>, &'static str> {
    let quoted = text.len() >= 2 && text.starts_with('"') && text.ends_with('"');
    let name = match quoted {
        true => text[1..text.len() - 1].replace("\\\"", "\"").replace("\\\\", "\\"),
        false if text.contains(['<', '>', '@', ',', ';', '"']) => {
            return Err("this looks like more than one address: give each its own entry, and put a name with \
                        special characters into quotes");
        }
        false => text.to_owned(),
    };
    if name.len() > NAME {
        return Err("the name before the address is too long: 200 bytes are possible");
    }
    Ok(Some(name).filter(|name| !name.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("ada@mail.example", None, "ada@mail.example")]
    #[case(" <ada@mail.example> ", None, "ada@mail.example")]
    #[case("Ada Lovelace <Ada+x@mail.example>", Some("Ada Lovelace"), "Ada+x@mail.example")]
    #[case("Zoë Grün <z@bücher.example>", Some("Zoë Grün"), "z@xn--bcher-kva.example")]
    #[case(r#""Lovelace, \"Ada\"" <ada@mail.example>"#, Some(r#"Lovelace, "Ada""#), "ada@mail.example")]
    #[case("root@localhost", None, "root@localhost")]
    fn mailboxes(#[case] text: &str, #[case] name: Option<&str>, #[case] address: &str) {
        let mailbox = mailbox(text).unwrap();
        assert_eq!((mailbox.name.as_deref(), mailbox.email.to_string().as_str()), (name, address));
    }

    #[rstest::rstest]
    #[case("")]
    #[case("ada")]
    #[case("ada@")]
    #[case("@mail.example")]
    #[case("ada@mail example")]
    #[case("ada@mail.example\r\nBcc: eve@mail.example")]
    #[case("Ada\n <ada@mail.example>")]
    #[case("ada@mail.example\0")]
    #[case("ada@mail.example, bob@mail.example")]
    #[case("ada@mail.example, Bob <bob@mail.example>")]
    #[case("Ada <ada@mail.example> <bob@mail.example>")]
    #[case("größe@mail.example")]
    #[case("ada@127.0.0.1")]
    #[case("ada@mail.example>")]
    #[case(&format!("{} <ada@mail.example>", "x".repeat(201)))]
    fn what_is_none_is_refused(#[case] text: &str) {
        assert!(mailbox(text).is_err());
    }

    #[test]
    fn addresses_are_compared_bare_and_without_case() {
        let ada = mailbox("ada@bücher.example").unwrap().email;
        for other in ["ADA@BÜCHER.example", "Ada <ada@xn--bcher-kva.example>"] {
            assert!(is_same(&ada, other), "{other}");
        }
        assert!(!is_same(&ada, "bob@bücher.example") && !is_same(&ada, "ada"));
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(2_000))]

        /// Routing relies on it: a user whom it finds an address for can be written to.
        #[test]
        fn what_routing_takes_for_an_address_is_one(text in r"([a-z.!#+é_-]{1,8}|x{60,66})@([a-zü0-9-]{1,6}\.){0,3}([a-z0-9ß]{1,5}|x{60,66})") {
            if bare_address(&text).is_some() {
                proptest::prop_assert!(address(&text).is_ok(), "{}", text);
            }
        }
    }
}
